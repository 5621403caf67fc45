"""What a model has to reach, and whether it does. Pure.

No single figure decides. Grey is calm, a tint has a good PSNR, a loud picture is colourful: each misses other targets.
Calm counts only with colour: the targets over time are missed by whoever has less than 80 % of the truth's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

__all__ = ["Aim", "Verdict", "judge", "verdict", "verdict_lines"]

_DIFFERENCE_OF_GREY = 0.85
_PSNR_GAIN_DB = 1.8
_COLOUR_OF_TRUTH = 0.85
_COLOUR_ERROR = 9.0
_WARP_OF_TRUTH = 1.2
_CDC_OF_TRUTH = 1.3
_COLOUR_FOR_CALM = 0.80
_AGREEMENT = 0.4

Means = Mapping[str, float]


class Aim(Enum):
    """On which side of the limit a figure has to be."""

    AT_MOST = "at most"
    AT_LEAST = "at least"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target and what was found."""

    target: str
    """What is measured."""
    aim: Aim
    limit: float
    found: float
    met: bool
    note: str = ""
    """Why it is missed although the figure is on the right side."""

    def text(self) -> str:
        """One line."""
        word = "met" if self.met else "missed"
        note = f" ({self.note})" if self.note else ""
        return f"{word}: {self.target} {self.aim.value} {self.limit:.2f}, found {self.found:.2f}{note}"


def verdict(target: str, aim: Aim, limit: float, found: float) -> Verdict:
    """Met if the figure is on the right side of the limit, or on it; what is no number is missed."""
    return Verdict(target, aim, limit, found, found <= limit if aim is Aim.AT_MOST else found >= limit)


def judge(row: Means, grey: Means, truth: Means, agreement: float | None = None) -> tuple[Verdict, ...]:
    """The targets of a model on clips whose colours are known.

    Args:
        row: Mean figures of the model, by the names of `measure.Figures`.
        grey: Those of grey.
        truth: Those of the truth.
        agreement: Rank correlation of its confidence, over all clips; None if it gives no confidence.
    """
    difference, full = "ciede2000", truth["colourfulness"]
    lasting = (
        verdict(
            f"CIEDE2000 ({_DIFFERENCE_OF_GREY:g} of grey's)",
            Aim.AT_MOST,
            _DIFFERENCE_OF_GREY * grey[difference],
            row[difference],
        ),
        verdict(
            f"PSNR in dB (grey's + {_PSNR_GAIN_DB:g})", Aim.AT_LEAST, grey["psnr_db"] + _PSNR_GAIN_DB, row["psnr_db"]
        ),
        verdict(
            f"colourfulness ({_COLOUR_OF_TRUTH:.0%} of the truth's)",
            Aim.AT_LEAST,
            _COLOUR_OF_TRUTH * full,
            row["colourfulness"],
        ),
        verdict("error of colourfulness", Aim.AT_MOST, _COLOUR_ERROR, row["colourfulness_error"]),
    )
    calm = (
        _calm("warp ab e3", "warp_error_e3", _WARP_OF_TRUTH, row, truth),
        _calm("CDC e3", "cdc_e3", _CDC_OF_TRUTH, row, truth),
    )
    if agreement is None:
        return (*lasting, *calm)
    return (*lasting, *calm, verdict("rank correlation of confidence", Aim.AT_LEAST, _AGREEMENT, agreement))


def verdict_lines(title: str, verdicts: Sequence[Verdict]) -> list[str]:
    """A line for each target, and how many are met."""
    met = sum(one.met for one in verdicts)
    return [f"{title}: {met} of {len(verdicts)} targets met", *(f"- {one.text()}" for one in verdicts)]


def _calm(title: str, name: str, times: float, row: Means, truth: Means) -> Verdict:
    found = verdict(f"{title} ({times:g} times the truth's)", Aim.AT_MOST, times * truth[name], row[name])
    if row["colourfulness"] >= _COLOUR_FOR_CALM * truth["colourfulness"]:
        return found
    pale = f"too pale to count: colourfulness below {_COLOUR_FOR_CALM:.0%} of the truth's"
    return Verdict(found.target, found.aim, found.limit, found.found, met=False, note=pale)
