"""What the finish of `kinema` is trained for: colours that are near the truth as they are seen, and as lively.

Cross-entropy over bins asks for likely colours, not for near ones. The finished colour is asked for three things: a
small colour difference (CIEDE2000), a small squared error of sRGB, which is what PSNR measures, and, because both are
smallest for colours that are too pale, the colourfulness of the true picture. All are smooth, so that gradients exist
at grey as well. Colours are compared at the truth's lightness: the network does not choose it.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from kinemacolor.models.color import lab_to_srgb

__all__ = ["FinishLoss", "colourfulness", "finish_loss", "smooth_ciede2000"]

_DIFFERENCE_UNIT = 10.0  # CIEDE2000
_COLOURFULNESS_UNIT = 40.0  # about that of a photo
_DARKEST = 1.0  # L*: at black the root of linear light has no slope, and no colour to see either

# Sharma, Wu, Dalal 2005 ("The CIEDE2000 color-difference formula"), equations 4, 15 and 19 to 22.
_POW7 = 25.0**7
_CHROMA_SLOPE, _HUE_SLOPE = 0.045, 0.015
_HUE_TERMS = ((-0.17, -30.0), (0.24, 0.0), (0.32, 6.0), (-0.20, -63.0))  # of one to four times the hue: gain, degrees
_ROUND_CHROMA = 1e-3  # CIELAB units, squared: where a chroma turns from a cone into a bowl
_ROUND_DIFFERENCE = 0.05  # the same of the difference

_ROUND_CODES = 1e-2  # 8-bit codes, squared


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishLoss:
    """Weights of the parts, and from when on they count."""

    from_share: float = 0.0
    """Share of the schedule after which the finish is trained, in [0, 1]; 1 leaves it as it starts."""
    cross_entropy: float = 0.5
    """Weight of the cross-entropy from then on; before it is 1."""
    difference: float = 1.0
    """Weight of the mean CIEDE2000, in units of 10."""
    square: float = 50.0
    """Weight of the mean squared error of sRGB code values in [0, 1]."""
    colourfulness: float = 0.5
    """Weight of the mean distance of the pictures' colourfulness, in units of 40."""


def finish_loss(ab: Tensor, true: Tensor, weights: FinishLoss) -> tuple[Tensor, dict[str, Tensor]]:
    """Compare finished colours with true ones.

    Args:
        ab: (B, 2, h, w) float32 CIELAB a*, b*, finished.
        true: (B, 3, h, w) float32 true CIELAB.
        weights: Of the parts.

    Returns:
        Scalar, and its parts without their weights, for the log.
    """
    lightness = true[:, :1].clamp_min(_DARKEST)
    found, expected = (lab_to_srgb(torch.cat((lightness, colour), dim=1)) for colour in (ab, true[:, 1:]))
    difference = smooth_ciede2000(ab, true[:, 1:]).mean()
    square = (found - expected).square().mean()
    lively = (colourfulness(found) - colourfulness(expected)).abs().mean()
    loss = (
        weights.difference / _DIFFERENCE_UNIT * difference
        + weights.square * square
        + weights.colourfulness / _COLOURFULNESS_UNIT * lively
    )
    return loss, {"ciede2000": difference, "square": square, "colourfulness_error": lively}


def smooth_ciede2000(a: Tensor, b: Tensor) -> Tensor:
    """CIEDE2000 of colours of one lightness (Sharma, Wu, Dalal 2005), rounded where it has no gradient.

    Two things are simpler than in the paper. The turn of the ellipses around a hue of 275 degrees is left out (R_T,
    equations 16 to 18), so blue differs from the exact formula. The mean hue is that of the mean colour, not the mean
    of two angles, which jumps.

    Args:
        a: (B, 2, h, w) CIELAB a*, b*.
        b: The same shape.

    Returns:
        (B, h, w), 0 for equal colours.
    """
    stretch = 1.0 + 0.5 * (1.0 - _saturating(0.5 * (_chroma(a) + _chroma(b))))
    a, b = (torch.stack((ab[:, 0] * stretch, ab[:, 1]), dim=1) for ab in (a, b))
    chroma = 0.5 * (_chroma(a) + _chroma(b))
    chroma_step = _chroma(a) - _chroma(b)
    hue_step = ((a - b).square().sum(dim=1) - chroma_step.square()).clamp_min(0.0)
    by_chroma = (chroma_step / (1.0 + _CHROMA_SLOPE * chroma)).square()
    by_hue = hue_step / (1.0 + _HUE_SLOPE * chroma * _hue_weight(a + b)).square()
    return (by_chroma + by_hue + _ROUND_DIFFERENCE).sqrt() - math.sqrt(_ROUND_DIFFERENCE)


def colourfulness(rgb: Tensor) -> Tensor:
    """Hasler and Suesstrunk 2003, equation 3, of each picture, rounded at grey.

    Args:
        rgb: (B, 3, h, w) sRGB code values in [0, 1].

    Returns:
        (B,), in the units of 8-bit codes, as `evaluation.metrics.colourfulness` gives it.
    """
    red, green, blue = (255.0 * rgb).flatten(2).unbind(dim=1)
    opponents = torch.stack((red - green, 0.5 * (red + green) - blue))  # (2, B, h * w)
    spread = (opponents.var(dim=2, correction=0) + _ROUND_CODES).sum(dim=0).sqrt()
    mean = (opponents.mean(dim=2).square().sum(dim=0) + _ROUND_CODES).sqrt()
    return spread + 0.3 * mean


def _chroma(ab: Tensor) -> Tensor:
    return (ab.square().sum(dim=1) + _ROUND_CHROMA).sqrt()


def _saturating(chroma: Tensor) -> Tensor:
    """0 at grey, 1 for strong colours."""
    return (chroma**7 / (chroma**7 + _POW7) + 1e-9).sqrt()


def _hue_weight(ab: Tensor) -> Tensor:
    """T of equation 15, of the hue of (B, 2, h, w); by powers of a unit vector, which at grey is 0 and has a slope."""
    x, y = (ab / _chroma(ab).unsqueeze(1)).unbind(dim=1)
    weight, cosine, sine = torch.ones_like(x), x, y
    for gain, degrees in _HUE_TERMS:
        shift = math.radians(degrees)
        weight = weight + gain * (cosine * math.cos(shift) - sine * math.sin(shift))
        cosine, sine = cosine * x - sine * y, cosine * y + sine * x
    return weight
