"""What a comparison found, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction

from kinemacolor.comparison.combinations import Combination
from kinemacolor.evaluation.measure import Measures, mean_figures

__all__ = ["GREY", "TRUTH", "ClipResult", "Comparison", "Line", "means"]

GREY, TRUTH = "grey", "truth"


@dataclass(frozen=True, slots=True)
class Line:
    """One result on one clip: grey, a combination or the truth."""

    figures: Measures
    difference: tuple[float, ...]
    """CIEDE2000 of each frame; none if there is no truth."""
    flicker: tuple[float, ...]
    """Warp error of a*b* x 1000 of each pair of neighbouring frames; none if there is no motion to follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipResult:
    """All results on one clip."""

    name: str
    frames: int
    width_px: int
    height_px: int
    rate: Fraction
    lines: Mapping[str, Line]
    """By title, from grey to, if it is known, the truth."""

    @property
    def is_known(self) -> bool:
        """Whether there is a truth."""
        return TRUTH in self.lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything."""

    version: str
    """Of Kinemacolor."""
    settings: Mapping[str, str]
    """By name, as they are printed."""
    combinations: tuple[Combination, ...]
    milliseconds: Mapping[str, tuple[float, float]]
    """By title: of the frame network and of the temporal network for one frame."""
    clips: tuple[ClipResult, ...]

    @property
    def known(self) -> tuple[ClipResult, ...]:
        """The clips with a truth."""
        return tuple(clip for clip in self.clips if clip.is_known)

    @property
    def unknown(self) -> tuple[ClipResult, ...]:
        """The black-and-white ones."""
        return tuple(clip for clip in self.clips if not clip.is_known)


def means(clips: Sequence[ClipResult]) -> dict[str, dict[str, float]]:
    """Figures by title, mean over clips of one kind, each with the same weight."""
    titles = clips[0].lines if clips else {}
    return {title: asdict(mean_figures([clip.lines[title].figures for clip in clips])) for title in titles}
