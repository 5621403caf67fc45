"""The pictures that models are measured on: colour clips and photos with known colours, as a film scanner sees them."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kinemacolor.models.color import lightness_from_luminance, luma, srgb_to_lab, srgb_to_linear

__all__ = ["Clip", "read_clip", "read_clips"]


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip with its true colours."""

    name: str
    """Name of its folder."""
    rgb: NDArray[np.uint8]
    """(T, H, W, 3) sRGB."""

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
    return Clip(folder.name, np.stack([_read(path) for path in paths]))


def read_clips(folder: Path, frames: int | None = None) -> list[Clip]:
    """Read every clip below a folder, in the order of the names."""
    return [read_clip(path, frames) for path in sorted(folder.iterdir()) if path.is_dir()]


def _read(path: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"expected a JPEG picture, found {path.name}, which does not decode")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)
