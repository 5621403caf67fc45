"""One picture through a network of DeOldify, step by step as its authors do it (jantic/DeOldify, deoldify/filters.py).

Their steps are of bytes: Pillow resizes, OpenCV changes to Y'UV and back with integers of 14 bits (4.x,
color_yuv.simd.hpp). No watermark is put on the picture.
"""

import torch
from torch import Tensor

from kinemacolor.models.errors import NonFiniteColourError
from kinemacolor.models.grey_input import GreyInput
from kinemacolor.models.networks.deoldify import Deoldify
from kinemacolor.models.networks.imagenet import normalised, restored
from kinemacolor.models.painted_chroma import PaintedChroma
from kinemacolor.models.pillow_grey import pillow_grey
from kinemacolor.models.pillow_resize import resized
from kinemacolor.models.published_lab import published_lightness
from kinemacolor.models.spatial import crop, pad_to_multiple

__all__ = ["IMAGE_RENDER_FACTOR", "RENDER_UNIT_PX", "VIDEO_RENDER_FACTOR", "coloured_as_authors", "deoldify_ab"]

RENDER_UNIT_PX = 16
"""Side of the square that the network sees, for a render factor of 1."""
IMAGE_RENDER_FACTOR, VIDEO_RENDER_FACTOR = 35, 21
"""The authors' defaults, for pictures and for film."""

# Of OpenCV's conversion of R'G'B' to Y', in 16384ths: BT.601.
_LUMA_WEIGHTS, _YUV_BITS = (4899, 9617, 1868), 14
_U_FROM_BLUE, _V_FROM_RED = 8061, 14369
_BLUE_FROM_U, _GREEN_FROM_U, _GREEN_FROM_V, _RED_FROM_V = 33292, -6472, -9519, 18678
_CHROMA_CENTRE = 128


def coloured_as_authors(network: Deoldify, rgb: Tensor, render_factor: int) -> Tensor:
    """Colour a picture.

    Args:
        network: In evaluation.
        rgb: (1, 3, H, W) uint8.
        render_factor: The picture is squashed to a square of 16 times this, at least 1.

    Returns:
        (1, 3, H, W) uint8: Y' of the picture, U and V of what the network gives.

    Raises:
        NonFiniteColourError: The network gives what are no colours.
        ValueError: The factor is below 1.
    """
    if render_factor < 1:
        raise ValueError(f"expected a render factor of 1 or more, found {render_factor}")
    side = render_factor * RENDER_UNIT_PX
    grey = pillow_grey(resized(rgb, side, side, "bilinear")).expand(-1, 3, -1, -1).float() / 255
    out = restored(network(normalised(grey)))
    if not torch.isfinite(out).all():  # bytes have no such number: a cast gives some colour
        raise NonFiniteColourError("deoldify: expected colours, found NaN or infinity")
    small = (out.clamp(0, 1) * 255).to(torch.uint8)  # cut off, not rounded
    return _with_chroma(rgb, resized(small, rgb.shape[-2], rgb.shape[-1], "bilinear"))


def deoldify_ab(network: Deoldify, small: Tensor) -> Tensor:
    """(1, 3, h, w) uint8 to (1, 2, h, w) a*, b*, as `kinemacolor render` takes them from the network."""
    lightness, padding = pad_to_multiple(published_lightness(small.double() / 255), RENDER_UNIT_PX)
    return crop(GreyInput(PaintedChroma(network))(lightness), padding)


def _with_chroma(picture: Tensor, colour: Tensor) -> Tensor:
    """OpenCV's Y' of one and U and V of the other as R'G'B', (B, 3, H, W) uint8 each."""
    luma = _byte(_weighted(picture.int()))
    other = colour.int()
    other_luma = _weighted(other)
    u = _byte(_shifted((other[:, 2:] - other_luma) * _U_FROM_BLUE) + _CHROMA_CENTRE) - _CHROMA_CENTRE
    v = _byte(_shifted((other[:, :1] - other_luma) * _V_FROM_RED) + _CHROMA_CENTRE) - _CHROMA_CENTRE
    red = luma + _shifted(v * _RED_FROM_V)
    green = luma + _shifted(u * _GREEN_FROM_U + v * _GREEN_FROM_V)
    blue = luma + _shifted(u * _BLUE_FROM_U)
    return _byte(torch.cat((red, green, blue), dim=1)).to(torch.uint8)


def _weighted(rgb: Tensor) -> Tensor:
    shares = torch.tensor(_LUMA_WEIGHTS, dtype=rgb.dtype).view(3, 1, 1)
    return _shifted((rgb * shares).sum(dim=1, keepdim=True, dtype=rgb.dtype))


def _shifted(value: Tensor) -> Tensor:
    """Divided by a power of two, half up."""
    return (value + (1 << (_YUV_BITS - 1))) >> _YUV_BITS


def _byte(value: Tensor) -> Tensor:
    return value.clamp(0, 255)
