"""Reads results files of Agon: one file, which needs numpy and xarray with h5netcdf, and nothing of ours.

    import agon_results as agon
    results = agon.load("fc-lambda-sweep")
    agon.interval(agon.difference(results, "test_accuracy", 0.0, 1.0, variant=0, member=1))
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import xarray as xr

#: The committed results: `results/PROFILE/NAME/NAME.h5`.
FOLDER = Path(__file__).resolve().parents[2] / "results"

#: The 97.5 % quantiles of Student's distribution for 1 to 30 degrees of freedom.
T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131]
T += [2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042]


def path(name, folder=FOLDER):
    """The file of an experiment; an error names those that exist."""
    found = sorted(Path(folder).glob(f"*/{name}/{name}.h5"))
    if not found:
        known = sorted({file.stem for file in Path(folder).glob("*/*/*.h5")})
        raise FileNotFoundError(f"no results of {name} below {folder}; there are {', '.join(known)}")
    return found[0]


def check(file):
    """Compares the SHA-256 in the last line of a file with its bytes; files of format 1 carry none."""
    data = Path(file).read_bytes()
    body, mark, stated = data.rpartition(b"\nagon sha256 ")
    if mark and hashlib.sha256(body).hexdigest() != stated.strip().decode():
        raise ValueError(f"{file}: damaged, its checksum differs")


def load(name, folder=FOLDER):
    """The results of an experiment as labelled arrays, after a check of the checksum."""
    file = path(name, folder)
    check(file)
    return xr.open_dataset(file, engine="h5netcdf")


def members(results, variant):
    """The names of the members of a family, such as `k = 16`."""
    return [label for label, _ in json.loads(results.attrs["families"])[variant]["members"]]


def difference(results, variable, one, other, **at):
    """`variable` at λ = one less that at λ = other, for each seed: a paired difference."""
    values = results[variable].isel(at)
    return (values.sel({"lambda": one}) - values.sel({"lambda": other})).dropna("seed").values


def interval(values):
    """The mean of a sample with its 95 % interval: (mean, low, high)."""
    values = np.asarray(values, dtype=float)
    n, mean = len(values), float(np.mean(values))
    if n < 2:
        return mean, -np.inf, np.inf
    half = T[min(n - 1, len(T)) - 1] * float(np.std(values, ddof=1)) / n**0.5
    return mean, mean - half, mean + half


def correct(name, reader, n_images, folder=FOLDER, **at):
    """Whether each test image is classified correctly by a reader (`online`, `ridge`, `knn`): `[..., image]`."""
    bits = xr.open_dataset(path(name, folder), engine="h5netcdf", group="correct")[reader].isel(at).values
    return np.unpackbits(bits.astype(np.uint8), axis=-1, bitorder="little")[..., :n_images].astype(bool)
