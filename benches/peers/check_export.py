#!/usr/bin/env python3
"""Checks that PyTorch with exported parameters computes the same results as our program.

    .tools/peers/bin/python benches/peers/check_export.py target/release/agon

Trains each model for an epoch on a part of the embedded images, exports it, loads the file into the model of the same
name here, strictly, and compares the test errors with those of `agon eval`. Fails where a name or a number differs.
"""

import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import torch
from torch.nn import functional as F

import models
import vit
import weights

EMBEDDED = Path(__file__).resolve().parents[2] / "crates" / "data" / "embedded"

# The name of a start of `agon train` -> the same model here, and the shape of an image.
MODELS = {
    "fc-s": (lambda: models.fc("S", 16), (784,)),
    "fc-m": (lambda: models.fc("M", 16), (784,)),
    "fc-l": (lambda: models.fc("L", 16), (784,)),
    "cnn-s": (models.cnn_s, (1, 28, 28)),
    "vit-s": (vit.vit_s, (1, 28, 28)),
    "vit-m": (vit.vit_m, (1, 28, 28)),
}
PART = ["data.train=1000", "data.validation=50", "data.test=500"]
TESTED = 500

# The longest sums of a model have 784 terms, whose roundings (6e-8 each) would add up to 5e-5 if none cancelled; the remainder
# in a mean over 500 images is 2e-7.
TOLERANCE = 1e-5


def embedded(kind, header):
    return numpy.frombuffer(gzip.decompress((EMBEDDED / f"t10k-{kind}.gz").read_bytes()), numpy.uint8)[header:]


def test_images():
    """Images in [-1, 1] and their classes."""
    images = embedded("images-idx3-ubyte", 16).reshape(-1, 784)[:TESTED]
    classes = embedded("labels-idx1-ubyte", 8)[:TESTED]
    return torch.from_numpy(images / numpy.float32(127.5) - 1), torch.from_numpy(classes.astype(numpy.int64))


def ours(agon, name, folder):
    """The results of our program for a run of this model, and the file of its parameters."""

    def call(*arguments):
        return subprocess.run([agon, *arguments, "--out", folder / "out"], check=True, capture_output=True).stdout

    ended = call("train", "--model", name, *PART, "--epochs", "1", "--json").splitlines()[-1]
    key = json.loads(ended)["key"]
    file = folder / f"{name}.safetensors"
    call("export", key, file)
    return json.loads(call("eval", key, "--json")), file


def theirs(model, shape, file):
    """The results of PyTorch with the same parameters."""
    missing, unexpected = model.load_state_dict(weights.state(file), strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        sys.exit(f"{file.name}: missing {missing}, unexpected {unexpected}")
    x, y = test_images()
    model.eval()
    with torch.no_grad():
        _, reconstruction, logits = model(x.reshape(-1, *shape))
    return {
        "mse": F.mse_loss(reconstruction.reshape(x.shape), x).item(),
        "cross_entropy": F.cross_entropy(logits, y).item(),
        "accuracy": (logits.argmax(1) == y).float().mean().item(),
    }


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    agon = Path(sys.argv[1]).resolve()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for name, (build, shape) in MODELS.items():
            found, file = ours(agon, name, Path(folder))
            told = theirs(build(), shape, file)
            for measure, value in told.items():
                off = abs(value - found[measure])
                # One image with nearly equal scores may be classified differently.
                allowed = 1.5 / TESTED if measure == "accuracy" else TOLERANCE * abs(value)
                failed |= not off <= allowed
                print(f"{name:6} {measure:13} ours {found[measure]:.7f}  PyTorch {value:.7f}  off by {off:.1e}")
    sys.exit("PyTorch computes something else from an exported file" if failed else 0)


if __name__ == "__main__":
    main()
