"""What old film did to light: a random model of its luma, for training.

A network that has only seen modern grey pictures paints archival film brown. Here a batch of colour photos becomes
the lightness that an old camera, stock and print might have left: spectral sensitivity mixed in linear light
(orthochromatic stock hardly sees red), lens blur, halation, exposure, the S-shaped characteristic curve (Hurter and
Driffield 1890), clipping, fading, vignetting and grain. Ranges are wide on purpose; the targets stay untouched.

Every step draws per picture and returns a plane in [0, 1].
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from kinemacolor.models.color import lightness_from_luminance

__all__ = ["FilmModel", "degrade", "degrade_sequence"]

_PANCHROMATIC = ((0.12, 0.36), (0.45, 0.78), (0.04, 0.22))  # around the BT.709 weights, unfiltered to yellow filter
_ORTHOCHROMATIC = ((0.0, 0.15), (0.35, 0.70), (0.20, 0.50))
_HALATION_KNEE = 0.55  # linear light above which the base reflects visibly
_BLUR_RADIUS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmModel:
    """Ranges and probabilities of the model. Pairs are (lowest, highest) of a uniform draw."""

    orthochromatic: float = 0.4
    """Share of pictures on orthochromatic stock; the others are panchromatic."""
    exposure_stops: tuple[float, float] = (-0.8, 0.8)
    """Exposure in stops."""
    contrast: tuple[float, float] = (0.65, 1.7)
    """Steepness of the S-curve; below 1 flattens."""
    pivot_gamma: tuple[float, float] = (0.7, 1.4)
    """Power before the S-curve, which moves its centre."""
    blur_sigma_px: tuple[float, float] = (0.3, 1.3)
    """Gaussian blur of lens and copies."""
    halation: tuple[float, float] = (0.05, 0.4)
    """Light of highlights that comes back from the base."""
    blocked: tuple[float, float] = (0.0, 0.15)
    """Lightness below which black is blocked."""
    blown: tuple[float, float] = (0.8, 1.0)
    """Lightness above which white is blown."""
    faded_black: tuple[float, float] = (0.0, 0.25)
    """Lightness of black in a faded print."""
    faded_white: tuple[float, float] = (0.68, 1.0)
    """Lightness of white in a faded print."""
    vignette: tuple[float, float] = (0.1, 0.5)
    """Loss of lightness in the corners."""
    grain: tuple[float, float] = (0.005, 0.065)
    """Standard deviation of grain at mid grey; drawn so that fine grain is more frequent than heavy."""
    coarse_grain: float = 0.5
    """Share of pictures whose grain is enlarged twofold."""
    flicker_stops: float = 0.15
    """Largest standard deviation of the exposure from frame to frame, in stops; in moving pictures only."""
    probability: float = 0.4
    """Probability of each of blur, halation, clipping, fading, vignetting and flicker."""
    probability_always: float = 0.75
    """Probability of each of the characteristic curve and the grain, which hardly any film lacks."""


def degrade(linear: Tensor, film: FilmModel, generator: Generator) -> Tensor:
    """Photograph a scene on old stock.

    Args:
        linear: (B, 3, H, W) linear sRGB light in [0, 1].
        film: Ranges of the model.
        generator: Source of all randomness.

    Returns:
        (B, 1, H, W) CIE L* in [0, 100].
    """
    draw = _Draw(linear.shape[0], generator)
    return _develop(_expose(linear, film, draw), film, draw)


def degrade_sequence(linear: Tensor, film: FilmModel, generator: Generator) -> Tensor:
    """Film a scene: one stock, one camera and one print for all frames; exposure flickers and the grain is fresh.

    Args:
        linear: (T, 3, H, W) linear sRGB light in [0, 1], the frames of one shot.
        film: Ranges of the model.
        generator: Source of all randomness.

    Returns:
        (T, 1, H, W) CIE L* in [0, 100].
    """
    draw = _Draw(1, generator)
    light = _expose(linear, film, draw)
    stops = draw.uniform((0.0, film.flicker_stops)) * torch.randn(linear.shape[0], 1, 1, 1, generator=generator)
    return _develop(draw.apply(film.probability, light, light * 2.0**stops), film, draw)


def _develop(light: Tensor, film: FilmModel, draw: "_Draw") -> Tensor:
    light = draw.apply(film.probability, light, _blur(light, draw.uniform(film.blur_sigma_px)))
    light = draw.apply(film.probability, light, _halate(light, draw.uniform(film.halation)))
    plane = lightness_from_luminance(light) / 100.0
    plane = draw.apply(film.probability_always, plane, _characteristic(plane, film, draw))
    plane = draw.apply(film.probability, plane, _clip(plane, film, draw))
    plane = draw.apply(film.probability, plane, _fade(plane, film, draw))
    plane = draw.apply(film.probability, plane, _vignette(plane, draw.uniform(film.vignette)))
    plane = draw.apply(film.probability_always, plane, _grain(plane, film, draw))
    return plane.clamp(0.0, 1.0) * 100.0


class _Draw:
    """Draws per picture of one batch, shaped (B, 1, 1, 1); of one shot (1, 1, 1, 1), the same for all its frames."""

    def __init__(self, count: int, generator: Generator) -> None:
        self._count, self.generator = count, generator

    def uniform(self, bounds: tuple[float, float]) -> Tensor:
        unit = torch.rand(self._count, 1, 1, 1, generator=self.generator)
        return bounds[0] + (bounds[1] - bounds[0]) * unit

    def normal_like(self, plane: Tensor) -> Tensor:
        return torch.randn(plane.shape, generator=self.generator)

    def apply(self, probability: float, before: Tensor, after: Tensor) -> Tensor:
        chosen = torch.rand(self._count, 1, 1, 1, generator=self.generator) < probability
        return torch.where(chosen, after, before)


def _expose(linear: Tensor, film: FilmModel, draw: _Draw) -> Tensor:
    pan = torch.cat([draw.uniform(bounds) for bounds in _PANCHROMATIC], dim=1)
    ortho = torch.cat([draw.uniform(bounds) for bounds in _ORTHOCHROMATIC], dim=1)
    weights = draw.apply(film.orthochromatic, pan, ortho)
    weights = weights / weights.sum(dim=1, keepdim=True) * 2.0 ** draw.uniform(film.exposure_stops)
    return (linear * weights).sum(dim=1, keepdim=True)


def _blur(light: Tensor, sigma_px: Tensor) -> Tensor:
    offsets = torch.arange(-_BLUR_RADIUS, _BLUR_RADIUS + 1, dtype=light.dtype)
    count = light.shape[0]
    kernel = torch.exp(-0.5 * (offsets / sigma_px.view(-1, 1)) ** 2).expand(count, -1)
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).view(count, 1, 1, offsets.numel())
    padded = F.pad(light, (_BLUR_RADIUS,) * 4, mode="replicate").transpose(0, 1)  # pictures as groups
    blurred = F.conv2d(F.conv2d(padded, kernel, groups=count), kernel.transpose(2, 3), groups=count)
    return blurred.transpose(0, 1)


def _halate(light: Tensor, amount: Tensor) -> Tensor:
    glow = F.avg_pool2d((light - _HALATION_KNEE).clamp(0.0, 1.0), 8, ceil_mode=True, count_include_pad=False)
    return light + amount * F.interpolate(glow, size=light.shape[-2:], mode="bilinear", align_corners=False)


def _characteristic(plane: Tensor, film: FilmModel, draw: _Draw) -> Tensor:
    x = plane.clamp(1e-4, 1.0 - 1e-4) ** draw.uniform(film.pivot_gamma)
    odds = (x / (1.0 - x)) ** draw.uniform(film.contrast)
    return odds / (1.0 + odds)


def _clip(plane: Tensor, film: FilmModel, draw: _Draw) -> Tensor:
    low, high = draw.uniform(film.blocked), draw.uniform(film.blown)
    return ((plane - low) / (high - low)).clamp(0.0, 1.0)


def _fade(plane: Tensor, film: FilmModel, draw: _Draw) -> Tensor:
    low, high = draw.uniform(film.faded_black), draw.uniform(film.faded_white)
    return low + plane * (high - low)


def _vignette(plane: Tensor, amount: Tensor) -> Tensor:
    y = torch.linspace(-1.0, 1.0, plane.shape[-2]).view(-1, 1)
    x = torch.linspace(-1.0, 1.0, plane.shape[-1])
    return plane * (1.0 - amount * (x * x + y * y) / 2.0)


def _grain(plane: Tensor, film: FilmModel, draw: _Draw) -> Tensor:
    fine = draw.normal_like(plane)
    small = torch.randn(
        plane.shape[0], 1, (plane.shape[-2] + 1) // 2, (plane.shape[-1] + 1) // 2, generator=draw.generator
    )
    coarse = F.interpolate(small, size=plane.shape[-2:], mode="bilinear", align_corners=False) * 1.6  # variance back
    noise = draw.apply(film.coarse_grain, fine, coarse)
    # Grain shows in the mid-tones: strongest where half of the crystals are developed (Selwyn 1935).
    visibility = 0.35 + 2.6 * plane.clamp(0.0, 1.0) * (1.0 - plane.clamp(0.0, 1.0))
    low, high = film.grain
    return plane + noise * (low + (high - low) * draw.uniform((0.0, 1.0)) ** 2) * visibility
