"""The figures of one result: what `kinemacolor evaluate` measures on a clip with known colours.

The a*b* of a result is shown at the true L*, so that the numbers speak of colour alone. Grey (no colour at all) and
the truth are in the same table: whoever is not better than grey in CIEDE2000 guesses, and whoever reaches the truth's
warp error by having no colour has gained nothing.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, cat

from kinemacolor.evaluation.metrics import (
    Motion,
    ab_warp_error,
    cdc,
    ciede2000,
    colourfulness,
    measure_motion,
    psnr,
    psnr_ab,
    rgb_warp_error,
)
from kinemacolor.evaluation.pictures import Clip
from kinemacolor.models.color import lab_to_srgb

__all__ = ["Figures", "Truth", "mean_figures", "measure_ab", "show"]


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one clip, or the mean over clips."""

    psnr_db: float
    """PSNR of RGB; higher is nearer to the true picture, and grey is not bad at it."""
    psnr_ab_db: float
    """PSNR of a*b* against a peak of 255."""
    ciede2000: float
    """Mean CIEDE2000; lower is better."""
    colourfulness: float
    """Hasler and Suesstrunk; to be compared with the truth's."""
    colourfulness_error: float
    """Mean absolute difference of colourfulness to the truth, frame by frame."""
    cdc_e3: float
    """Colour distribution consistency, times 1000."""
    warp_error_rgb_e3: float
    """Warp error of RGB, times 1000; to be compared with the truth's."""
    warp_error_e3: float
    """Warp error of a*b*, times 1000; to be compared with the truth's."""


class Truth:
    """A clip with what every measurement needs of it, worked out once.

    Args:
        clip: The clip.
    """

    def __init__(self, clip: Clip) -> None:
        self.clip = clip

    @cached_property
    def lab(self) -> Tensor:
        """(T, 3, H, W) float32, true CIELAB."""
        return self.clip.lab

    @cached_property
    def motion(self) -> tuple[Motion, ...]:
        """Motion of its luma."""
        return measure_motion(self.clip.luma_8bit)

    @cached_property
    def colourfulness(self) -> NDArray[np.float64]:
        """(T,), of each frame."""
        return np.array([colourfulness(frame) for frame in self.clip.rgb])


def measure_ab(truth: Truth, ab: Tensor) -> Figures:
    """Figures of a*b* planes (T, 2, H, W) for one clip, shown at the clip's true lightness."""
    rgb = show(truth, ab)
    found_lab = cat((truth.lab[:, :1], ab), dim=1)
    difference = ciede2000(_last(truth.lab), _last(found_lab))
    colours = np.array([colourfulness(frame) for frame in rgb])
    return Figures(
        psnr_db=float(np.mean([psnr(a, b) for a, b in zip(truth.clip.rgb, rgb, strict=True)])),
        psnr_ab_db=float(np.mean([psnr_ab(_last(a), _last(b)) for a, b in _frames(truth, ab)])),
        ciede2000=float(difference.mean()),
        colourfulness=float(colours.mean()),
        colourfulness_error=float(np.abs(colours - truth.colourfulness).mean()),
        cdc_e3=1000.0 * cdc(rgb),
        warp_error_rgb_e3=1000.0 * rgb_warp_error(rgb, truth.motion),
        warp_error_e3=1000.0 * ab_warp_error(_last(ab), truth.motion),
    )


def show(truth: Truth, ab: Tensor) -> NDArray[np.uint8]:
    """The picture (T, H, W, 3) that a*b* planes (T, 2, H, W) make at the true lightness, 8-bit sRGB."""
    rgb = lab_to_srgb(cat((truth.lab[:, :1], ab), dim=1))
    return np.asarray((rgb * 255.0).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy())


def mean_figures(figures: Iterable[Figures]) -> Figures:
    """Mean over clips, each with the same weight."""
    rows = [tuple(asdict(one).values()) for one in figures]
    return Figures(*(float(value) for value in np.mean(np.array(rows), axis=0)))


def _frames(truth: Truth, ab: Tensor) -> Iterable[tuple[Tensor, Tensor]]:
    return zip(truth.lab[:, 1:], ab, strict=True)


def _last(planes: Tensor) -> NDArray[np.float64]:
    """Planes (..., C, H, W) as (..., H, W, C)."""
    return np.asarray(planes.movedim(-3, -1).double().numpy())
