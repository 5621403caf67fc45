"""The pictures that models are measured on: colour clips and photos with known colours, as a film scanner sees them."""

import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kinemacolor.models.color import lightness_from_luminance, luma, srgb_to_lab, srgb_to_linear

__all__ = ["Clip", "Picture", "read_clip", "read_jpegs", "read_photo", "read_picture", "read_tarred_clips"]

Picture = NDArray[np.uint8]
"""(..., H, W, 3) sRGB."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip with its colours; a photo is a clip of one frame."""

    name: str
    """Name of its folder, or of the photo's file without its ending."""
    rgb: NDArray[np.uint8]
    """(T, H, W, 3) sRGB."""

    @property
    def is_colourless(self) -> bool:
        """True if red, green and blue are equal everywhere: there is no colour to compare with."""
        return bool((self.rgb == self.rgb[..., :1]).all())

    @property
    def lightness(self) -> Tensor:
        """(T, 1, H, W) float32 CIE L* of the luma Y': what a black-and-white copy of the clip shows."""
        return lightness_from_luminance(srgb_to_linear(luma(self._codes)))

    @property
    def luma_8bit(self) -> NDArray[np.uint8]:
        """(T, H, W) luma Y', for optical flow."""
        return np.asarray((luma(self._codes)[:, 0] * 255.0).round().numpy(), dtype=np.uint8)

    @property
    def lab(self) -> Tensor:
        """(T, 3, H, W) float32, true CIELAB."""
        return srgb_to_lab(self._codes)

    @property
    def _codes(self) -> Tensor:
        return torch.from_numpy(self.rgb).permute(0, 3, 1, 2).float() / 255.0


def read_clip(folder: Path, frames: int | None = None) -> Clip:
    """Read the JPEG frames of one folder in the order of their names.

    Args:
        folder: Folder of the clip.
        frames: Read that many at most.

    Raises:
        FileNotFoundError: The folder has no JPEG files.
    """
    paths = sorted(folder.glob("*.jpg"))[:frames]
    if not paths:
        raise FileNotFoundError(f"expected JPEG frames in {folder.name}, found none")
    return Clip(folder.name, np.stack([read_picture(path) for path in paths]))


def read_photo(path: Path) -> Clip:
    """Read one JPEG file as a clip of one frame."""
    return Clip(path.stem, read_picture(path)[None])


def read_tarred_clips(tars: Sequence[Path], clips: int | None = None, frames: int | None = None) -> list[Clip]:
    """Read clips from tars that hold one folder of JPEG frames per clip, its frames one after the other.

    Args:
        tars: Tar files, plain or gzip-compressed.
        clips: Read that many at most.
        frames: Read that many of each at most.
    """
    members = groupby(read_jpegs(tars), key=lambda item: item[0].parent.name)
    clipped = ((name, [picture for _, picture in islice(group, frames)]) for name, group in members)
    return [Clip(name, np.stack(pictures)) for name, pictures in islice(clipped, clips)]


def read_jpegs(tars: Sequence[Path]) -> Iterator[tuple[Path, NDArray[np.uint8]]]:
    """Every JPEG file of some tars, as its name and its picture (H, W, 3) in sRGB, in the order of the tars."""
    for path in tars:
        with tarfile.open(path) as tar:
            for member in tar:
                handle = tar.extractfile(member) if member.name.endswith(".jpg") else None
                if handle is not None:
                    yield Path(member.name), _decode(handle.read(), Path(member.name))


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Read one picture file as (H, W, 3) sRGB.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no picture.
    """
    return _decode(path.read_bytes(), path)


def _decode(data: bytes, path: Path) -> NDArray[np.uint8]:
    # An empty buffer is an error of its own in OpenCV.
    picture = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR) if data else None
    if picture is None:
        raise ValueError(f"expected a picture, found {path.name}, which does not decode")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)
