"""A picture as Zhang et al. show it to their networks, and the colours that somebody knows of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kinemacolor.models.networks.eccv16 import Eccv16
from kinemacolor.models.networks.siggraph17 import Siggraph17
from kinemacolor.models.pillow_resize import resized
from kinemacolor.models.published_lab import published_lightness
from kinemacolor.models.spatial import crop, pad_to_multiple

__all__ = ["OFFICIAL_SIDE_PX", "Hint", "zhang_ab", "zhang_square"]

OFFICIAL_SIDE_PX = 256
"""To whose square the authors squash every picture."""
_MULTIPLE = 8


@dataclass(frozen=True, slots=True)
class Hint:
    """A colour that somebody knows.

    Raises:
        ValueError: The place is outside the picture, the colour is no a*, b*, or the radius is negative.
    """

    x: float
    """Place as a share of the width, 0 is the left border."""
    y: float
    """As a share of the height, 0 is the upper border."""
    ab: tuple[float, float]
    """CIELAB a*, b*."""
    radius_px: int = 3
    """The hint is a square of 2 radius + 1 pixels at the network's size; the authors' program gives 7 x 7."""

    def __post_init__(self) -> None:
        if not (0.0 <= self.x <= 1.0 and 0.0 <= self.y <= 1.0):
            raise ValueError(f"expected a hint inside the picture, found one at {self.x:g}, {self.y:g}")
        if len(self.ab) != 2 or not all(math.isfinite(value) for value in self.ab):
            raise ValueError(f"expected a* and b* of a hint, found {self.ab}")
        if self.radius_px < 0:
            raise ValueError(f"expected a radius of 0 or more pixels, found {self.radius_px}")


def zhang_square(rgb: Tensor) -> Tensor:
    """(1, 3, H, W) uint8 to the authors' square: bicubic."""
    return resized(rgb, OFFICIAL_SIDE_PX, OFFICIAL_SIDE_PX, "bicubic")


def zhang_ab(network: Eccv16 | Siggraph17, small: Tensor, hints: Sequence[Hint], temperature: float | None) -> Tensor:
    """(1, 3, h, w) uint8 to (1, 2, h, w) a*, b*; hints are for `Siggraph17`, the temperature for `Eccv16`."""
    lightness, padding = pad_to_multiple(published_lightness(small.double() / 255), _MULTIPLE)
    arguments: tuple[object, ...] = _placed(hints, small.shape[-2:], lightness.shape[-2:]) if hints else ()
    if temperature is not None:
        arguments = (temperature,)
    ab: Tensor = network(lightness, *arguments)
    return crop(ab, padding)


def _placed(hints: Sequence[Hint], size: tuple[int, ...], padded: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Colour and mask of hints on a picture of `size`, in planes of `padded`."""
    colour, mask = torch.zeros(1, 2, *padded), torch.zeros(1, 1, *padded)
    for hint in hints:
        rows, columns = (
            _around(place, side, hint.radius_px) for place, side in zip((hint.y, hint.x), size, strict=True)
        )
        colour[:, :, rows, columns] = torch.tensor(hint.ab).view(1, 2, 1, 1)
        mask[:, :, rows, columns] = 1.0
    return colour, mask


def _around(place: float, side: int, radius: int) -> slice:
    middle = min(int(place * side), side - 1)
    return slice(max(0, middle - radius), min(side, middle + radius + 1))
