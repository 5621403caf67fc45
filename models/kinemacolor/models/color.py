"""Colour conversions that the networks need: sRGB, linear light, CIELAB (D65). Pure functions on tensors.

Colour axis is the third from the right: (..., 3, H, W). RGB is in [0, 1], L* in [0, 100], a* and b* in CIELAB units.
"""

import torch
from torch import Tensor

__all__ = [
    "infinity_as_nan",
    "lab_to_srgb",
    "lightness_from_luminance",
    "linear_to_srgb",
    "luma",
    "srgb_to_lab",
    "srgb_to_linear",
]

# IEC 61966-2-1: linear sRGB to CIE XYZ. The white point is this matrix's own row sums, so that grey has a* = b* = 0.
_RGB_TO_XYZ = (
    (0.4123907993, 0.3575843394, 0.1804807884),
    (0.2126390059, 0.7151686788, 0.0721923154),
    (0.0193308187, 0.1191947798, 0.9505321522),
)
_LUMA_BT709 = (0.2126, 0.7152, 0.0722)
_DELTA = 6.0 / 29.0  # CIE 15:2018, the joint of cube root and straight line


def srgb_to_linear(code: Tensor) -> Tensor:
    """Decode sRGB (IEC 61966-2-1): code values in [0, 1] to linear light in [0, 1], any shape."""
    return torch.where(code <= 0.04045, code / 12.92, ((code.clamp_min(0.0) + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(linear: Tensor) -> Tensor:
    """Encode linear light in [0, 1] as sRGB code values (IEC 61966-2-1); values outside are clipped first."""
    clipped = linear.clamp(0.0, 1.0)
    return torch.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)


def lightness_from_luminance(luminance: Tensor) -> Tensor:
    """CIE L* in [0, 100] of relative luminance Y in [0, 1], any shape (CIE 15:2018)."""
    return 116.0 * _cube_root(luminance.clamp(0.0, 1.0)) - 16.0


def infinity_as_nan(values: Tensor) -> Tensor:
    """The same values, NaN in the place of infinity, any shape.

    For what a network gave and is about to be clipped: a clip keeps NaN, but of infinity it makes a colour.
    """
    return torch.where(values.isfinite(), values, torch.nan)


def luma(code: Tensor) -> Tensor:
    """BT.709 luma Y' of gamma-coded RGB: (..., 3, H, W) to (..., 1, H, W), range kept."""
    weights = torch.tensor(_LUMA_BT709, dtype=code.dtype, device=code.device).view(3, 1, 1)
    return (code * weights).sum(dim=-3, keepdim=True)


def srgb_to_lab(code: Tensor) -> Tensor:
    """SRGB code values in [0, 1] to CIELAB, (..., 3, H, W) to (..., 3, H, W) with L* in [0, 100]."""
    matrix, white = _xyz_basis(code)
    xyz = torch.einsum("ij,...jhw->...ihw", matrix, srgb_to_linear(code)) / white
    fx, fy, fz = _cube_root(xyz).unbind(dim=-3)
    return torch.stack((116.0 * fy - 16.0, 500.0 * (fx - fy), 200.0 * (fy - fz)), dim=-3)


def lab_to_srgb(lab: Tensor) -> Tensor:
    """CIELAB to sRGB code values, (..., 3, H, W); colours outside the gamut are clipped channel by channel."""
    lightness, a, b = lab.unbind(dim=-3)
    fy = (lightness + 16.0) / 116.0
    f = torch.stack((fy + a / 500.0, fy, fy - b / 200.0), dim=-3)
    matrix, white = _xyz_basis(lab)
    xyz = torch.where(f > _DELTA, f**3, 3.0 * _DELTA**2 * (f - 4.0 / 29.0)) * white
    return linear_to_srgb(torch.einsum("ij,...jhw->...ihw", torch.linalg.inv(matrix), xyz))


def _xyz_basis(like: Tensor) -> tuple[Tensor, Tensor]:
    matrix = torch.tensor(_RGB_TO_XYZ, dtype=like.dtype, device=like.device)
    return matrix, matrix.sum(dim=1).view(3, 1, 1)


def _cube_root(t: Tensor) -> Tensor:
    return torch.where(t > _DELTA**3, t.clamp_min(1e-8) ** (1 / 3), t / (3.0 * _DELTA**2) + 4.0 / 29.0)
