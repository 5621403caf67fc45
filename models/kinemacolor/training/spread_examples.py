"""Pictures with a marked thing, for the network that spreads hints: where the thing is, and what a person marked of it.

Two kinds: a region of one colour in a photo, as far as that colour goes; and a piece of another picture that lies on
the photo, whose border is known.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kinemacolor.models.color import srgb_to_lab
from kinemacolor.training.blobs import draw_blob

__all__ = ["Example", "ExampleSettings", "draw_example"]

_Mask = NDArray[np.float32]

_TRIES = 6
_LEAST_CHROMA = 14.0
_LIKE = (9.0, 0.35)  # a region's colours: within so many CIELAB units, or so much of its chroma
_UNSURE = 1.8  # up to that many times as far a colour may belong to the thing as well
_UNSURE_WEIGHT = 0.1
_AREA = (0.015, 0.6)  # of a region, as a share of the picture
_CONTRAST, _BRIGHTNESS = (0.5, 1.2), (0.3, 0.7)
_SOFT_PX = (0.5, 1.3)  # standard deviation
_SPOT_RADII = 3
_MARGIN = 5  # pixels between the thing and a hint of another


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleSettings:
    """What the examples look like."""

    regions: float = 0.5
    """Share that are regions of a photo, where one is found; the others are laid on."""
    faded: float = 0.3
    """Share of the laid-on pieces whose contrast and brightness are changed."""
    mixed: float = 0.45
    """Share of the laid-on pieces that are of two pictures, one beside the other: things of two materials."""
    more_hints: float = 0.35
    """Share with two to four hints of the thing; the others have one."""
    others: float = 0.35
    """Share with one to three hints of something else."""


@dataclass(frozen=True, slots=True)
class Example:
    """One picture."""

    rgb: Tensor
    """(3, side, side) sRGB code values in [0, 1]."""
    thing: Tensor
    """(1, side, side) 1 where the thing is."""
    weight: Tensor
    """(1, side, side) how much each pixel counts: less where nobody can know."""
    here: Tensor
    """(1, side, side) 1 where a hint of the thing is; somewhere it is."""
    elsewhere: Tensor
    """(1, side, side) 1 where a hint of something else is."""


def draw_example(
    rgb: Tensor, others: tuple[Tensor, Tensor], settings: ExampleSettings, rng: np.random.Generator
) -> Example:
    """Make an example.

    Args:
        rgb: (3, side, side) sRGB code values in [0, 1] of a photo.
        others: The same of two others, to lay a piece of them on the first.
        settings: Which kinds.
        rng: Source of randomness.
    """
    region = _region(rgb, rng) if rng.random() < settings.regions else None
    if region is None:
        thing = draw_blob(rgb.shape[1], rgb.shape[2], rng)
        rgb, weight = _lay_on(rgb, _material(others, settings, rng), thing, rng), np.ones_like(thing)
    else:
        thing, weight = region
    here, elsewhere = _hints(thing, settings, rng)
    return Example(rgb, *(torch.from_numpy(mask).unsqueeze(0) for mask in (thing, weight, here, elsewhere)))


def _region(rgb: Tensor, rng: np.random.Generator) -> tuple[_Mask, _Mask] | None:
    """A connected region of one colour, and how much each pixel counts; None if none is found."""
    lab = srgb_to_lab(rgb).permute(1, 2, 0).numpy()
    ab = cv2.GaussianBlur(np.ascontiguousarray(lab[..., 1:]), (5, 5), 1.2)
    chroma = np.hypot(ab[..., 0], ab[..., 1])
    side = ab.shape[0]
    for _ in range(_TRIES):
        y, x = (int(place) for place in rng.integers(2, side - 2, 2))
        if chroma[y, x] < _LEAST_CHROMA:
            continue
        away = np.hypot(ab[..., 0] - ab[y, x, 0], ab[..., 1] - ab[y, x, 1])
        limit = max(_LIKE[0], _LIKE[1] * float(chroma[y, x]))
        _, parts = cv2.connectedComponents((away < limit).astype(np.uint8), connectivity=4)
        region = parts == parts[y, x]
        if _AREA[0] < region.mean() < _AREA[1]:
            unsure = (away < _UNSURE * limit) & ~region
            return region.astype(np.float32), np.where(unsure, _UNSURE_WEIGHT, 1.0).astype(np.float32)
    return None


def _material(others: tuple[Tensor, Tensor], settings: ExampleSettings, rng: np.random.Generator) -> Tensor:
    """(3, side, side): what a thing is made of."""
    material, second = others
    if rng.random() < settings.mixed:
        side = material.shape[-1]
        seam = int(rng.integers(side // 3, 2 * side // 3))
        along = torch.arange(side) < seam
        material = torch.where(along if rng.random() < 0.5 else along.unsqueeze(-1), material, second)
    if rng.random() < settings.faded:
        material = (material - 0.5) * float(rng.uniform(*_CONTRAST)) + float(rng.uniform(*_BRIGHTNESS))
    return material.clamp(0.0, 1.0)


def _lay_on(rgb: Tensor, material: Tensor, thing: _Mask, rng: np.random.Generator) -> Tensor:
    """A picture with a material on it where the thing is, its border a pixel or two soft."""
    cover = torch.from_numpy(cv2.GaussianBlur(thing, (0, 0), float(rng.uniform(*_SOFT_PX))))
    return rgb * (1.0 - cover) + material * cover


def _hints(thing: _Mask, settings: ExampleSettings, rng: np.random.Generator) -> tuple[_Mask, _Mask]:
    here, elsewhere = np.zeros_like(thing), np.zeros_like(thing)
    inside = cv2.erode(thing, np.ones((3, 3)))
    count = int(rng.integers(2, 5)) if rng.random() < settings.more_hints else 1
    _mark(here, inside if inside.any() else thing, count, rng)
    outside = 1.0 - cv2.dilate(thing, np.ones((_MARGIN, _MARGIN)))
    if rng.random() < settings.others and outside.any():
        _mark(elsewhere, outside, int(rng.integers(1, 4)), rng)
    return here, elsewhere


def _mark(mask: _Mask, where: NDArray[Any], count: int, rng: np.random.Generator) -> None:
    """Put small squares around places where `where` is set."""
    rows, columns = np.nonzero(where)
    for _ in range(count):
        index, radius = int(rng.integers(len(rows))), int(rng.integers(_SPOT_RADII))
        y, x = rows[index], columns[index]
        mask[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1] = 1.0
