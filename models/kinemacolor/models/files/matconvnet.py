"""VGG19 out of the MATLAB file of its authors, as MatConvNet lays it out (imagenet-vgg-verydeep-19.mat).

`layers` is a row of cells, one structure each; those of convolutions have `name` and `weights`, a cell of kernel and
bias. Kernels lie as (height, width, in, out) and are taken as they are: Lei and Chen's program does not turn them.

scipy reads the format (MATLAB's fifth); it makes arrays and runs nothing.
"""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kinemacolor.models.errors import CheckpointError, MachineError

__all__ = ["is_matlab_file", "read_vgg19"]

_HEAD = b"MATLAB 5.0 MAT-file"
_HDF5_HEAD = b"MATLAB 7.3 MAT-file"
_FILE_LIMIT_BYTES = 1 << 30
"""The file has 535 MB, most of it in layers that nothing here uses."""
_KERNEL_AXES = 4
_DAMAGE = (ArithmeticError, EOFError, LookupError, MemoryError, OSError, RuntimeError, TypeError, ValueError)
"""What scipy says of a damaged file; OSError, too, where bytes are missing."""


def is_matlab_file(head: bytes) -> bool:
    """Whether a file that begins like this is one of MATLAB."""
    return head.startswith((_HEAD, _HDF5_HEAD))


def read_vgg19(path: Path, layers: frozenset[str]) -> dict[str, Tensor]:
    """The convolutions of the file.

    Args:
        path: The file.
        layers: Names of those that are wanted: `conv1_1`.

    Returns:
        `conv1_1.weight` (out, in, height, width), `conv1_1.bias` and so on, float32; shapes are not checked.

    Raises:
        CheckpointError: It is damaged or another network's.
        MachineError: scipy, which reads it, is not installed.
        OSError: It cannot be read.
    """
    size = path.stat().st_size
    if size > _FILE_LIMIT_BYTES:
        raise CheckpointError(f"expected a MATLAB file of at most {_FILE_LIMIT_BYTES} bytes, found {size}")
    found: dict[str, Tensor] = {}
    for name, kernel, bias in _convolutions(_cells(path)):
        if name in layers:
            found[f"{name}.weight"] = torch.from_numpy(_floats(name, kernel, _KERNEL_AXES).transpose(3, 2, 0, 1).copy())
            found[f"{name}.bias"] = torch.from_numpy(_floats(name, bias.reshape(-1), 1).copy())
    if not found:
        raise CheckpointError("expected the layers of VGG19 in a MATLAB file, found none of them")
    return found


def _cells(path: Path) -> Any:
    """The cells of `layers`, in a row."""
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError as error:
        raise MachineError(
            "expected scipy, which reads MATLAB files, found none: pip install 'kinemacolor[favc]'"
        ) from error
    data = path.read_bytes()
    try:
        content = loadmat(BytesIO(data), variable_names=["layers"])
    except (MatReadError, struct.error, zlib.error, *_DAMAGE) as error:
        raise CheckpointError(
            f"expected a MATLAB file of the fifth format, found another or damage: {' '.join(str(error).split())}"
        ) from error
    layers = content.get("layers")
    if not isinstance(layers, np.ndarray) or layers.dtype != object:
        raise CheckpointError("expected a MATLAB file with the cells `layers`, found none")
    return layers.reshape(-1)


def _convolutions(cells: Any) -> Iterator[tuple[str, Any, Any]]:
    for cell in cells:
        names = getattr(cell, "dtype", np.dtype(float)).names or ()
        if not {"name", "weights"} <= set(names) or cell.size != 1:
            continue
        one = cell.reshape(-1)[0]
        name, weights = np.asarray(one["name"]), np.asarray(one["weights"])
        if name.size == 1 and name.dtype.kind == "U" and weights.dtype == object and weights.size == 2:
            kernel, bias = weights.reshape(-1)
            yield str(name.reshape(-1)[0]), np.asarray(kernel), np.asarray(bias)


def _floats(name: str, numbers: Any, axes: int) -> Any:
    if numbers.dtype not in (np.float32, np.float64) or numbers.ndim != axes:
        raise CheckpointError(f"{name}: expected numbers of {axes} axes, found {numbers.dtype} of {numbers.shape}")
    return numbers.astype(np.float32)
