"""CIELAB with the constants of scikit-image and OpenCV, as the authors of other networks use it.

Those of `color` have more digits.

R'G'B' is in [0, 1], L* in [0, 100], a* and b* in CIELAB units; computed in double precision.
"""

from itertools import product

import torch
from torch import Tensor

from kinemacolor.models.color import linear_to_srgb, srgb_to_linear

__all__ = ["opencv_lightness", "published_lightness", "published_srgb"]

_RGB_TO_XYZ = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
_WHITE = (0.95047, 1.0, 1.08883)
_JOINT, _SLOPE, _OFFSET = 0.008856, 7.787, 16 / 116
_TABLE_SIDE, _BETWEEN, _UNIT = 33, 16, 1 << 14
"""Of OpenCV's table: entries, steps from one to the next, and the integer that stands for 1.0 and for L* 100."""


def published_lightness(rgb: Tensor) -> Tensor:
    """(B, 3, H, W) R'G'B' to (B, 1, H, W) float32 L*."""
    weights = torch.tensor(_RGB_TO_XYZ[1], dtype=torch.float64).view(3, 1, 1)
    luminance = (srgb_to_linear(rgb.double()) * weights).sum(dim=1, keepdim=True)
    f = torch.where(luminance > _JOINT, luminance ** (1 / 3), luminance * _SLOPE + _OFFSET)
    return (116 * f - 16).float()


def opencv_lightness(rgb: Tensor) -> Tensor:
    """(B, 3, H, W) R'G'B' to (B, 1, H, W) float32 L*, as OpenCV gives it for floats.

    It looks L* up in a table of 33 x 33 x 33 and goes from entry to entry in 16 steps, so that L* comes out up to 0.2
    too small: not seen, but where programs are compared it shifts a fifth of the codes by one (observed in OpenCV
    5.0; modules/imgproc/src/color_lab.cpp).
    """
    steps = (rgb.clamp(0, 1).double() * _UNIT).round().int() // (_UNIT // (_BETWEEN * (_TABLE_SIDE - 1)))
    entry, part = steps // _BETWEEN, steps % _BETWEEN
    table = _opencv_table().to(rgb.device)
    weighed = torch.zeros_like(steps[:, 0])  # at most 16^3 2^14, within 32 bits
    for corner in product((0, 1), repeat=3):
        up = torch.tensor(corner, dtype=torch.int32, device=rgb.device).view(3, 1, 1)
        red, green, blue = (entry + up).clamp_max(_TABLE_SIDE - 1).unbind(dim=1)
        weights = torch.where(up == 1, part, _BETWEEN - part)
        weighed += weights[:, 0] * weights[:, 1] * weights[:, 2] * table[red, green, blue]
    whole = _BETWEEN**3
    return ((weighed + whole // 2) // whole).unsqueeze(1).float() * (100 / _UNIT)


def _opencv_table() -> Tensor:
    """(33, 33, 33) L* at equal steps of red, green, blue, in units of 100 / 2^14."""
    side = torch.linspace(0, 1, _TABLE_SIDE, dtype=torch.float64)
    colours = torch.stack(torch.meshgrid(side, side, side, indexing="ij")).flatten(2)[None]
    table = (published_lightness(colours).double() * (_UNIT / 100)).round().int()
    return table.view(_TABLE_SIDE, _TABLE_SIDE, _TABLE_SIDE)


def published_srgb(lab: Tensor, *, z_from_zero: bool) -> Tensor:
    """Back.

    Args:
        lab: (B, 3, H, W).
        z_from_zero: Blue that is too yellow for any light is cut off before the conversion, as scikit-image does and
            OpenCV does not.

    Returns:
        (B, 3, H, W) float64 R'G'B'; what is outside of the gamut is clipped component by component.
    """
    lightness, a, b = lab.double().unbind(dim=1)
    fy = (lightness + 16) / 116
    fz = fy - b / 200
    f = torch.stack((fy + a / 500, fy, fz.clamp_min(0) if z_from_zero else fz), dim=1)
    xyz = torch.where(f > 0.2068966, f**3, (f - _OFFSET) / _SLOPE)
    xyz = xyz * torch.tensor(_WHITE, dtype=torch.float64).view(3, 1, 1)
    to_rgb = torch.linalg.inv(torch.tensor(_RGB_TO_XYZ, dtype=torch.float64))
    return linear_to_srgb(torch.einsum("ij,bjhw->bihw", to_rgb, xyz))
