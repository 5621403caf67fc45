"""One picture through a network of others, as its authors do it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from kinemacolor.models.color import linear_to_srgb, srgb_to_linear
from kinemacolor.models.deoldify_picture import IMAGE_RENDER_FACTOR, coloured_as_authors
from kinemacolor.models.networks.deoldify import Deoldify
from kinemacolor.models.networks.eccv16 import Eccv16
from kinemacolor.models.networks.siggraph17 import Siggraph17
from kinemacolor.models.pillow_resize import resized
from kinemacolor.models.rgb_frames import RgbFrames
from kinemacolor.models.spatial import crop, pad_to_multiple

__all__ = ["OFFICIAL_SIDE_PX", "Hint", "colorize_image"]

OFFICIAL_SIDE_PX = 256
"""To whose square the authors squash every picture."""
_MULTIPLE = 8

Image = NDArray[np.uint8]
Network = Eccv16 | Siggraph17 | Deoldify


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
) -> Image:
    """Colour a picture.

    The authors' procedure. `Eccv16` and `Siggraph17` (richzhang/colorization, demo_release.py): squashed to 256 x 256,
    bicubic; its L* through the network; a* and b* enlarged, bilinear; joined with the L* of the full picture.
    `Deoldify` (jantic/DeOldify, deoldify/filters.py): squashed to the square of the render factor; its grey through the
    network; the result enlarged, bilinear; joined with the Y' of the full picture. So 8-bit R'G'B' come out that were
    clipped to the gamut: this is for comparison with others. `kinemacolor render` keeps luma and gamut.

    Args:
        network: `Eccv16`, `Siggraph17` or `Deoldify`, from `load_network`.
        image: (H, W, 3) sRGB codes or (H, W) grey; the colour in it is not looked at.
        short_side_px: None: the square; else the picture keeps its shape and is reduced to this short side. Of
            `Deoldify` a* and b* are then taken, as `kinemacolor render` does.
        hints: For `Siggraph17`; where they overlap the later one holds.
        temperature: For `Eccv16`, of the annealed mean; None: that of the authors' files, 1 / 2.606.
        render_factor: For `Deoldify`: the square has 16 times this; None: 35, theirs for pictures (for film it is 21).

    Returns:
        (H, W, 3) sRGB codes.

    Raises:
        TypeError: The network is of another kind or takes no such option, or the picture is not of bytes.
        ValueError: The picture has another shape, or the side, the temperature or the factor is not positive.
    """
    if not isinstance(network, (Eccv16, Siggraph17, Deoldify)):
        raise TypeError(f"expected a network that colours pictures, found {type(network).__name__}")
    _refuse_others_options(network, hints, temperature, render_factor)
    rgb = _planes(image)
    if isinstance(network, Deoldify) and short_side_px is None:
        factor = IMAGE_RENDER_FACTOR if render_factor is None else render_factor
        return _codes(coloured_as_authors(network, rgb, factor))
    small = _reduced(rgb, short_side_px)
    lightness, padding = pad_to_multiple(_lightness(small), _MULTIPLE)
    ab = crop(_colour(network, lightness, _placed(hints, small.shape[-2:], lightness.shape[-2:]), temperature), padding)
    if ab.shape[-2:] != rgb.shape[-2:]:
        ab = F.interpolate(ab, size=rgb.shape[-2:], mode="bilinear", align_corners=False)
    out = _srgb(torch.cat((_lightness(rgb), ab), dim=1))
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


def _colour(
    network: Network, lightness: Tensor, hint: tuple[Tensor, Tensor] | None, temperature: float | None
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


# ---- CIELAB with the constants of scikit-image, which the authors use; ours have more digits ----

_RGB_TO_XYZ = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
_WHITE = (0.95047, 1.0, 1.08883)
_JOINT, _SLOPE, _OFFSET = 0.008856, 7.787, 16 / 116


def _lightness(rgb: Tensor) -> Tensor:
    """(B, 3, H, W) uint8 to (B, 1, H, W) CIE L*."""
    weights = torch.tensor(_RGB_TO_XYZ[1], dtype=torch.float64).view(3, 1, 1)
    luminance = (srgb_to_linear(rgb.double() / 255) * weights).sum(dim=1, keepdim=True)
    f = torch.where(luminance > _JOINT, luminance ** (1 / 3), luminance * _SLOPE + _OFFSET)
    return (116 * f - 16).float()


def _srgb(lab: Tensor) -> Tensor:
    """(B, 3, H, W) CIELAB to sRGB in [0, 1]; what is outside of it is clipped component by component."""
    lightness, a, b = lab.double().unbind(dim=1)
    fy = (lightness + 16) / 116
    f = torch.stack((fy + a / 500, fy, (fy - b / 200).clamp_min(0)), dim=1)
    xyz = torch.where(f > 0.2068966, f**3, (f - _OFFSET) / _SLOPE)
    xyz = xyz * torch.tensor(_WHITE, dtype=torch.float64).view(3, 1, 1)
    to_rgb = torch.linalg.inv(torch.tensor(_RGB_TO_XYZ, dtype=torch.float64))
    return linear_to_srgb(torch.einsum("ij,bjhw->bihw", to_rgb, xyz))
