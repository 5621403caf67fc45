"""The wire format of protocol buffers (protobuf.dev, "Encoding"), small enough to be read here.

This package knows tensors and no messages. Whatever the bytes are, a reader ends, within them.
"""

from collections.abc import Iterator
from types import MappingProxyType

from kinemacolor.models.errors import CheckpointError

__all__ = ["Value", "cut", "fields", "varint"]

Value = int | memoryview
"""Of a field: a number, or bytes."""

_LONGEST_VARINT = 10
_FIXED_BYTES = MappingProxyType({1: 8, 5: 4})
"""Lengths of the values of two wire types."""


def fields(data: memoryview, what: str) -> Iterator[tuple[int, Value]]:
    """Field numbers and values of a message, in the order of the bytes; numbers of fixed length as their bytes.

    Args:
        data: The message.
        what: What the file is taken for, as errors name it: `Caffe model`.

    Raises:
        CheckpointError: The bytes are no message.
    """
    place = 0
    while place < len(data):
        tag, place = varint(data, place, what)
        kind = tag & 7
        if kind == 0:
            value, place = varint(data, place, what)
            yield tag >> 3, value
            continue
        if kind == 2:
            length, place = varint(data, place, what)
        elif kind in _FIXED_BYTES:
            length = _FIXED_BYTES[kind]
        else:
            raise CheckpointError(f"expected a {what}, found a field of the unknown kind {kind}")
        yield tag >> 3, cut(data, place, length, what)
        place += length


def varint(data: memoryview, place: int, what: str) -> tuple[int, int]:
    """A number of variable length, and the place after it.

    Raises:
        CheckpointError: It does not end.
    """
    value = 0
    for count in range(_LONGEST_VARINT):
        if place >= len(data):
            raise CheckpointError(f"expected more bytes, found the end: the {what} is cut off")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value, place
    raise CheckpointError(f"expected a {what}, found a number that does not end")


def cut(data: memoryview, place: int, length: int, what: str) -> memoryview:
    """Some bytes.

    Raises:
        CheckpointError: There are fewer.
    """
    if length > len(data) - place:
        raise CheckpointError(
            f"expected {length} bytes more, found {len(data) - place}: the {what} is cut off or damaged"
        )
    return data[place : place + length]
