"""Colour photos for training, read straight from tars of JPEG files and kept in memory as 8-bit RGB."""

import hashlib
import tarfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = [
    "CropSettings",
    "Picture",
    "as_codes",
    "centre_crops",
    "decode_jpeg",
    "draw_square",
    "is_colourful",
    "is_held_out",
    "read_photos",
    "sample_crops",
    "scaled",
]

Picture = NDArray[np.uint8]

_MIN_MEAN_SPREAD = 6.0  # 8-bit codes between the largest and the smallest channel; below, a picture teaches grey


@dataclass(frozen=True, slots=True)
class CropSettings:
    """Square crops of one training batch."""

    count: int
    """Crops in a batch."""
    side_px: int
    """Side that the network sees; a multiple of 32 keeps all strides whole, of 16 is enough."""
    smallest: float = 0.75
    """Smallest crop as a share of the picture's short side, in (0, 1]."""


def is_held_out(name: str, one_in: int) -> bool:
    """Whether a photo is kept from training: one in so many, chosen by its name alone; 0 holds none out.

    Photos that lie in two sets under one name are held out of both.
    """
    return one_in > 0 and int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % one_in == 0


def read_photos(
    tars: Sequence[Path], limit: int | None = None, keep: Callable[[str], bool] = lambda name: True
) -> list[Picture]:
    """Decode every colourful JPEG of some tars.

    Args:
        tars: Tar files, plain or gzip-compressed.
        limit: Stop after that many files, for quick runs.
        keep: Says by a file's name whether to read it.

    Returns:
        Pictures (H, W, 3) uint8 RGB in the order of the tars.

    Raises:
        FileNotFoundError: A tar does not exist, or `tars` is empty.
    """
    if not tars:
        raise FileNotFoundError("expected at least one tar of photos, found none")
    with ThreadPoolExecutor(max_workers=2) as pool:
        pictures = pool.map(decode_jpeg, _jpegs(tars, limit, keep))
        return [picture for picture in pictures if is_colourful(picture)]


def is_colourful(picture: Picture) -> bool:
    """Whether a picture (H, W, 3) has colour to teach; grey photos and prints would teach grey."""
    small = picture[::4, ::4].astype(np.int16)
    return float((small.max(axis=2) - small.min(axis=2)).mean()) >= _MIN_MEAN_SPREAD


def sample_crops(pictures: Sequence[Picture], settings: CropSettings, rng: np.random.Generator) -> Tensor:
    """Random square crops, scaled and flipped.

    Returns:
        (count, 3, side, side) float32 sRGB code values in [0, 1].
    """
    side = settings.side_px
    batch = np.empty((settings.count, side, side, 3), dtype=np.uint8)
    for index, choice in enumerate(rng.integers(len(pictures), size=settings.count)):
        batch[index] = _crop(pictures[choice], settings, rng)
    return as_codes(batch)


def centre_crops(pictures: Sequence[Picture], side_px: int) -> Tensor:
    """The largest square in the middle of each picture, scaled: the same at every call, for measuring.

    Returns:
        (N, 3, side, side) float32 sRGB code values in [0, 1].
    """
    batch = np.empty((len(pictures), side_px, side_px, 3), dtype=np.uint8)
    for index, picture in enumerate(pictures):
        side = min(picture.shape[:2])
        top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
        batch[index] = scaled(picture[top : top + side, left : left + side], side_px)
    return as_codes(batch)


def as_codes(pictures: NDArray[np.uint8]) -> Tensor:
    """(..., H, W, 3) 8-bit sRGB as (..., 3, H, W) float32 code values in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).movedim(-1, -3).float() / 255.0


def draw_square(picture: Picture, smallest: float, rng: np.random.Generator) -> tuple[slice, slice]:
    """Rows and columns of a random square, its side at least that share of the picture's short side."""
    height, width = picture.shape[:2]
    short = min(height, width)
    side = int(rng.integers(int(short * smallest), short + 1))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    return slice(top, top + side), slice(left, left + side)


def _crop(picture: Picture, settings: CropSettings, rng: np.random.Generator) -> Picture:
    crop = scaled(picture[draw_square(picture, settings.smallest, rng)], settings.side_px)
    return crop[:, ::-1] if rng.random() < 0.5 else crop


def scaled(square: Picture, side_px: int) -> Picture:
    """A square picture at another side: by area where it is reduced, else bilinear."""
    side = square.shape[0]
    if side == side_px:
        return square
    method = cv2.INTER_AREA if side > side_px else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (side_px, side_px), interpolation=method), dtype=np.uint8)


def _jpegs(tars: Sequence[Path], limit: int | None, keep: Callable[[str], bool]) -> Iterator[bytes]:
    seen = 0
    for path in tars:
        with tarfile.open(path) as tar:
            for member in tar:
                handle = tar.extractfile(member) if member.name.endswith(".jpg") and keep(member.name) else None
                if handle is None:
                    continue
                if limit is not None and seen >= limit:
                    return
                seen += 1
                yield handle.read()


def decode_jpeg(data: bytes, *, upright: bool = True) -> Picture:
    """Decode a JPEG file to (H, W, 3) uint8 RGB.

    Args:
        data: The file.
        upright: Turned as its EXIF says; else as its rows lie.

    Raises:
        ValueError: It does not decode.
    """
    mode = cv2.IMREAD_COLOR | (0 if upright else cv2.IMREAD_IGNORE_ORIENTATION)
    picture = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), mode) if data else None
    if picture is None:
        raise ValueError(f"expected a JPEG file, found {len(data)} bytes that do not decode")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)
