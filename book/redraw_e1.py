"""Redraws the λ sweep (experiment E1) from its results file, with nothing of ours.

`cargo xtask book` runs this on the committed results; by hand:

    python -m venv .tools/book && .tools/book/bin/pip install -r book/requirements.txt
    .tools/book/bin/python book/redraw_e1.py results/standard/fc-lambda-sweep/fc-lambda-sweep.h5 out/book

Cells begin with `# %%`, so that an editor can run them one by one.
"""

# %% Where things are
import json
import sys
from pathlib import Path

import h5py
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

if len(sys.argv) != 3:
    sys.exit("usage: redraw_e1.py RESULTS.h5 FOLDER")
source, folder = Path(sys.argv[1]), Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)

# %% The layout: variables with named axes, units and words, in any HDF5 reader
with h5py.File(source) as file:
    print(f"{file.attrs['title']}: {file.attrs['claim']}")
    for name in ("test_mse", "test_accuracy", "cost_in_accuracy"):
        variable = file[name]
        axes = [scale.keys()[0] if len(scale) else "?" for scale in variable.dims]
        print(f"{name}{variable.shape} over {axes}: {variable.attrs['description']}")
    families = json.loads(file.attrs["families"])

# %% The same as labelled arrays
results = xr.open_dataset(source, engine="h5netcdf")
variants, lambdas = list(results["variant"].values), results["lambda"].values
print(results.sizes)

# %% Both losses over λ and one against the other: a row for each data set and family
figure, axes = plt.subplots(len(variants), 3, figsize=(12, 3.2 * len(variants)), squeeze=False)
places = np.arange(len(lambdas))
for row, variant in enumerate(variants):
    for member, (label, _) in enumerate(families[row]["members"]):
        at = dict(variant=row, member=member)
        mse, accuracy = (results[name].isel(at).values for name in ("test_mse", "test_accuracy"))
        there = np.isfinite(mse).any(axis=1)
        if not there.any():
            continue
        for axis, values in zip(axes[row], (mse, accuracy)):
            mean = np.nanmean(values[there], axis=1)
            axis.plot(places[there], mean, marker="o", label=label)
            axis.fill_between(places[there], np.nanmin(values[there], axis=1), np.nanmax(values[there], axis=1), alpha=0.2)
        axes[row, 2].plot(np.nanmean(mse[there], axis=1), np.nanmean(accuracy[there], axis=1), marker="o", label=label)
    for axis, words in zip(axes[row], ("test MSE", "test accuracy", "test accuracy")):
        axis.set_ylabel(words)
    for axis in axes[row, :2]:
        axis.set_xticks(places, [f"{value:g}" for value in lambdas])
        axis.set_xlabel("λ, weight of reconstruction")
    axes[row, 2].set_xlabel("test MSE")
    axes[row, 0].set_title(variant, loc="left")
    axes[row, 0].legend()
figure.tight_layout()
figure.savefig(folder / "e1.png", dpi=150)

# %% The numbers behind the verdicts: what an end point costs, means over seeds
for row, variant in enumerate(variants):
    for member, (label, _) in enumerate(families[row]["members"]):
        at = dict(variant=row, member=member)
        mse, accuracy = (results[name].isel(at) for name in ("test_mse", "test_accuracy"))
        if not np.isfinite(mse).any():
            continue
        lost = float((accuracy.isel({"lambda": 0}) - accuracy.isel({"lambda": -1})).mean())
        stored = float(results["cost_in_accuracy"].isel(at).mean())
        assert abs(lost - stored) < 1e-9, f"{variant}, {label}: {lost} from the curves, {stored} stored"
        ratio = float((mse.isel({"lambda": 0}) / mse.isel({"lambda": -1})).mean())
        print(f"{variant}, {label}: MSE(0) / MSE(1) {ratio:.2f}, accuracy lost {100 * lost:.1f} points")
print(f"wrote {folder / 'e1.png'}")
