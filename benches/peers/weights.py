"""Reads and writes safetensors files without the package of that name, for NumPy arrays (so without bf16).

To move a model from `crates/models` to PyTorch: `model.load_state_dict(state(path), strict=False)` with a model of
`models.py`; only batch norms' `num_batches_tracked` may be missing. The other way: `write(path, arrays)` with the
arrays of `model.state_dict()`.
"""

import json

import numpy

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}


def write(path, arrays):
    """Writes named arrays of floating-point numbers, in the order given."""
    header, offset, parts = {}, 0, []
    for name, array in arrays.items():
        array = numpy.asarray(array, order="C")
        kind = next(kind for kind, dtype in TYPES.items() if array.dtype == dtype)
        header[name] = {"dtype": kind, "shape": array.shape, "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
        parts.append(array.tobytes())
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(parts))


def read(path):
    """Named arrays."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    arrays = {}
    for name, entry in json.loads(data[8:start]).items():
        if name == "__metadata__":
            continue
        first, last = entry["data_offsets"]
        numbers = numpy.frombuffer(data[start + first : start + last], TYPES[entry["dtype"]])
        arrays[name] = numbers.reshape(entry["shape"])
    return arrays


def state(path):
    """Named tensors, for `load_state_dict`."""
    import torch

    return {name: torch.from_numpy(array.copy()) for name, array in read(path).items()}
