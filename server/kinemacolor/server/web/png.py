"""A picture as PNG (ISO/IEC 15948), with what Python brings: the server has no library of pictures."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["png_of"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB = 2
_FAST = 1
"""zlib's level: a thumbnail is looked at once, on a local network."""


def png_of(rgb: NDArray[np.uint8]) -> bytes:
    """An (H, W, 3) picture of sRGB codes as a file."""
    height, width, _ = rgb.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _RGB, 0, 0, 0)
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # each row begins with its filter: 0, none
    rows[:, 1:] = rgb.reshape(height, 3 * width)
    chunks = ((b"IHDR", header), (b"sRGB", b"\0"), (b"IDAT", zlib.compress(rows.tobytes(), _FAST)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
