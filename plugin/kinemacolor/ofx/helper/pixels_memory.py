"""The pictures that shim and helper both see: a head page, then slots. The shim owns it and may make it larger."""

import mmap
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from kinemacolor.ofx.helper.effect import Picture
from kinemacolor.ofx.helper.protocol import (
    MEMORY_HEAD_BYTES,
    MEMORY_MAGIC,
    PROTOCOL_VERSION,
    Depth,
    ProtocolError,
    Render,
)

__all__ = ["Map", "SharedPixels"]

_HEAD = struct.Struct("<4I2Q")
_DTYPES: dict[Depth, np.dtype[Any]] = {
    Depth.BYTE: np.dtype(np.uint8),
    Depth.SHORT: np.dtype(np.uint16),
    Depth.HALF: np.dtype(np.float16),
    Depth.FLOAT: np.dtype(np.float32),
}
Map = Callable[[int], mmap.mmap | memoryview]
"""Maps so many bytes of the memory; it may raise `ValueError` or `OSError`."""


class _Head(NamedTuple):
    magic: int
    version: int
    generation: int
    slots: int
    bytes: int
    slot_bytes: int


class SharedPixels:
    """A view of the shared memory that follows its growth."""

    def __init__(self, map_memory: Map) -> None:
        self._map = map_memory
        self._memory = self._mapped(MEMORY_HEAD_BYTES)

    def picture(self, slot: int, request: Render, generation: int) -> Picture:
        """A slot as a picture of the request's size and depth.

        Raises:
            ProtocolError: The memory is not the one that the request speaks of, or too small for it.
        """
        head = self._head(generation)
        x1, y1, x2, y2 = request.bounds
        shape = (y2 - y1, x2 - x1, int(request.components))
        dtype = _DTYPES[request.depth]
        count = shape[0] * shape[1] * shape[2]
        if slot >= head.slots or count * dtype.itemsize > head.slot_bytes:
            raise ProtocolError(f"a picture of {shape} does not fit into slot {slot}")
        if len(self._memory) < head.bytes:
            # Arrays that still look at the smaller view keep it alive.
            self._memory = self._mapped(head.bytes)
        offset = MEMORY_HEAD_BYTES + slot * head.slot_bytes
        return np.frombuffer(self._memory, dtype, count, offset).reshape(shape)

    def _head(self, generation: int) -> _Head:
        head = _Head(*_HEAD.unpack_from(self._memory))
        if head.magic != MEMORY_MAGIC or head.version != PROTOCOL_VERSION or head.generation != generation:
            raise ProtocolError(f"the shared memory is that of helper {head.generation}, expected {generation}")
        if head.bytes < MEMORY_HEAD_BYTES + head.slots * head.slot_bytes:
            raise ProtocolError(f"the shared memory has {head.bytes} bytes, less than its slots")
        return head

    def _mapped(self, size: int) -> mmap.mmap | memoryview:
        try:
            return self._map(size)
        except (ValueError, OSError) as error:
            raise ProtocolError(f"the shared memory cannot be mapped: {error}") from error
