"""The figures of one result: what `kinemacolor evaluate` measures on a clip or photo.

The a*b* of a result is shown at the true L*, so that the numbers speak of colour alone. Grey (no colour at all) and
the truth are in the same table: whoever is not better than grey in CIEDE2000 guesses, and whoever reaches the truth's
warp error by having no colour has gained nothing. Black-and-white material has no truth: what is left to measure there
says how much colour there is and how calm it is, and nothing of whether it is right.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, cat

from kinemacolor.evaluation.metrics import (
    Motion,
    ab_warp_error,
    cdc,
    ciede2000,
    colour_steps,
    colourfulness,
    jumps,
    measure_motion,
    psnr,
    psnr_ab,
    rgb_warp_error,
)
from kinemacolor.evaluation.pictures import Clip
from kinemacolor.models.color import lab_to_srgb

__all__ = [
    "Figures",
    "Footage",
    "Measures",
    "StillFigures",
    "Truth",
    "TruthlessFigures",
    "TruthlessStillFigures",
    "ciede2000_by_frame",
    "mean_figures",
    "measure_ab",
    "measure_still",
    "measure_truthless",
    "measure_truthless_still",
    "show",
    "warp_error_by_pair",
]


@dataclass(frozen=True, slots=True)
class Measures:
    """Named numbers of one clip or photo, or their mean."""


_Kind = TypeVar("_Kind", bound=Measures)


@dataclass(frozen=True, slots=True)
class StillFigures(Measures):
    """Of a photo whose colours are known, and the part of a clip's figures that has nothing to do with time."""

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


@dataclass(frozen=True, slots=True)
class Figures(StillFigures):
    """Of a clip whose colours are known."""

    cdc_e3: float
    """Colour distribution consistency, times 1000."""
    warp_error_rgb_e3: float
    """Warp error of RGB, times 1000; to be compared with the truth's."""
    warp_error_e3: float
    """Warp error of a*b*, times 1000; to be compared with the truth's."""
    jumps_percent: float
    """Percent of the pairs of frames whose colours jump; to be compared with the truth's."""


@dataclass(frozen=True, slots=True)
class TruthlessStillFigures(Measures):
    """Of a photo whose colours nobody knows."""

    colourfulness: float
    """Hasler and Suesstrunk."""


@dataclass(frozen=True, slots=True)
class TruthlessFigures(TruthlessStillFigures):
    """Of a clip whose colours nobody knows."""

    warp_error_e3: float
    """Warp error of a*b*, times 1000."""
    jumps_percent: float
    """Percent of the pairs of frames whose colours jump."""


class Footage:
    """A clip, or a photo as a clip of one frame, with what every measurement needs of it, worked out once.

    Args:
        clip: The clip.
    """

    def __init__(self, clip: Clip) -> None:
        self.clip = clip

    @cached_property
    def lightness(self) -> Tensor:
        """(T, 1, H, W) float32 L* at which colours are shown: that of the film."""
        return self.clip.lightness

    @cached_property
    def motion(self) -> tuple[Motion, ...]:
        """Motion of its luma."""
        return measure_motion(self.clip.luma_8bit)


class Truth(Footage):
    """Footage whose colours are known."""

    @cached_property
    def lightness(self) -> Tensor:
        """(T, 1, H, W) float32, the true L*."""
        return self.lab[:, :1]

    @cached_property
    def lab(self) -> Tensor:
        """(T, 3, H, W) float32, true CIELAB."""
        return self.clip.lab

    @cached_property
    def colourfulness(self) -> NDArray[np.float64]:
        """(T,), of each frame."""
        return np.array([colourfulness(frame) for frame in self.clip.rgb])


def measure_ab(truth: Truth, ab: Tensor) -> Figures:
    """Figures of a*b* planes (T, 2, H, W) for one clip, shown at the clip's true lightness."""
    rgb = show(truth, ab)
    return Figures(
        **asdict(_still_figures(truth, ab, rgb)),
        cdc_e3=1000.0 * cdc(rgb),
        warp_error_rgb_e3=1000.0 * rgb_warp_error(rgb, truth.motion),
        warp_error_e3=_warp_error_e3(truth, ab),
        jumps_percent=_jumps_percent(truth, ab),
    )


def measure_still(truth: Truth, ab: Tensor) -> StillFigures:
    """The same of a*b* planes (1, 2, H, W) for one photo."""
    return _still_figures(truth, ab, show(truth, ab))


def measure_truthless(footage: Footage, ab: Tensor) -> TruthlessFigures:
    """What a*b* planes (T, 2, H, W) for one clip show of themselves; the flow is that of the film's own luma."""
    return TruthlessFigures(_mean_colourfulness(footage, ab), _warp_error_e3(footage, ab), _jumps_percent(footage, ab))


def measure_truthless_still(footage: Footage, ab: Tensor) -> TruthlessStillFigures:
    """The same of a*b* planes (1, 2, H, W) for one photo."""
    return TruthlessStillFigures(_mean_colourfulness(footage, ab))


def ciede2000_by_frame(truth: Truth, ab: Tensor) -> NDArray[np.float64]:
    """(T,) mean CIEDE2000 of each frame, of a*b* planes (T, 2, H, W) shown at the true lightness."""
    pairs = zip(truth.lab, cat((truth.lightness, ab), dim=1), strict=True)
    return np.array([ciede2000(_last(true), _last(found)).mean() for true, found in pairs])


def warp_error_by_pair(footage: Footage, ab: Tensor) -> NDArray[np.float64]:
    """Warp error of a*b* of each pair of neighbouring frames, times 1000; (T - 1,), or none without motion."""
    planes = _last(ab)
    pairs = range(len(footage.motion))
    return 1000.0 * np.array([ab_warp_error(planes[at : at + 2], footage.motion[at : at + 1]) for at in pairs])


def show(footage: Footage, ab: Tensor) -> NDArray[np.uint8]:
    """The picture (T, H, W, 3) that a*b* planes (T, 2, H, W) make at the footage's lightness, 8-bit sRGB."""
    rgb = lab_to_srgb(cat((footage.lightness, ab), dim=1))
    return np.asarray((rgb * 255.0).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy())


def mean_figures(figures: Sequence[_Kind]) -> _Kind:
    """Mean over clips or photos, each with the same weight."""
    means = np.mean([tuple(asdict(one).values()) for one in figures], axis=0)
    return replace(figures[0], **dict(zip(asdict(figures[0]), means.tolist(), strict=True)))


def _still_figures(truth: Truth, ab: Tensor, rgb: NDArray[np.uint8]) -> StillFigures:
    colours = np.array([colourfulness(frame) for frame in rgb])
    return StillFigures(
        psnr_db=float(np.mean([psnr(a, b) for a, b in zip(truth.clip.rgb, rgb, strict=True)])),
        psnr_ab_db=float(np.mean([psnr_ab(_last(a), _last(b)) for a, b in _frames(truth, ab)])),
        ciede2000=float(ciede2000_by_frame(truth, ab).mean()),
        colourfulness=float(colours.mean()),
        colourfulness_error=float(np.abs(colours - truth.colourfulness).mean()),
    )


def _mean_colourfulness(footage: Footage, ab: Tensor) -> float:
    return float(np.mean([colourfulness(frame) for frame in show(footage, ab)]))


def _warp_error_e3(footage: Footage, ab: Tensor) -> float:
    return 1000.0 * ab_warp_error(_last(ab), footage.motion)


def _jumps_percent(footage: Footage, ab: Tensor) -> float:
    return 100.0 * jumps(colour_steps(_last(ab), footage.motion))


def _frames(truth: Truth, ab: Tensor) -> Iterable[tuple[Tensor, Tensor]]:
    return zip(truth.lab[:, 1:], ab, strict=True)


def _last(planes: Tensor) -> NDArray[np.float64]:
    """Planes (..., C, H, W) as (..., H, W, C)."""
    return np.asarray(planes.movedim(-3, -1).double().numpy())
