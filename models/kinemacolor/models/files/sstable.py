"""Sorted tables of keys and values: the file format of LevelDB (google/leveldb, doc/table_format.md).

    block*, index block, footer
    block    entry*, restart points (uint32 each), how many; then a byte that says how it is packed, and its CRC-32C
    entry    bytes shared with the key before, bytes of its own, bytes of the value (varints); key's own bytes; value
    footer   48 bytes: places of two blocks (varints), padding, a magic number

Every entry is checked: by its block's checksum, and by its key, which must be larger than the one before.
"""

import struct
from collections.abc import Iterator

from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.files.crc32c import crc32c, unmasked
from kinemacolor.models.files.wire import cut, varint

__all__ = ["ends_as_table", "read_table"]

_FOOTER_BYTES = 48
_MAGIC = struct.pack("<Q", 0xDB4775248B80FB57)
_TRAILER = struct.Struct("<BI")
_UNPACKED = 0
_KEY_LIMIT_BYTES, _ENTRY_LIMIT = 1024, 1 << 16
"""Keys share their beginnings in the file, not in memory."""
_WHAT = "table of a TensorFlow checkpoint"


def ends_as_table(tail: bytes) -> bool:
    """Whether a file that ends like this is such a table."""
    return tail.endswith(_MAGIC)


def read_table(data: bytes) -> dict[bytes, memoryview]:
    """All keys with their values.

    Raises:
        CheckpointError: It is no table, is cut off or damaged, or packed (nothing here packs).
    """
    if len(data) < _FOOTER_BYTES or not ends_as_table(data):
        raise CheckpointError(f"expected a {_WHAT}, found {len(data)} bytes that do not end as one: it is cut off")
    whole = memoryview(data)
    footer = whole[-_FOOTER_BYTES:]
    _, place = _handle(footer, 0)
    index, _ = _handle(footer, place)
    found: dict[bytes, memoryview] = {}
    before, unread = None, len(data)
    for _, handle in _entries(_block(whole, *index)):
        (offset, size), _ = _handle(handle, 0)
        unread -= size + _TRAILER.size
        if unread < 0:
            raise CheckpointError(f"expected a {_WHAT}, found blocks that are larger than it: it is damaged")
        for key, value in _entries(_block(whole, offset, size)):
            if before is not None and key <= before:
                raise CheckpointError(f"expected a {_WHAT} in order, found it out of order: it is damaged")
            found[key], before = value, key
            if len(found) > _ENTRY_LIMIT:
                raise CheckpointError(f"expected a {_WHAT} of at most {_ENTRY_LIMIT} entries, found more")
    return found


def _handle(data: memoryview, place: int) -> tuple[tuple[int, int], int]:
    """Where a block lies: offset and bytes; and the place after that."""
    offset, place = varint(data, place, _WHAT)
    size, place = varint(data, place, _WHAT)
    return (offset, size), place


def _block(whole: memoryview, offset: int, size: int) -> memoryview:
    """The entries of a block, with its checksum compared."""
    packed = cut(whole, min(offset, len(whole)), size + _TRAILER.size, _WHAT)
    kind, stored = _TRAILER.unpack(packed[size:])
    if crc32c(packed[: size + 1]) != unmasked(stored):
        raise CheckpointError(f"expected a {_WHAT} with its checksums, found another: it is damaged")
    if kind != _UNPACKED:
        raise CheckpointError(f"expected a {_WHAT} that is not packed, found packing {kind}")
    if size < 4:
        raise CheckpointError(f"expected a {_WHAT}, found an empty block")
    (restarts,) = struct.unpack("<I", packed[size - 4 : size])
    if restarts > (size - 4) // 4:
        raise CheckpointError(f"expected a {_WHAT}, found {restarts} restart points in {size} bytes")
    return packed[: size - 4 - 4 * restarts]


def _entries(block: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    place, key = 0, b""
    while place < len(block):
        shared, place = varint(block, place, _WHAT)
        own, place = varint(block, place, _WHAT)
        length, place = varint(block, place, _WHAT)
        if shared > len(key):
            raise CheckpointError(f"expected a {_WHAT}, found a key that begins with more than the one before")
        key = key[:shared] + bytes(cut(block, place, own, _WHAT))
        if len(key) > _KEY_LIMIT_BYTES:
            raise CheckpointError(f"expected a {_WHAT} with keys of at most {_KEY_LIMIT_BYTES} bytes, found {len(key)}")
        value = cut(block, place + own, length, _WHAT)
        place += own + length
        yield key, value
