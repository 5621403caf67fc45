"""What each figure means, in which direction it is better, and which of several is best. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

__all__ = ["MEASURES", "Aim", "Measure", "best", "measures_of"]


class Aim(Enum):
    """Where a figure should go."""

    HIGHER = "higher is better"
    LOWER = "lower is better"
    CALM = "lower is calmer"
    TRUTH = "nearer to the truth's is better"
    NONE = "says how much, not how good"


@dataclass(frozen=True, slots=True)
class Measure:
    """One column."""

    name: str
    """Of the field in `kinemacolor.evaluation.measure`."""
    head: str
    unit: str
    """Empty: it has none."""
    aim: Aim
    text: str
    """What it says, for people."""
    digits: int = 2
    """Behind the point, as it is printed."""

    def printed(self, value: float) -> str:
        """The value for people."""
        return f"{value:.{self.digits}f}" if math.isfinite(value) else "∞"


MEASURES: tuple[Measure, ...] = (
    Measure(
        "ciede2000",
        "CIEDE2000",
        "",
        Aim.LOWER,
        "Colour difference to the true frame as the eye sees it, mean over pixels; a difference of 1 is just visible. "
        "A result that is not below grey guesses.",
    ),
    Measure(
        "psnr_db",
        "PSNR",
        "dB",
        Aim.HIGHER,
        "Peak signal to noise ratio of the sRGB picture. Grey is not bad at it: a careful picture beats a lively one.",
    ),
    Measure("psnr_ab_db", "PSNR ab", "dB", Aim.HIGHER, "The same of the colour planes a* and b* alone."),
    Measure(
        "colourfulness",
        "Colourfulness",
        "",
        Aim.TRUTH,
        "How much colour there is (Hasler and Suesstrunk 2003); 0 is grey, about 35 is an ordinary photo.",
    ),
    Measure(
        "colourfulness_error",
        "Colourfulness error",
        "",
        Aim.LOWER,
        "Difference of a frame's colourfulness to the true frame's, mean over frames.",
    ),
    Measure(
        "cdc_e3",
        "CDC",
        "× 10⁻³",
        Aim.CALM,
        "Colour distribution consistency (Liu et al. 2021): how much the histograms of red, green and blue change from "
        "frame to frame. Brightness that changes counts, too, so even grey is not at 0.",
    ),
    Measure(
        "warp_error_rgb_e3",
        "Warp error RGB",
        "× 10⁻³",
        Aim.CALM,
        "How much the picture changes along the motion of the film, mean square (after Lai et al. 2018).",
    ),
    Measure(
        "warp_error_e3",
        "Warp error ab",
        "× 10⁻³",
        Aim.CALM,
        "The same of the colour planes alone: colour that flickers. Even true colour, with its grain, is not at 0.",
        3,
    ),
    Measure(
        "jumps_percent",
        "Jumps",
        "%",
        Aim.CALM,
        "Pairs of frames between which the colours of the picture's regions move by more than 2 CIELAB units in the "
        "mean, seen along the motion of the film.",
    ),
)
"""In the order of the columns."""

_EQUAL = 1e-6  # what is left of rounding to the digits that are printed
_COLOURFULNESS = "colourfulness"
_PALE = 0.25  # of the truth's colourfulness: below it calm is no merit
_UNJUDGED = {"colourfulness", "warp_error_e3", "jumps_percent"}
"""All that is measured without a truth, and no reason to prefer a model."""


def measures_of(names: Sequence[str]) -> tuple[Measure, ...]:
    """The measures of some figures, in the order of the columns; without a truth none of them has a direction."""
    found = tuple(measure for measure in MEASURES if measure.name in names)
    if not {measure.name for measure in found} <= _UNJUDGED:
        return found
    return tuple(replace(one, aim=Aim.NONE) for one in found)


def best(measure: Measure, results: Mapping[str, Mapping[str, float]], truth: Mapping[str, float]) -> frozenset[str]:
    """Titles of the best of some results; several if they are equal as they are printed, none if there is no choice.

    Args:
        measure: Which figure.
        results: Figures by title, without grey and the truth.
        truth: The truth's own; empty if it is not known.
    """
    if measure.aim is Aim.NONE or len(results) < 2:
        return frozenset()
    running = results
    if measure.aim is Aim.CALM and truth:
        enough = _PALE * truth[_COLOURFULNESS]
        running = {title: row for title, row in results.items() if row[_COLOURFULNESS] >= enough}
    scores = {
        title: _badness(measure.aim, round(row[measure.name], measure.digits), truth.get(measure.name, 0.0))
        for title, row in running.items()
    }
    least = min(scores.values(), default=0.0)
    return frozenset(title for title, score in scores.items() if score == least or score - least < _EQUAL)


def _badness(aim: Aim, value: float, truth: float) -> float:
    if aim is Aim.TRUTH:
        return abs(value - truth)
    return -value if aim is Aim.HIGHER else value
