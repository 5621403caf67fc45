"""The effect's icon: a frame of film, grey on the left, in colour on the right. Drawn here instead of stored."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["icon_png"]

_SIDE = 128
_HOLE, _BORDER = 12, 22


def icon_png() -> bytes:
    """A PNG of 128 x 128 RGBA pixels."""
    rows = np.zeros((_SIDE, 1 + _SIDE * 4), np.uint8)  # each row begins with its filter: none
    rows[:, 1:] = _picture().reshape(_SIDE, -1)
    head = struct.pack(">2I5B", _SIDE, _SIDE, 8, 6, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _picture() -> NDArray[np.uint8]:
    """(H, W, 4): a hill and a sun, between two rows of perforations."""
    y, x = np.mgrid[0:_SIDE, 0:_SIDE].astype(np.float64)
    picture = np.zeros((_SIDE, _SIDE, 4), np.uint8)
    picture[...] = (24, 24, 26, 255)
    film = (slice(_BORDER, _SIDE - _BORDER), slice(4, _SIDE - 4))
    picture[film] = _scene(y, x)[film]
    for top in (5, _SIDE - 5 - _HOLE):
        for left in range(8, _SIDE - 8, 20):
            picture[top : top + _HOLE, left : left + _HOLE] = (235, 232, 222, 255)
    return picture


def _scene(y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.uint8]:
    scene = np.empty((_SIDE, _SIDE, 4))
    scene[...] = (118, 178, 222, 255)
    scene[(x - 92) ** 2 + (y - 46) ** 2 < 14**2] = (250, 205, 86, 255)
    scene[y > 84 - 14 * np.sin(x / 21)] = (92, 148, 74, 255)
    grey = scene[..., :3] @ (0.2126, 0.7152, 0.0722)
    scene[..., :3] = np.where((x < _SIDE / 2)[..., None], grey[..., None], scene[..., :3])
    return scene.astype(np.uint8)
