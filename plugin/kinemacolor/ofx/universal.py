"""One macOS library out of those for its two processors: a table of contents, then the files as they are."""

import struct
from collections.abc import Sequence

__all__ = ["merge_slices"]

_FAT_MAGIC, _MACHO_MAGIC = 0xCAFEBABE, 0xFEEDFACF
_ALIGNMENT = 14
"""As a power of two: the larger one of the processors' page sizes."""


def merge_slices(slices: Sequence[bytes]) -> bytes:
    """The universal form of libraries of 64 bits, each for another processor."""
    merged, entries = bytearray(8 + 20 * len(slices)), []
    for each in slices:
        magic, processor, model = struct.unpack_from("<3I", each)
        if magic != _MACHO_MAGIC:
            raise ValueError("not a library of macOS for one processor of 64 bits")
        merged += bytes(-len(merged) % (1 << _ALIGNMENT))
        entries.append((processor, model, len(merged), len(each), _ALIGNMENT))
        merged += each
    struct.pack_into(">2I", merged, 0, _FAT_MAGIC, len(slices))
    for index, entry in enumerate(entries):
        struct.pack_into(">5I", merged, 8 + 20 * index, *entry)
    return bytes(merged)
