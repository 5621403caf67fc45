"""Pictures with a marked thing, for the network that spreads hints: where the thing is, and what a person marked of it.

Three kinds: a region of one colour in a photo, as far as that colour goes; a thing that a segmenter knows, in its own
photo or cut out and laid on another; and a piece of another picture that lies on the photo, whose border is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kinemacolor.models.color import srgb_to_lab
from kinemacolor.training.blobs import draw_blob
from kinemacolor.training.cut_outs import CutOut, in_its_place, on_another
from kinemacolor.training.photos import as_codes

__all__ = ["Example", "ExampleSettings", "draw_example"]

_Mask = NDArray[np.float32]
_Place = tuple[int, int]  # row, column

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
_MOST_HINTS = 6
_RIM_PX = 5  # across the border of a segmenter's thing, where it may be wrong
_RIM_WEIGHT = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleSettings:
    """What the examples look like."""

    regions: float = 0.5
    """Share that are regions of a photo, where one is found."""
    things: float = 0.0
    """Share that are things which a segmenter knows; the others are pieces of another photo."""
    in_place: float = 0.4
    """Share of those things that stand in their own photo; the others are laid on another."""
    faded: float = 0.3
    """Share of the laid-on pieces whose contrast and brightness are changed."""
    mixed: float = 0.45
    """Share of the laid-on pieces that are of two pictures, one beside the other: things of two materials."""
    more_hints: float = 0.35
    """Share with two to six hints of the thing; the others have one."""
    apart: float = 0.0
    """Share of those whose hints are as far apart as the thing allows; the others lie where chance puts them."""
    inmost: float = 0.0
    """Share whose first hint is where the thing is widest, where people put it."""
    others: float = 0.35
    """Share with one to three hints of something else."""

    def __post_init__(self) -> None:
        if self.regions + self.things > 1.0 + 1e-9:
            raise ValueError(f"expected regions and things of at most 1 together, found {self.regions + self.things:g}")


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
    rgb: Tensor,
    others: tuple[Tensor, Tensor],
    settings: ExampleSettings,
    rng: np.random.Generator,
    cut_outs: Sequence[CutOut] = (),
) -> Example:
    """Make an example.

    Args:
        rgb: (3, side, side) sRGB code values in [0, 1] of a photo.
        others: The same of two others, to lay a piece of them on the first.
        settings: Which kinds.
        rng: Source of randomness.
        cut_outs: Things that a segmenter knows; none, if `settings.things` is 0.
    """
    rgb, thing, weight = _draw_thing(rgb, others, settings, rng, cut_outs)
    here, elsewhere = _hints(thing, settings, rng)
    return Example(rgb, *(torch.from_numpy(mask).unsqueeze(0) for mask in (thing, weight, here, elsewhere)))


def _draw_thing(
    rgb: Tensor,
    others: tuple[Tensor, Tensor],
    settings: ExampleSettings,
    rng: np.random.Generator,
    cut_outs: Sequence[CutOut],
) -> tuple[Tensor, _Mask, _Mask]:
    """The picture with it, where it is, and how much each pixel counts."""
    chance = rng.random()
    region = _region(rgb, rng) if chance < settings.regions else None
    if region is not None:
        return rgb, *region
    if settings.regions <= chance < settings.regions + settings.things:
        return _cut_out_thing(rgb, cut_outs[int(rng.integers(len(cut_outs)))], settings, rng)
    thing = draw_blob(rgb.shape[1], rgb.shape[2], rng)
    return _lay_on(rgb, _material(others, settings, rng), thing, rng), thing, np.ones_like(thing)


def _cut_out_thing(
    rgb: Tensor, cut_out: CutOut, settings: ExampleSettings, rng: np.random.Generator
) -> tuple[Tensor, _Mask, _Mask]:
    side = rgb.shape[-1]
    placed = in_its_place(cut_out, side, rng) if rng.random() < settings.in_place else None
    if placed is not None:
        thing = placed[1].astype(np.float32)
        return as_codes(placed[0]), thing, np.where(_rim(thing), _RIM_WEIGHT, 1.0).astype(np.float32)
    picture, mask = on_another(cut_out, side, rng)
    thing = mask.astype(np.float32)
    return _lay_on(rgb, _faded(as_codes(picture), settings, rng), thing, rng), thing, np.ones_like(thing)


def _rim(thing: _Mask) -> NDArray[np.bool_]:
    square = np.ones((_RIM_PX, _RIM_PX))
    return np.asarray(cv2.dilate(thing, square) > cv2.erode(thing, square), dtype=np.bool_)


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
    return _faded(material, settings, rng)


def _faded(material: Tensor, settings: ExampleSettings, rng: np.random.Generator) -> Tensor:
    """With another contrast and brightness, on a share of them."""
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
    inside = inside if inside.any() else thing
    count = int(rng.integers(2, _MOST_HINTS + 1)) if rng.random() < settings.more_hints else 1
    first = _inmost(thing) if rng.random() < settings.inmost else _any(inside, rng)
    _mark(here, _spots(first, inside, count, rng.random() < settings.apart, rng), rng)
    outside = 1.0 - cv2.dilate(thing, np.ones((_MARGIN, _MARGIN)))
    if rng.random() < settings.others and outside.any():
        _mark(elsewhere, [_any(outside, rng) for _ in range(int(rng.integers(1, 4)))], rng)
    return here, elsewhere


def _spots(first: _Place, inside: NDArray[Any], count: int, apart: bool, rng: np.random.Generator) -> list[_Place]:
    """So many places, the first one among them; far apart is each time the one that is farthest from all before."""
    spots = [first]
    rows, columns = np.nonzero(inside)
    while len(spots) < count:
        if apart:
            nearest = np.min([(rows - y) ** 2 + (columns - x) ** 2 for y, x in spots], axis=0)
            at = int(nearest.argmax())
            spots.append((int(rows[at]), int(columns[at])))
        else:
            spots.append(_any(inside, rng))
    return spots


def _any(where: NDArray[Any], rng: np.random.Generator) -> _Place:
    rows, columns = np.nonzero(where)
    at = int(rng.integers(len(rows)))
    return int(rows[at]), int(columns[at])


def _inmost(thing: _Mask) -> _Place:
    """The place that is farthest from all borders, those of the picture too."""
    away = cv2.distanceTransform(np.pad(thing, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    row, column = np.unravel_index(int(away.argmax()), away.shape)
    return int(row), int(column)


def _mark(mask: _Mask, spots: Sequence[_Place], rng: np.random.Generator) -> None:
    """Put small squares around the places."""
    for y, x in spots:
        radius = int(rng.integers(_SPOT_RADII))
        mask[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1] = 1.0
