"""Which frames a person means: `--frames 25-34`, `-ss 00:01:02.5`, `-to 90`. Pure; times are exact fractions.

Frames are counted from 0 in presentation order. Times are seconds after the first frame's presentation time, whatever
pts the container gives it. A range of frames includes both ends; a range of times includes the frames that begin at
or after its start and before its end (as `ffmpeg -ss A -to B` does when it re-encodes).
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction

__all__ = ["FrameRange", "frame_range_of_times", "parse_frame_range", "parse_time"]

FrameRange = tuple[int, int]
"""First and last frame, both included."""

_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d{1,2}(?:\.\d+)?)")
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


def parse_time(text: str) -> Fraction:
    """Seconds from `75`, `75.5`, `1:15.5` or `0:01:15.5`.

    Raises:
        ValueError: anything else; minutes or seconds of 60 and more after a colon.
    """
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return Fraction(text)
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no time; expected seconds or HH:MM:SS.mmm")
    hours, minutes, seconds = match.groups()
    if Fraction(seconds) >= 60 or (hours is not None and int(minutes) >= 60):
        raise ValueError(f"{text!r} is no time; minutes and seconds go up to 59")
    return (int(hours or 0) * 60 + int(minutes)) * 60 + Fraction(seconds)


def parse_frame_range(text: str) -> FrameRange:
    """(25, 34) from `25-34`, (25, 25) from `25`.

    Raises:
        ValueError: not of that form, or the end lies before the start.
    """
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no range of frames; expected FIRST-LAST, as in 25-34")
    first = int(match[1])
    last = int(match[2]) if match[2] is not None else first
    if last < first:
        raise ValueError(f"range of frames {text}: the last frame lies before the first")
    return first, last


def frame_range_of_times(
    times: Sequence[Fraction], start: Fraction | None = None, end: Fraction | None = None
) -> FrameRange:
    """The frames that begin in [start, end).

    Args:
        times: presentation times of all frames in seconds, ascending.
        start: seconds after the first frame; None is the beginning.
        end: seconds after the first frame; None is the end.

    Raises:
        ValueError: no frame begins in that range; says which times the film has.
    """
    if not times:
        raise ValueError("the film has no frames")
    first = 0 if start is None else bisect_left(times, times[0] + start)
    behind = len(times) if end is None else bisect_left(times, times[0] + end)
    if first >= behind:
        length = float(times[-1] - times[0])
        raise ValueError(f"no frame begins in that range of times; the last frame begins at {length:.3f} seconds")
    return first, behind - 1
