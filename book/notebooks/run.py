"""Runs the code cells of the notebooks in this folder without Jupyter, and saves their figures; `cargo xtask book` calls it.

    python book/notebooks/run.py FOLDER
"""

import json
import os
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

if len(sys.argv) != 2:
    sys.exit("usage: run.py FOLDER")
target = Path(sys.argv[1]).resolve()
target.mkdir(parents=True, exist_ok=True)
here = Path(__file__).resolve().parent
os.chdir(here)
sys.path.insert(0, str(here))

for notebook in sorted(here.glob("*.ipynb")):
    cells = json.loads(notebook.read_text())["cells"]
    names = {}
    for number, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{notebook.name}, cell {number}", "exec"), names)
    figures = plt.get_fignums()
    assert figures and all(axis.has_data() for number in figures for axis in plt.figure(number).axes)
    for number in figures:
        plt.figure(number).savefig(target / f"{notebook.stem}-{number}.png", dpi=120)
    plt.close("all")
    print(f"{notebook.name}: {len(figures)} figures in {target}")
