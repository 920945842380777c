"""Loads the model that load_into_pytorch.rs has written, and compares the outputs: python load_into_pytorch.py FOLDER."""

import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

folder = Path(sys.argv[1])
model = nn.Sequential(
    nn.Conv2d(1, 4, 3, padding=1),
    nn.BatchNorm2d(4),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(4 * 4 * 4, 10),
)
missing, unexpected = model.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
# The batch counter of PyTorch's batch norms is missing; evaluation does not use it.
assert missing == ["1.num_batches_tracked"] and not unexpected, (missing, unexpected)

example = load_file(folder / "example.safetensors")
with torch.no_grad():
    outputs = model.eval()(example["images"])
difference = (outputs - example["outputs"]).abs().max().item()
print(f"largest difference {difference:.1e}")
# Sums of at most 64 products of values of magnitude 1, in another order.
assert difference < 64 * torch.finfo(torch.float32).eps * outputs.abs().max().item()
