"""One variable out of a MATLAB file of the fifth format (MathWorks, "MAT-File Format"); nothing is executed.

    file      128 bytes of text, version and byte order; then elements
    element   kind and length (uint32 each; of up to 4 bytes of data 16 bits each, and the data beside them), data,
              zeros to a multiple of 8 bytes
    packed    kind 15: an element, deflated
    matrix    kind 14: elements: flags with the class, sides, name, and then by class its content:
              cells: matrices; structure: length of the names, names, matrices; text; numbers

Numbers that are integers are often kept in a smaller kind than that of their class. Classes that weights do not need
(sparse matrices, functions, objects) are passed over.
"""

import math
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.files.shapes import is_plain_shape
from kinemacolor.models.files.wire import cut

__all__ = ["Cells", "Content", "read_variable"]

Record = Mapping[str, "Content"]
"""A structure of one element."""


@dataclass(frozen=True, slots=True)
class Cells:
    """A cell array, its elements in the order of the file."""

    items: tuple["Content", ...]


Content = Cells | Record | str | NDArray[Any] | None
"""Of a matrix; None: of a class that is passed over."""

_WHAT = "MATLAB file"
_HEAD_BYTES, _LITTLE_ENDIAN = 128, b"IM"
_TAG = struct.Struct("<II")
_MATRIX, _PACKED = 14, 15
_CELL, _STRUCTURE, _TEXT = 1, 2, 4
_CLASSES: Mapping[int, str] = MappingProxyType(
    {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
)
_KINDS: Mapping[int, str] = MappingProxyType(
    {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
)
_ENCODINGS: Mapping[int, str] = MappingProxyType(
    {1: "latin-1", 2: "latin-1", 4: "utf-16-le", 16: "utf-8", 17: "utf-16-le", 18: "utf-32-le"}
)
_UINT32, _INT32, _INT8 = 6, 5, 1
_MAX_DEPTH, _MAX_MATRICES = 16, 100_000
_MOST_UNPACKED, _SPARE_BYTES = 16, 1 << 20
"""Times the packed size; weights can hardly be packed."""


def read_variable(data: bytes, name: str) -> Content:
    """The content of a variable; None, too, if there is none of that name.

    Args:
        data: The file.
        name: Of the variable.

    Raises:
        CheckpointError: It is no such file, or damaged.
    """
    whole = memoryview(data)
    if len(whole) < _HEAD_BYTES or whole[_HEAD_BYTES - 2 : _HEAD_BYTES] != _LITTLE_ENDIAN:
        raise CheckpointError(f"expected a {_WHAT} of a little-endian machine, found another")
    for kind, body in _elements(whole[_HEAD_BYTES:]):
        if kind == _PACKED:
            kind, body = next(_elements(_unpacked(body)), (0, body))
        if kind == _MATRIX and body:
            reader = _Reader()
            matrix = reader.opened(body)
            if matrix.name == name:
                return reader.content(matrix, 0)
    return None


def _elements(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Kinds and data of the elements that follow each other."""
    place = 0
    while place < len(data):
        kind, size = _TAG.unpack(cut(data, place, _TAG.size, _WHAT))
        if kind >> 16:
            if kind >> 16 > 4:
                raise CheckpointError(f"expected a {_WHAT}, found a small element of {kind >> 16} bytes: it is damaged")
            yield kind & 0xFFFF, data[place + 4 : place + 4 + (kind >> 16)]
            place += _TAG.size
            continue
        yield kind, cut(data, place + _TAG.size, size, _WHAT)
        place += _TAG.size + size
        place += 0 if kind == _PACKED else -size % 8


def _unpacked(packed: memoryview) -> memoryview:
    limit = _MOST_UNPACKED * len(packed) + _SPARE_BYTES
    machine = zlib.decompressobj()
    try:
        data = machine.decompress(packed, limit)
    except zlib.error as error:
        raise CheckpointError(f"expected a {_WHAT}, found damage: {error}") from error
    if not machine.eof:
        raise CheckpointError(f"expected a {_WHAT} of at most {limit} bytes unpacked, found more, or it is cut off")
    return memoryview(data)


@dataclass(frozen=True, slots=True)
class _Matrix:
    """A matrix of which the beginning was read."""

    kind: int
    """Its class."""
    sides: tuple[int, ...]
    name: str
    parts: Iterator[tuple[int, memoryview]]
    """What follows."""


class _Reader:
    """Reads matrices within matrices, of which there may only be so many, and only so deep."""

    def __init__(self) -> None:
        self._count = 0

    def opened(self, body: memoryview) -> _Matrix:
        self._count += 1
        if self._count > _MAX_MATRICES:
            raise CheckpointError(f"expected a {_WHAT} of at most {_MAX_MATRICES} matrices, found more")
        parts = _elements(body)
        flags = _numbers(parts, _UINT32, "u4")
        sides: tuple[int, ...] = tuple(_numbers(parts, _INT32, "i4").tolist())
        name = _next(parts, _INT8)
        if len(flags) != 2 or not is_plain_shape(sides):
            raise CheckpointError(f"expected a {_WHAT}, found a matrix without a class or plain sides: it is damaged")
        return _Matrix(int(flags[0]) & 0xFF, tuple(sides), bytes(name).decode("latin-1"), parts)

    def content(self, matrix: _Matrix, depth: int) -> Content:
        if depth > _MAX_DEPTH:
            raise CheckpointError(f"expected a {_WHAT} of at most {_MAX_DEPTH} levels, found more")
        if matrix.kind == _CELL:
            return Cells(tuple(self._inner(matrix, depth) for _ in range(math.prod(matrix.sides))))
        if matrix.kind == _STRUCTURE:
            return self._record(matrix, depth)
        if matrix.kind == _TEXT:
            kind, text = next(matrix.parts, (0, memoryview(b"")))
            return bytes(text).decode(_ENCODINGS[kind], errors="replace") if kind in _ENCODINGS else None
        return _array(matrix) if matrix.kind in _CLASSES else None

    def _inner(self, matrix: _Matrix, depth: int) -> Content:
        body = _next(matrix.parts, _MATRIX)
        return self.content(self.opened(body), depth + 1) if body else None

    def _record(self, matrix: _Matrix, depth: int) -> Content:
        """Of several elements, which no weights have, nothing is read."""
        length = _numbers(matrix.parts, _INT32, "i4")
        if len(length) != 1 or length[0] < 1:
            raise CheckpointError(f"expected a {_WHAT}, found names without a length: it is damaged")
        names, step = bytes(_next(matrix.parts, _INT8)), int(length[0])
        if math.prod(matrix.sides) != 1:
            return None
        fields = [names[place : place + step] for place in range(0, len(names), step)]
        return {name.partition(b"\0")[0].decode("latin-1"): self._inner(matrix, depth) for name in fields}


def _array(matrix: _Matrix) -> NDArray[Any]:
    """Numbers of the class, which may have been kept smaller; imaginary parts are passed over."""
    kind, data = next(matrix.parts, (0, memoryview(b"")))
    count = math.prod(matrix.sides)
    if kind not in _KINDS or len(data) != count * np.dtype(_KINDS[kind]).itemsize:
        raise CheckpointError(f"expected a {_WHAT} with {count} numbers in a matrix, found {len(data)} bytes")
    stored = np.frombuffer(data, np.dtype(_KINDS[kind]).newbyteorder("<"))
    return stored.astype(_CLASSES[matrix.kind], copy=False).reshape(matrix.sides, order="F")


def _next(parts: Iterator[tuple[int, memoryview]], kind: int) -> memoryview:
    found, data = next(parts, (0, memoryview(b"")))
    if found != kind:
        raise CheckpointError(f"expected a {_WHAT} with an element of kind {kind}, found {found}: it is damaged")
    return data


def _numbers(parts: Iterator[tuple[int, memoryview]], kind: int, dtype: str) -> NDArray[Any]:
    data = _next(parts, kind)
    if len(data) % 4:
        raise CheckpointError(f"expected a {_WHAT} with whole numbers, found {len(data)} bytes: it is damaged")
    return np.frombuffer(data, np.dtype(dtype).newbyteorder("<"))
