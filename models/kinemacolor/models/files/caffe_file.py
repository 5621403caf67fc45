"""The blobs of a Caffe model (`.caffemodel`), by layer; nothing in the file is executed.

The file is one protocol-buffer message. Of its schema (BVLC/caffe, src/caffe/proto/caffe.proto) these fields are read:

    NetParameter      name = 1, layers = 2 (V1LayerParameter), layer = 100 (LayerParameter)
    LayerParameter    name = 1, blobs = 7
    V1LayerParameter  name = 4, blobs = 6
    BlobProto         num, channels, height, width = 1 .. 4 (old shape), data = 5, shape = 7, double_data = 8
    BlobShape         dim = 1

Everything else is passed over.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.files.shapes import is_plain_shape
from kinemacolor.models.files.wire import Value, fields, varint

__all__ = ["CaffeFile", "is_caffe_file", "read_caffe_file"]

_FILE_LIMIT_BYTES = 1 << 30
"""The network that is read has 129 MB, and twice that if gradients were kept with it."""
_LAYER_LIMIT = 4096
_BLOB_LIMIT = 64
_SIDES_SHOWN = 8
_PART_LIMIT = 1024
"""Pieces in which the numbers of a blob may come; Caffe writes one."""
_FIRST_TAGS = (b"\x0a", b"\x12", b"\xa2\x06")
"""Of the fields name, layers and layer: with one of them the message begins."""
_WHAT = "Caffe model"


@dataclass(frozen=True, slots=True)
class CaffeFile:
    """What is in a file."""

    name: str
    """Of the network."""
    layers: dict[str, list[Tensor]]
    """The blobs of every layer that has some, float32, in the order of the file."""


def is_caffe_file(head: bytes) -> bool:
    """Whether a file that begins like this may be a Caffe model."""
    return head.startswith(_FIRST_TAGS)


def read_caffe_file(path: Path) -> CaffeFile:
    """Read the blobs of a file.

    Raises:
        CheckpointError: It is no Caffe model, is damaged or too large; the text says what was found.
        OSError: It cannot be read.
    """
    size = path.stat().st_size
    if size > _FILE_LIMIT_BYTES:
        raise CheckpointError(f"expected a Caffe model of at most {_FILE_LIMIT_BYTES} bytes, found {size}")
    name, layers = "", dict[str, list[Tensor]]()
    for number, value in fields(memoryview(path.read_bytes()), _WHAT):
        if number == 1:
            name = _text(value)
        elif number in (2, 100):
            layer, blobs = _layer(value, (1, 7) if number == 100 else (4, 6))
            if layer in layers:
                raise CheckpointError(f"expected a Caffe model with one layer {layer}, found two")
            if blobs:
                layers[layer] = blobs
            if len(layers) > _LAYER_LIMIT:
                raise CheckpointError(f"expected a Caffe model of at most {_LAYER_LIMIT} layers, found more")
    if not layers:
        raise CheckpointError("expected a Caffe model, found a file without layers that have numbers")
    return CaffeFile(name, layers)


# ---- the messages ----


def _layer(value: Value, numbers: tuple[int, int]) -> tuple[str, list[Tensor]]:
    name, blobs = "", []
    for number, part in fields(_inside(value), _WHAT):
        if number == numbers[0]:
            name = _text(part)
        elif number == numbers[1]:
            blobs.append(_inside(part))
    if len(blobs) > _BLOB_LIMIT:
        raise CheckpointError(f"{name}: expected at most {_BLOB_LIMIT} blobs, found {len(blobs)}")
    return name, [_blob(name, blob) for blob in blobs]


def _blob(layer: str, data: memoryview) -> Tensor:
    old_shape, parts = [0, 0, 0, 0], []
    shape: list[int] | None = None
    for number, value in fields(data, _WHAT):
        if number in (1, 2, 3, 4) and isinstance(value, int):
            old_shape[number - 1] = value
        elif number == 7:
            shape = _dimensions(_inside(value))
        elif number in (5, 8):
            parts.append(_numbers(layer, _inside(value), np.dtype("<f4" if number == 5 else "<f8")))
        if len(parts) > _PART_LIMIT:
            raise CheckpointError(f"{layer}: expected packed numbers, found them one by one")
    sides = old_shape if shape is None else shape
    found = np.concatenate(parts) if parts else np.empty(0, np.float32)
    if not is_plain_shape(sides) or math.prod(sides) != len(found):
        raise CheckpointError(
            f"{layer}: expected numbers for a blob of shape {tuple(sides[:_SIDES_SHOWN])}, found {len(found)}"
        )
    return torch.from_numpy(found).view(sides)


def _dimensions(data: memoryview) -> list[int]:
    """Of a BlobShape, packed or one by one."""
    found: list[int] = []
    for number, value in fields(data, _WHAT):
        if number != 1:
            continue
        if isinstance(value, int):
            found.append(value)
            continue
        place = 0
        while place < len(value):
            side, place = varint(value, place, _WHAT)
            found.append(side)
    return found


def _numbers(
    layer: str, data: memoryview, dtype: np.dtype[np.floating]
) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    if len(data) % dtype.itemsize:
        raise CheckpointError(f"{layer}: expected numbers of {dtype.itemsize} bytes, found {len(data)} bytes")
    return np.frombuffer(data, dtype).astype(np.float32)


def _text(value: Value) -> str:
    try:
        return bytes(_inside(value)).decode("utf-8")
    except UnicodeDecodeError as error:
        raise CheckpointError("expected a Caffe model, found a name that is no text") from error


def _inside(value: Value) -> memoryview:
    if isinstance(value, int):
        raise CheckpointError("expected a Caffe model, found a number where a message or packed numbers belong")
    return value
