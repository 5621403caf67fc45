"""Variables out of a checkpoint of TensorFlow (a Saver's second version), without TensorFlow; nothing is executed.

    NAME.index                  a sorted table: "" to a BundleHeaderProto, each variable's name to a BundleEntryProto
    NAME.data-00000-of-00001    the numbers, where the entries say

Of the schema (tensorflow/core/protobuf/tensor_bundle.proto, framework/tensor_shape.proto) these fields are read:

    BundleHeaderProto  num_shards = 1, endianness = 2
    BundleEntryProto   dtype = 1, shape = 2, shard_id = 3, offset = 4, size = 5, crc32c = 6 (masked), slices = 7
    TensorShapeProto   dim = 2 { size = 1 }, unknown_rank = 3

The first version, one table with the numbers in it, is not read.
"""

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.files.crc32c import crc32c, unmasked
from kinemacolor.models.files.shapes import is_plain_shape
from kinemacolor.models.files.sstable import ends_as_table, read_table
from kinemacolor.models.files.wire import Value, fields

__all__ = ["bundle_files", "is_tf_checkpoint", "read_variables"]

_INDEX, _DATA = ".index", ".data-00000-of-00001"
_INDEX_LIMIT_BYTES = 16 << 20
_TAIL_BYTES = 64
_FLOAT32 = 1
_LITTLE = 0
_MAX_NUMBERS = 1 << 30
_WHAT = "TensorFlow checkpoint"


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where the numbers of a variable are."""

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int
    sliced: bool


def bundle_files(path: Path) -> tuple[Path, Path] | None:
    """Index and numbers of the checkpoint that a path names: either file, or what both names begin with; or None."""
    for end in (_INDEX, _DATA, ""):
        if path.name.endswith(end):
            begin = path.name.removesuffix(end) if end else path.name
            index, data = path.with_name(begin + _INDEX), path.with_name(begin + _DATA)
            if index.is_file() or end:
                return index, data
    return None


def is_tf_checkpoint(path: Path) -> bool:
    """Whether a path names one, of whichever version, or one of the files beside it.

    Raises:
        OSError: It cannot be read.
    """
    if bundle_files(path) is not None or path.name == "checkpoint" or path.name.endswith(".meta"):
        return True
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return ends_as_table(file.read())


def read_variables(path: Path, wanted: Callable[[str], bool] = lambda name: True) -> dict[str, Tensor]:
    """The variables of a checkpoint.

    Args:
        path: As `bundle_files` takes it.
        wanted: Says by a variable's name whether its numbers are to be read.

    Returns:
        float32, by their names.

    Raises:
        CheckpointError: It is of the first version, damaged, cut off, or has numbers of another kind.
        OSError: A file cannot be read.
    """
    files = bundle_files(path)
    if files is None:
        raise CheckpointError(_why_not(path))
    index, data = files
    _refuse_without(index, data)
    size = index.stat().st_size
    if size > _INDEX_LIMIT_BYTES:
        raise CheckpointError(f"{index.name}: expected at most {_INDEX_LIMIT_BYTES} bytes, found {size}")
    table = read_table(index.read_bytes())
    _check_header(table.pop(b"", None))
    named = ((_name(key), value) for key, value in table.items())
    entries = {name: _entry(value) for name, value in named if wanted(name)}
    _refuse_without(data, index)
    with data.open("rb") as file:
        length = data.stat().st_size
        asked = sum(entry.size for entry in entries.values())
        if asked > length:
            raise CheckpointError(f"expected {asked} bytes of numbers, found {length}: {data.name} is cut off")
        return {name: _numbers(file, length, name, entry) for name, entry in entries.items()}


def _refuse_without(part: Path, other: Path) -> None:
    if other.is_file() and not part.is_file():
        raise CheckpointError(f"expected {part.name} beside {other.name}, found none: a checkpoint is both files")


def _why_not(path: Path) -> str:
    if path.name == "checkpoint":
        return f"expected a {_WHAT}, found the note that names the latest one: give NAME.index"
    if path.name.endswith(".meta"):
        return f"expected a {_WHAT}, found its graph, which has no numbers: give NAME.index"
    return (
        f"expected a {_WHAT} of the second version (NAME.index beside NAME.data-00000-of-00001), found one of the "
        "first, which is not read"
    )


def _check_header(value: memoryview | None) -> None:
    if value is None:
        raise CheckpointError(f"expected a {_WHAT}, found a table without a header")
    found = dict(fields(value, _WHAT))
    if found.get(1, 0) != 1:
        raise CheckpointError(f"expected a {_WHAT} with its numbers in one file, found {found.get(1, 0)} files")
    if found.get(2, _LITTLE) != _LITTLE:
        raise CheckpointError(f"expected a {_WHAT} of a little-endian machine, found one of a big-endian")


def _name(key: bytes) -> str:
    try:
        return key.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CheckpointError(f"expected a {_WHAT}, found a name that is no text") from error


def _entry(value: memoryview) -> _Entry:
    numbers = {1: 0, 3: 0, 4: 0, 5: 0}
    shape: tuple[int, ...] = ()
    checksum, sliced = 0, False
    for number, part in fields(value, _WHAT):
        if number in numbers and isinstance(part, int):
            numbers[number] = part
        elif number == 2:
            shape = _shape(part)
        elif number == 6:
            checksum = _fixed(part)
        elif number == 7:
            sliced = True
    return _Entry(numbers[1], shape, numbers[3], numbers[4], numbers[5], checksum, sliced)


def _shape(value: Value) -> tuple[int, ...]:
    sides = [_side(part) for number, part in fields(_inside(value), _WHAT) if number == 2]
    if not is_plain_shape(sides):
        raise CheckpointError(f"expected a {_WHAT}, found a variable of {len(sides)} axes, or too many numbers")
    return tuple(sides)


def _side(value: Value) -> int:
    size = dict(fields(_inside(value), _WHAT)).get(1, 0)
    if not isinstance(size, int) or size > _MAX_NUMBERS:
        raise CheckpointError(f"expected a {_WHAT}, found a side of no plain length")
    return size


def _fixed(value: Value) -> int:
    if isinstance(value, int) or len(value) != 4:
        raise CheckpointError(f"expected a {_WHAT}, found a checksum of another length")
    number: int = struct.unpack("<I", value)[0]
    return number


def _inside(value: Value) -> memoryview:
    if isinstance(value, int):
        raise CheckpointError(f"expected a {_WHAT}, found a number where a message belongs")
    return value


def _numbers(file: BinaryIO, length: int, name: str, entry: _Entry) -> Tensor:
    if entry.dtype != _FLOAT32 or entry.sliced or entry.shard != 0:
        raise CheckpointError(f"{name}: expected whole numbers of float32 in the one file, found others")
    count = math.prod(entry.shape)
    if count > _MAX_NUMBERS or entry.size != 4 * count:
        raise CheckpointError(f"{name}: expected {entry.size} bytes of numbers, found a shape {entry.shape}")
    if entry.offset + entry.size > length:
        raise CheckpointError(f"{name}: expected {entry.offset + entry.size} bytes, found {length}: it is cut off")
    file.seek(entry.offset)
    raw = file.read(entry.size)
    if len(raw) != entry.size or crc32c(raw) != unmasked(entry.checksum):
        raise CheckpointError(f"{name}: expected the numbers of its checksum, found others: the file is damaged")
    return torch.from_numpy(np.frombuffer(raw, dtype="<f4").astype(np.float32)).view(entry.shape)
