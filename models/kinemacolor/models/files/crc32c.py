"""CRC-32C (Castagnoli; RFC 3720, appendix B.4), as the files of TensorFlow and LevelDB carry it.

The standard library has another polynomial. A byte after the other takes Python a minute for a file of weights, so the
bytes lie in rows that are worked on side by side, and the rows' values are joined: the CRC is linear over GF(2).
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["crc32c", "unmasked"]

Words = NDArray[np.uint32]

_POLYNOMIAL = np.uint32(0x82F63B78)
_ROW_BYTES = 2048
_ALL_ONES = 0xFFFFFFFF
_MASK_DELTA = 0xA282EAD8


def crc32c(data: bytes | memoryview) -> int:
    """The checksum of some bytes."""
    table = _byte_table()
    codes = np.frombuffer(data, dtype=np.uint8)
    whole = len(codes) - len(codes) % _ROW_BYTES
    value = _ALL_ONES
    if whole:
        value = _joined(_rows(codes[:whole].reshape(-1, _ROW_BYTES), table), value)
    for code in codes[whole:].tolist():
        value = int(table[(value ^ code) & 0xFF]) ^ (value >> 8)
    return value ^ _ALL_ONES


def unmasked(stored: int) -> int:
    """What was rotated and shifted before it was stored, so that checksums of checksums mean something (LevelDB)."""
    rotated = (stored - _MASK_DELTA) & _ALL_ONES
    return ((rotated >> 17) | (rotated << 15)) & _ALL_ONES


def _rows(codes: NDArray[np.uint8], table: Words) -> list[int]:
    """Of each row, begun at zero."""
    values = np.zeros(len(codes), dtype=np.uint32)
    for column in np.ascontiguousarray(codes.T):
        values = table[(values ^ column) & np.uint32(0xFF)] ^ (values >> np.uint32(8))
    found: list[int] = values.tolist()
    return found


def _joined(rows: list[int], value: int) -> int:
    """Go over each row as over zeros, and add what the row has in it."""
    lookups = _row_of_zeros()
    for row in rows:
        first, second, third, fourth = (lookups[n][(value >> (8 * n)) & 0xFF] for n in range(4))
        value = first ^ second ^ third ^ fourth ^ row
    return value


@cache
def _row_of_zeros() -> tuple[tuple[int, ...], ...]:
    """(4, 256) what becomes of each byte of a value after a row of zeros."""
    table = _byte_table()
    values = np.arange(256, dtype=np.uint32) << (np.arange(4, dtype=np.uint32) * np.uint32(8))[:, None]
    for _ in range(_ROW_BYTES):
        values = table[values & np.uint32(0xFF)] ^ (values >> np.uint32(8))
    return tuple(tuple(row) for row in values.tolist())


@cache
def _byte_table() -> Words:
    values = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        values = np.where(values & np.uint32(1), (values >> np.uint32(1)) ^ _POLYNOMIAL, values >> np.uint32(1))
    values.flags.writeable = False
    return values
