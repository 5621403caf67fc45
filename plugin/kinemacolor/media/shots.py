"""Lists of shots as values: what a file says, where that lies in a film, what is refused. Pure.

Rules
  * A list says where shots begin. What it says of their ends only decides who owns the frames behind: frames between
    two listed shots, before the first and after the last one belong to none of them and make a shot of their own.
  * Frames are those of the film file, as `kinemacolor shots detect` prints them: from 0, or for picture sequences the
    numbers in their names.
  * Nothing is repaired: a shot outside the film, or one that does not come after the one before, is refused.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction
from itertools import pairwise

from kinemacolor.media.timecode import frame_of_timecode, with_mode
from kinemacolor.wire.limits import MAX_SHOT_STARTS

__all__ = ["Counting", "FilmExtent", "ListedShot", "Shot", "ShotList", "check_order", "film_start", "in_film"]


@dataclass(frozen=True, slots=True)
class Shot:
    """Frames `first` to `last` of a film, both included."""

    first: int
    last: int
    name: str = ""
    """What the list calls it; empty if it has no name, or if the list leaves these frames out."""


class Counting(Enum):
    """What the numbers of a list count."""

    FRAMES = "frames"
    """The film's own frame numbers."""
    FROM_FIRST = "frames from the first"
    """0 is the film's first frame, whatever its number."""
    TIMECODE = "timecode"
    """Frames since 00:00:00:00 of the record timecode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedShot:
    """One shot of a list."""

    line: int
    """Where it stands in the file, from 1."""
    label: str
    """Its beginning as the file writes it."""
    first: int
    last: int | None = None
    """Included; None: the list does not say."""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotList:
    """What a file says."""

    shots: tuple[ListedShot, ...]
    """At least one."""
    counting: Counting
    drop_frame: bool = False
    """Only with Counting.TIMECODE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmExtent:
    """The frames that a film file has."""

    first: int
    last: int
    frame_rate: Fraction | None
    timecode: str | None
    """Of the first frame."""

    @property
    def start_frame(self) -> int | None:
        """Frames since 00:00:00:00 at the first frame; None without a timecode, or with one that the rate has not."""
        if self.timecode is None or self.frame_rate is None:
            return None
        try:
            return frame_of_timecode(self.timecode, self.frame_rate)
        except ValueError:
            return None


def in_film(listed: ShotList, extent: FilmExtent, start: int | None) -> tuple[Shot, ...]:
    """The shots of the whole film, without a gap between them.

    Args:
        listed: The list.
        extent: The film.
        start: What the list counts at the film's first frame (`film_start`); only with Counting.TIMECODE.

    Raises:
        ValueError: One line that names the line of the list.
    """
    shift = {Counting.FRAMES: 0, Counting.FROM_FIRST: extent.first, Counting.TIMECODE: extent.first - (start or 0)}
    by = shift[listed.counting]
    shots = [replace(shot, first=shot.first + by, last=_plus(shot.last, by)) for shot in listed.shots]
    for shot in shots:
        _check_inside(shot, extent)
    check_order(shots)
    names = {shot.first: shot.name for shot in shots}
    starts = sorted({extent.first, *names, *_ends(shots, extent)})
    if len(starts) > MAX_SHOT_STARTS:
        raise ValueError(f"expected at most {MAX_SHOT_STARTS} shots, found {len(starts)}")
    behind = [*starts[1:], extent.last + 1]
    return tuple(Shot(first, end - 1, names.get(first, "")) for first, end in zip(starts, behind, strict=True))


def film_start(listed: ShotList, extent: FilmExtent, label: str | None) -> int:
    """Where in a timecode list the film begins: as the user says, by the film's timecode, or at the list's first shot.

    Args:
        listed: A list with Counting.TIMECODE.
        extent: The film.
        label: What the user says; None: nothing.

    Raises:
        ValueError: The user's label does not exist, or the film's timecode counts in another way than the list.
    """
    if label is not None and extent.frame_rate is not None:
        return frame_of_timecode(with_mode(label, listed.drop_frame), extent.frame_rate)
    begins = extent.start_frame
    if begins is None or extent.timecode is None:
        return listed.shots[0].first
    if (";" in extent.timecode) != listed.drop_frame:
        modes = ("drop frame", "non-drop frame") if listed.drop_frame else ("non-drop frame", "drop frame")
        raise ValueError(f"the list counts in {modes[0]}, but the film's timecode {extent.timecode} is {modes[1]}")
    return begins


def check_order(shots: Sequence[ListedShot]) -> None:
    """Refuse shots that do not follow each other.

    Raises:
        ValueError: One line that names the line of the list.
    """
    for shot in shots:
        if shot.last is not None and shot.last < shot.first:
            raise ValueError(f"line {shot.line}: the shot at {shot.label} ends before it begins")
    for before, shot in pairwise(shots):
        if shot.first <= before.first:
            raise ValueError(f"line {shot.line}: {shot.label} does not come after {before.label} of line {before.line}")
        if before.last is not None and shot.first <= before.last:
            raise ValueError(f"line {shot.line}: {shot.label} lies inside the shot of line {before.line}")


def _check_inside(shot: ListedShot, extent: FilmExtent) -> None:
    for what, frame in (("begins", shot.first), ("ends", shot.last)):
        if frame is not None and not extent.first <= frame <= extent.last:
            where = f"at frame {frame}, outside the film, whose frames are {extent.first}-{extent.last}"
            raise ValueError(f"line {shot.line}: the shot at {shot.label} {what} {where}")


def _ends(shots: Sequence[ListedShot], extent: FilmExtent) -> Iterator[int]:
    """Frames behind a shot that belong to no listed one, if there are any."""
    return (shot.last + 1 for shot in shots if shot.last is not None and shot.last < extent.last)


def _plus(frame: int | None, by: int) -> int | None:
    return None if frame is None else frame + by
