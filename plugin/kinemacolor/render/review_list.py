"""The list of frames where a person should help, as comma-separated values: collected while a film is coloured."""

import csv
import io
import math
from collections.abc import Iterator

from kinemacolor.media.errors import OutputError
from kinemacolor.media.output_file import DiskFullPolicy, OutputFile, check_writable
from kinemacolor.media.timecode import frame_of_timecode, timecode_of_frame
from kinemacolor.media.types import SourceFrame, SourceInfo
from kinemacolor.render.errors import UsageError
from kinemacolor.render.film import Film
from kinemacolor.render.guides import ShownPicture, Turn
from kinemacolor.render.options import ColourOptions, ReviewOptions
from kinemacolor.render.report import ReviewReport
from kinemacolor.render.review import ConfidenceLog, Frames, Place, Review, review
from kinemacolor.wire.frame import ColorPlanes

__all__ = ["FilmReview", "check_review_output", "seconds_of"]

_SUFFIX = ".csv"
_COLUMNS = (
    "frame", "time", "shot_first", "shot_last", "confidence", "x", "y", "region_confidence", "unsure_share", "need",
    "suggestion",
)  # fmt: skip
_UNKNOWN = "unknown"


def check_review_output(options: ColourOptions) -> None:
    """Refuse a name before the film is coloured for it.

    Raises:
        OutputError: It is no name of a list, or cannot be made.
        UsageError: It is that of the list of shots.
    """
    if options.review is None:
        return
    path = options.review.path
    if path.suffix.lower() != _SUFFIX:
        raise OutputError(f"{path}: expected a list, NAME{_SUFFIX}")
    if options.shots is not None and path.exists() and options.shots.exists() and path.samefile(options.shots):
        raise UsageError(f"{path}: --review and --shots are the same file")
    check_writable(path, overwrite=options.review.overwrite)


def seconds_of(frame: SourceFrame) -> float:
    """When a frame is shown, by the film's own clock; not a number where it has none."""
    return math.nan if frame.pts is None else float(frame.pts * frame.time_base)


class FilmReview:
    """What becomes the list, over all passes of a film. Frames are taken in one thread at a time.

    Args:
        options: Of the list.
        film: The film.
        first_number: Of the first frame that is wanted.
    """

    def __init__(self, options: ReviewOptions, film: Film, first_number: int) -> None:
        self._options, self._film, self._first = options, film, first_number
        self._log = ConfidenceLog(first_number)
        self._shot_first = first_number
        self._begins = math.nan
        """Seconds at the film's first frame."""

    def begin_pass(self, shot_first: int) -> None:
        """The next frame lies in the shot that begins there."""
        self._shot_first = shot_first

    def take(self, number: int, seconds: float, colour: ColorPlanes) -> None:
        """The next frame of a pass."""
        if colour.shot_start:
            self._shot_first = number
        if number == self._film.first_number:
            self._begins = seconds
        self._log.add(number, self._shot_first, seconds, colour.confidence)

    def write(self, last_number: int, policy: DiskFullPolicy) -> tuple[OutputFile, ReviewReport]:
        """The list, in a file that is whole but not yet under its name (`commit`), and what it says.

        Args:
            last_number: Of the last frame that the list is about.
            policy: What to do when the disk is full.

        Raises:
            OutputError: It cannot be written.
        """
        found = review(self._log, last_number)
        file = OutputFile(self._options.path, overwrite=self._options.overwrite, policy=policy)
        try:
            file.append(self._table(found).encode())
        except BaseException:
            file.discard()
            raise
        unknown = sum(frames.last - frames.first + 1 for frames in found.unknown)
        path, shots = self._options.path, len({place.shot.first for place in found.places})
        return file, ReviewReport(path, len(found.places), shots, found.left_out, unknown)

    def _table(self, found: Review) -> str:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_COLUMNS)
        turn = ShownPicture.of(self._film.info).turn
        writer.writerows(self._place_row(place, turn) for place in found.places)
        writer.writerows(self._unknown_row(frames) for frames in found.unknown)
        return text.getvalue()

    def _place_row(self, place: Place, turn: Turn) -> Iterator[object]:
        x, y = turn.point_shown(place.x, place.y)
        yield from (place.frame, self._time(place.frame, place.seconds), place.shot.first, place.shot.last)
        for value in (place.confidence, x, y, place.region_confidence, place.unsure_share, place.need):
            yield f"{value:.4f}"
        yield place.suggestion

    def _unknown_row(self, frames: Frames) -> tuple[object, ...]:
        time = self._time(frames.first, math.nan)
        return (frames.first, time, frames.first, frames.last, *[""] * 6, _UNKNOWN)

    def _time(self, number: int, seconds: float) -> str:
        info, frames_in = self._film.info, number - self._film.first_number
        label = _timecode(info, frames_in)
        if label is not None:
            return label
        if math.isfinite(seconds):
            return _clock(seconds - self._film_begins())
        return _clock(float(frames_in / info.frame_rate)) if info.frame_rate else ""

    def _film_begins(self) -> float:
        if not math.isfinite(self._begins):
            # A render that did not come by there had to look up where its frames are.
            self._begins = float(self._film.start_seconds)
        return self._begins


def _timecode(info: SourceInfo, frames_in: int) -> str | None:
    """The label of a frame so many behind the first; None: the film has no timecode, or one that cannot be counted."""
    if info.timecode is None or not info.frame_rate:
        return None
    try:
        start = frame_of_timecode(info.timecode, info.frame_rate)
        return timecode_of_frame(start + frames_in, info.frame_rate, drop=";" in info.timecode)
    except ValueError:
        return None


def _clock(seconds: float) -> str:
    """`HH:MM:SS.mmm`, as `-ss` takes it."""
    milliseconds = max(0, round(seconds * 1000))
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
