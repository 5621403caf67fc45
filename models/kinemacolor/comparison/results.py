"""What a comparison found, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction

from kinemacolor.comparison.combinations import Combination
from kinemacolor.comparison.names import file_stem
from kinemacolor.evaluation.measure import Measures, mean_figures

__all__ = ["GREY", "TRUTH", "ClipResult", "Comparison", "Line", "Times", "counted", "means", "milliseconds"]

GREY, TRUTH = "grey", "truth"


@dataclass(frozen=True, slots=True)
class Line:
    """One result on one clip: grey, a combination or the truth."""

    figures: Measures
    difference: tuple[float, ...]
    """CIEDE2000 of each frame; none if there is no truth."""
    flicker: tuple[float, ...]
    """Warp error of a*b* x 1000 of each pair of neighbouring frames; none if there is no motion to follow."""


@dataclass(frozen=True, slots=True)
class Times:
    """What both networks of a combination took."""

    frame: float
    """Of the frame network, which runs once for all its temporal networks."""
    temporal: float
    """Of the temporal network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipResult:
    """All results on one clip."""

    name: str
    """As text, see `kinemacolor.comparison.names`."""
    frames: int
    width_px: int
    height_px: int
    rate: Fraction
    lines: Mapping[str, Line]
    """By title, from grey to, if it is known, the truth."""
    times: Mapping[str, Times]
    """By title of the combination, for the whole clip."""

    @property
    def file(self) -> str:
        """Name of its files, without their endings."""
        return file_stem(self.name)

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
    clips: tuple[ClipResult, ...]

    @property
    def known(self) -> tuple[ClipResult, ...]:
        """The clips with a truth."""
        return tuple(clip for clip in self.clips if clip.is_known)

    @property
    def unknown(self) -> tuple[ClipResult, ...]:
        """The black-and-white ones."""
        return tuple(clip for clip in self.clips if not clip.is_known)


def milliseconds(clips: Sequence[ClipResult], title: str) -> Times:
    """Of a combination for one frame, mean over the frames of all clips."""
    unit = 1000.0 / sum(clip.frames for clip in clips)
    times = [clip.times[title] for clip in clips]
    return Times(unit * sum(one.frame for one in times), unit * sum(one.temporal for one in times))


def means(clips: Sequence[ClipResult]) -> dict[str, dict[str, float]]:
    """Figures by title, mean over clips of one kind, each with the same weight."""
    titles = clips[0].lines if clips else {}
    return {title: asdict(mean_figures([clip.lines[title].figures for clip in clips])) for title in titles}


def counted(number: int, what: str) -> str:
    """A number of things, in words."""
    return f"{number} {what}{'' if number == 1 else 's'}"
