"""VGG19 out of the MATLAB file of its authors, as MatConvNet lays it out (imagenet-vgg-verydeep-19.mat).

`layers` is a row of cells, one structure each; those of convolutions have `name` and `weights`, a cell of kernel and
bias. Kernels lie as (height, width, in, out) and are taken as they are: Lei and Chen's program does not turn them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.files.matlab import Cells, read_variable

__all__ = ["is_matlab_file", "read_vgg19"]

_HEAD = b"MATLAB 5.0 MAT-file"
_HDF5_HEAD = b"MATLAB 7.3 MAT-file"
_FILE_LIMIT_BYTES = 1 << 30
"""The file has 535 MB, most of it in layers that nothing here uses."""
_KERNEL_AXES = 4


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


def _cells(path: Path) -> Cells:
    """Of `layers`."""
    with path.open("rb") as file:
        if file.read(len(_HDF5_HEAD)) == _HDF5_HEAD:
            raise CheckpointError("expected a MATLAB file of the fifth format, found one of the later format 7.3")
    layers = read_variable(path.read_bytes(), "layers")
    if not isinstance(layers, Cells):
        raise CheckpointError("expected a MATLAB file with the cells `layers`, found none")
    return layers


def _convolutions(cells: Cells) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
    """Names, kernels and biases."""
    for cell in cells.items:
        match cell:
            case {"name": str(name), "weights": Cells((np.ndarray() as kernel, np.ndarray() as bias))}:
                yield name, kernel, bias


def _floats(name: str, numbers: NDArray[Any], axes: int) -> NDArray[np.float32]:
    if numbers.dtype not in (np.float32, np.float64) or numbers.ndim != axes:
        raise CheckpointError(f"{name}: expected numbers of {axes} axes, found {numbers.dtype} of {numbers.shape}")
    return numbers.astype(np.float32)
