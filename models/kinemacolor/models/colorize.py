"""One picture through a network of others, as its authors do it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from kinemacolor.models.deoldify_picture import IMAGE_RENDER_FACTOR, coloured_as_authors
from kinemacolor.models.grey_input import GreyInput
from kinemacolor.models.networks import ddcolor
from kinemacolor.models.networks.ddcolor import DDColor
from kinemacolor.models.networks.deoldify import Deoldify
from kinemacolor.models.networks.eccv16 import Eccv16
from kinemacolor.models.networks.siggraph17 import Siggraph17
from kinemacolor.models.pillow_resize import resized
from kinemacolor.models.published_lab import opencv_lightness, published_lightness, published_srgb
from kinemacolor.models.rgb_frames import RgbFrames
from kinemacolor.models.spatial import crop, pad_to_multiple

__all__ = ["DDCOLOR_SIDE_PX", "OFFICIAL_SIDE_PX", "Hint", "colorize_image"]

OFFICIAL_SIDE_PX = 256
"""To whose square Zhang et al. squash every picture."""
DDCOLOR_SIDE_PX = 512
"""To whose square the authors of DDColor squash every picture."""
_MULTIPLE = 8

Image = NDArray[np.uint8]
Enlarging = Literal["official", "bicubic"]


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


@torch.no_grad()
def colorize_image(
    network: nn.Module,
    image: Image,
    *,
    short_side_px: int | None = None,
    hints: Sequence[Hint] = (),
    temperature: float | None = None,
    render_factor: int | None = None,
    enlarging: Enlarging = "official",
) -> Image:
    """Colour a picture.

    The authors' procedure. Zhang et al. (richzhang/colorization, demo_release.py): squashed to 256 x 256, bicubic; its
    L* through the network; a* and b* enlarged, bilinear; joined with the L* of the full picture. DDColor
    (piddnad/DDColor, ddcolor/pipeline.py): squashed to 512 x 512, bilinear without a filter; a* and b* enlarged by
    repeating the nearest. DeOldify (jantic/DeOldify, deoldify/filters.py): squashed to the square of the render factor;
    its grey through the network; the result enlarged, bilinear; joined with the Y' of the full picture. So 8-bit
    R'G'B' come out that were clipped to the gamut: this is for comparison with others. `kinemacolor render` keeps luma
    and gamut.

    Args:
        network: `Eccv16`, `Siggraph17`, `DDColor` or `Deoldify`, from `load_network`.
        image: (H, W, 3) sRGB codes or (H, W) grey; the colour in it is not looked at.
        short_side_px: None: the square; else the picture keeps its shape and is reduced to this short side. Of
            `Deoldify` a* and b* are then taken, as `kinemacolor render` does.
        hints: For `Siggraph17`; where they overlap the later one holds.
        temperature: For `Eccv16`, of the annealed mean; None: that of the authors' files, 1 / 2.606.
        render_factor: For `Deoldify`: the square has 16 times this; None: 35, theirs for pictures (for film it is 21).
        enlarging: How a* and b* come to the size of the picture: as the authors do it, or bicubic, which shows no
            squares where a large picture is coloured by DDColor. `Deoldify` gives a* and b* with `short_side_px` alone.

    Returns:
        (H, W, 3) sRGB codes.

    Raises:
        TypeError: The network is of another kind or takes no such option, or the picture is not of bytes.
        ValueError: The picture has another shape; the side, the temperature or the factor is not positive; or there is
            no such way of enlarging.
    """
    if enlarging not in get_args(Enlarging):
        raise ValueError(f"expected one of {', '.join(get_args(Enlarging))}, found {enlarging!r}")
    if not isinstance(network, (Eccv16, Siggraph17, DDColor, Deoldify)):
        raise TypeError(f"expected a network that colours pictures, found {type(network).__name__}")
    _refuse_others_options(network, hints, temperature, render_factor)
    rgb = _planes(image)
    if isinstance(network, Deoldify) and short_side_px is None:
        if enlarging != "official":
            raise TypeError("expected a short side where deoldify's a* and b* shall be enlarged otherwise, found none")
        return _codes(
            coloured_as_authors(network, rgb, IMAGE_RENDER_FACTOR if render_factor is None else render_factor)
        )
    if isinstance(network, DDColor):
        lightness, ab, mode = opencv_lightness(rgb / 255), _ddcolor_ab(network, rgb, short_side_px), "nearest"
    else:
        lightness = published_lightness(rgb.double() / 255)
        ab, mode = _zhang_ab(network, rgb, short_side_px, hints, temperature), "bilinear"
    ab = _enlarged(ab, rgb.shape[-2:], mode if enlarging == "official" else enlarging)
    out = published_srgb(torch.cat((lightness, ab), dim=1), z_from_zero=not isinstance(network, DDColor))
    return _codes((out * 255).round().to(torch.uint8))


def _codes(rgb: Tensor) -> Image:
    """(1, 3, H, W) uint8 to (H, W, 3)."""
    codes: Image = rgb[0].permute(1, 2, 0).contiguous().numpy()
    return codes


def _refuse_others_options(
    network: nn.Module, hints: Sequence[Hint], temperature: float | None, render_factor: int | None
) -> None:
    name = type(network).__name__.lower()
    if hints and not isinstance(network, Siggraph17):
        raise TypeError(f"expected a network that takes hints (siggraph17), found {name}")
    if temperature is not None and not isinstance(network, Eccv16):
        raise TypeError(f"expected a network with a temperature (eccv16), found {name}")
    if render_factor is not None and not isinstance(network, Deoldify):
        raise TypeError(f"expected a network with a render factor (deoldify), found {name}")


def _enlarged(ab: Tensor, size: tuple[int, ...], mode: str) -> Tensor:
    if ab.shape[-2:] == size:
        return ab
    if mode == "nearest":
        return F.interpolate(ab, size=size, mode=mode)
    return F.interpolate(ab, size=size, mode=mode, align_corners=False)


def _ddcolor_ab(network: DDColor, rgb: Tensor, short_side_px: int | None) -> Tensor:
    """(1, 2, h, w) at the size that the network saw."""
    if short_side_px is None:
        side = (DDCOLOR_SIDE_PX, DDCOLOR_SIDE_PX)
        small = F.interpolate(rgb / 255, size=side, mode="bilinear", align_corners=False)
    else:
        small = _reduced(rgb, short_side_px) / 255
    lightness, padding = pad_to_multiple(opencv_lightness(small), ddcolor.MULTIPLE)
    return crop(GreyInput(network)(lightness), padding)


def _zhang_ab(
    network: Eccv16 | Siggraph17 | Deoldify,
    rgb: Tensor,
    short_side_px: int | None,
    hints: Sequence[Hint],
    temperature: float | None,
) -> Tensor:
    """(1, 2, h, w) at the size that the network saw."""
    small = _reduced(rgb, short_side_px)
    lightness, padding = pad_to_multiple(published_lightness(small.double() / 255), _MULTIPLE)
    hint = _placed(hints, small.shape[-2:], lightness.shape[-2:])
    return crop(_colour(network, lightness, hint, temperature), padding)


def _colour(
    network: Eccv16 | Siggraph17 | Deoldify,
    lightness: Tensor,
    hint: tuple[Tensor, Tensor] | None,
    temperature: float | None,
) -> Tensor:
    arguments: tuple[object, ...] = () if hint is None else hint
    if temperature is not None:
        arguments = (temperature,)
    used = RgbFrames(network) if isinstance(network, Deoldify) else network
    ab: Tensor = used(lightness, *arguments)
    return ab


def _placed(hints: Sequence[Hint], size: tuple[int, ...], padded: tuple[int, ...]) -> tuple[Tensor, Tensor] | None:
    """Colour and mask of hints on a picture of `size`, in planes of `padded`."""
    if not hints:
        return None
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


def _planes(image: Image) -> Tensor:
    """(1, 3, H, W) uint8."""
    if image.dtype != np.uint8:
        raise TypeError(f"expected a picture of bytes, found {image.dtype}")
    if image.ndim == 2:
        image = np.repeat(image[:, :, None], 3, axis=2)
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"expected a picture (H, W, 3) or (H, W), found shape {image.shape}")
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]


def _reduced(rgb: Tensor, short_side_px: int | None) -> Tensor:
    height, width = rgb.shape[-2:]
    if short_side_px is None:
        return resized(rgb, OFFICIAL_SIDE_PX, OFFICIAL_SIDE_PX, "bicubic")
    if short_side_px < 1:
        raise ValueError(f"expected a positive side, found {short_side_px}")
    scale = min(1.0, short_side_px / min(height, width))
    return resized(rgb, max(1, round(height * scale)), max(1, round(width * scale)), "bicubic")
