"""Made shots in which the colour of one thing is known: a cut-out that moves over a moving photo.

Two kinds. A piece of any other photo in a smooth outline: its lightness is that photo's texture, so it may be of two
materials, and nothing but its edge says that it is one. And a thing that stands in a photo, cut out along its outline
as it is: what people put hints on. Either has one a*b* everywhere; of the photo behind it nobody says anything. Every
number comes from the number of the shot.
"""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["COUNT", "Composite", "make_composite", "make_thing_composite"]

COUNT = 10
"""Shots made of any pieces: as many hues, all around the circle."""

_LARGEST_PX = 384
_PAN_PX = 1  # of the photo behind, a frame
_RADIUS, _SPEED = (0.16, 0.22), (0.006, 0.012)  # shares of the short side; a frame
_WAVES = ((2, 0.15), (3, 0.10))  # of the outline
_EDGE_PX = 3.0
_LEAST_CHROMA, _MOST_CHROMA = 15.0, 50.0
_MIDDLE, _CONTRAST, _RANGE = 55.0, 12.0, (35.0, 75.0)
"""L* of the thing's texture: where all these colours exist in sRGB, but for the strongest of some hues."""
_INNER_PX, _OUTER_PX = 2, 4
_SOLID = 0.99
_LONGEST = 0.8  # longer side of a thing, as a share of the short side
_SOFT_PX = 0.7  # standard deviation, at the edge of a thing
_THING_SEED = 1000

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Composite:
    """One made shot."""

    name: str
    lightness: Tensor
    """(T, 1, H, W) L*."""
    ab: tuple[float, float]
    """Of the thing."""
    centres: tuple[tuple[int, int], ...]
    """x, y of where one puts a hint on the thing in each frame, pixels: in its middle, or where it is widest."""
    inside: Tensor
    """(T, H, W) True where a pixel is the thing's and nobody else's: 2 pixels inside of its edge."""
    outside: Tensor
    """(T, H, W) True where it certainly is not: 4 pixels outside of its edge."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """What moves; both sides are odd."""

    alpha: Plane
    """(h, w) share of the thing in each pixel, in [0, 1]."""
    lightness: Plane
    """(h, w) L*."""


def make_composite(number: int, behind: Tensor, texture: Tensor, frames: int) -> Composite:
    """One shot.

    Args:
        number: Its seed; from 0 to `COUNT` - 1 hues and chromas are spread evenly.
        behind: (1, H, W) L* of the photo behind.
        texture: (1, H, W) L* of the photo of whose middle the thing is made.
        frames: Its length, at least 1.

    Raises:
        ValueError: The photo behind is too narrow for the pan.
    """
    rng = np.random.default_rng(number)
    views = _views(behind[0].numpy().astype(np.float32), frames)
    short = min(views[0].shape)
    alpha = _blob(rng, rng.uniform(*_RADIUS) * short)
    thing = _texture(texture[0].numpy().astype(np.float32), alpha.shape[0])
    margins = (alpha.shape[0] // 3, alpha.shape[1] // 3)
    centres = _path(rng, views[0].shape, margins, short, frames)
    return _composed(f"shot_{number:02d}", _colour(number, COUNT), views, _Piece(alpha, thing), centres)


def make_thing_composite(
    name: str, number: int, count: int, behind: Tensor, photo: Tensor, thing: NDArray[np.uint8], frames: int
) -> Composite:
    """One shot of a thing, its lightness as it was photographed.

    Args:
        name: Of the shot.
        number: Its seed, from 0.
        count: So many shots share the circle of hues.
        behind: (1, H, W) L* of the photo behind.
        photo: (1, h, w) L* of the photo that the thing stands in.
        thing: (h, w) 1 where it is, else 0.
        frames: Its length, at least 1.

    Raises:
        ValueError: The photo behind is too narrow for the pan.
    """
    rng = np.random.default_rng(_THING_SEED + number)
    views = _views(behind[0].numpy().astype(np.float32), frames)
    short = min(views[0].shape)
    area = math.pi * (float(rng.uniform(*_RADIUS)) * short) ** 2
    piece = _cut_out(photo[0].numpy().astype(np.float32), thing, area, _LONGEST * short)
    margins = (piece.alpha.shape[0] // 3, piece.alpha.shape[1] // 3)
    middles = _path(rng, views[0].shape, margins, short, frames)
    made = _composed(name, _colour(number, count), views, piece, middles)
    widest = [_widest(mask, middle) for mask, middle in zip(made.inside.numpy(), middles, strict=True)]
    return replace(made, centres=tuple(widest))


def _composed(
    name: str, ab: tuple[float, float], views: list[Plane], piece: _Piece, centres: list[tuple[int, int]]
) -> Composite:
    alphas = [_placed(piece.alpha, centre, views[0].shape) for centre in centres]
    things = [_placed(piece.lightness, centre, views[0].shape) for centre in centres]
    planes = [(1.0 - a) * view + a * own for a, view, own in zip(alphas, views, things, strict=True)]
    return Composite(
        name=name,
        lightness=torch.from_numpy(np.stack(planes)).unsqueeze(1),
        ab=ab,
        centres=tuple(centres),
        inside=torch.from_numpy(np.stack([_eroded(plane >= _SOLID, _INNER_PX) for plane in alphas])),
        outside=torch.from_numpy(np.stack([_eroded(plane <= 0.0, _OUTER_PX) for plane in alphas])),
    )


def _views(photo: Plane, frames: int) -> list[Plane]:
    """The photo under a pan of whole pixels, so that nothing is blurred."""
    height = min(photo.shape[0], _LARGEST_PX)
    width = min(photo.shape[1] - _PAN_PX * (frames - 1), _LARGEST_PX)
    if width < 1:
        raise ValueError(f"expected a photo of at least {_PAN_PX * (frames - 1) + 1} columns, found {photo.shape[1]}")
    return [photo[:height, _PAN_PX * frame : _PAN_PX * frame + width] for frame in range(frames)]


def _blob(rng: np.random.Generator, radius: float) -> Plane:
    """(S, S) share of the thing in each pixel, in [0, 1]; S is odd."""
    reach = math.ceil(radius * (1.0 + sum(size for _, size in _WAVES)) + _EDGE_PX)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    angle, away = np.arctan2(y, x), np.hypot(y, x)
    waves = sum(size * np.cos(count * angle + rng.uniform(0.0, 2.0 * math.pi)) for count, size in _WAVES)
    return np.asarray(((radius * (1.0 + waves) - away) / _EDGE_PX + 0.5).clip(0.0, 1.0), dtype=np.float32)


def _texture(photo: Plane, side: int) -> Plane:
    """(side, side) from the middle of a photo, enlarged if it is too small, around a middle lightness."""
    scale = max(1.0, side / min(photo.shape))
    size = (math.ceil(photo.shape[1] * scale), math.ceil(photo.shape[0] * scale))
    large = cv2.resize(photo, size, interpolation=cv2.INTER_LINEAR) if scale > 1.0 else photo
    top, left = ((length - side) // 2 for length in large.shape)
    part = large[top : top + side, left : left + side]
    spread = max(float(part.std()), 1e-3)
    return np.asarray((_MIDDLE + _CONTRAST * (part - part.mean()) / spread).clip(*_RANGE), dtype=np.float32)


def _path(
    rng: np.random.Generator, shape: tuple[int, ...], margins: tuple[int, int], short: int, frames: int
) -> list[tuple[int, int]]:
    """Straight on, and back from the borders: the middle of the thing stays so many rows and columns inside."""
    direction, speed = rng.uniform(0.0, 2.0 * math.pi), rng.uniform(*_SPEED) * short
    steps = (math.cos(direction) * speed, math.sin(direction) * speed)
    starts = (rng.uniform(0.3, 0.7) * shape[1], rng.uniform(0.3, 0.7) * shape[0])
    sides = (shape[1] - 1, shape[0] - 1)
    return [
        (
            _reflected(starts[0] + steps[0] * frame, margins[1], sides[0]),
            _reflected(starts[1] + steps[1] * frame, margins[0], sides[1]),
        )
        for frame in range(frames)
    ]


def _reflected(place: float, margin: int, last: int) -> int:
    low, high = margin, max(margin, last - margin)
    room = max(high - low, 1)
    phase = (place - low) % (2 * room)
    return min(round(low + min(phase, 2 * room - phase)), last)


def _placed(patch: Plane, centre: tuple[int, int], shape: tuple[int, ...]) -> Plane:
    """The patch with its middle at `centre` of an empty plane; what is outside of it is cut off."""
    height, width = patch.shape
    down, right = height // 2, width // 2
    wide = np.zeros((shape[0] + 2 * down, shape[1] + 2 * right), dtype=np.float32)
    wide[centre[1] : centre[1] + height, centre[0] : centre[0] + width] = patch
    return wide[down : down + shape[0], right : right + shape[1]]


def _cut_out(photo: Plane, thing: NDArray[np.uint8], area: float, longest: float) -> _Piece:
    """The thing at so many pixels, or less if it would be too long."""
    x, y, width, height = cv2.boundingRect(thing)
    scale = min(math.sqrt(area / int(thing.sum())), longest / max(width, height))
    size = (_odd(width * scale), _odd(height * scale))
    part = (slice(y, y + height), slice(x, x + width))
    method = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    lightness = cv2.resize(photo[part], size, interpolation=method)
    alpha = cv2.resize(thing[part].astype(np.float32), size, interpolation=method)
    rim = _OUTER_PX  # room for the soft edge
    alpha = cv2.GaussianBlur(np.pad(alpha, rim), (0, 0), _SOFT_PX)
    return _Piece(
        np.asarray(alpha, dtype=np.float32), np.asarray(np.pad(lightness, rim, mode="edge"), dtype=np.float32)
    )


def _odd(length: float) -> int:
    return max(1, round((length - 1.0) / 2.0) * 2 + 1)


def _widest(inside: NDArray[np.bool_], middle: tuple[int, int]) -> tuple[int, int]:
    """The place of a thing that is farthest from its border and the picture's; the middle, if none of it is seen."""
    if not inside.any():
        return middle
    away = cv2.distanceTransform(np.pad(inside, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    row, column = np.unravel_index(int(away.argmax()), away.shape)
    return int(column), int(row)


def _colour(number: int, count: int) -> tuple[float, float]:
    """Neighbours in hue are far apart in chroma: the stride and the count have no common divisor."""
    hue = math.radians(360.0 * (number + 0.5) / count)
    stride = next(step for step in range(2 * count // 3 + 1, 2 * count + 2) if math.gcd(step, count) == 1)
    chroma = _LEAST_CHROMA + (_MOST_CHROMA - _LEAST_CHROMA) * (stride * number % count) / max(1, count - 1)
    return chroma * math.cos(hue), chroma * math.sin(hue)


def _eroded(mask: NDArray[np.bool_], reach_px: int) -> NDArray[np.bool_]:
    """Without what is nearer than that to the rest; the picture's border is no edge."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach_px + 1, 2 * reach_px + 1))
    return np.asarray(cv2.erode(mask.astype(np.uint8), disc), dtype=np.bool_)
