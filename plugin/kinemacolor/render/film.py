"""The input of a render: what it is, whether it can be honestly coloured, which of its frames are meant."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kinemacolor.colour.encoding import Transfer
from kinemacolor.media.deinterlace import BobSource
from kinemacolor.media.errors import SourceError, UnsupportedSourceError
from kinemacolor.media.frame_index import index_frames
from kinemacolor.media.frame_numbers import expand, sequence_pattern
from kinemacolor.media.frame_times import frame_range_of_times
from kinemacolor.media.probe import Assume, probe
from kinemacolor.media.reader import Source, open_source
from kinemacolor.media.sequence_reader import Missing
from kinemacolor.media.shots import FilmExtent
from kinemacolor.media.types import FieldOrder, SourceFrame, SourceInfo
from kinemacolor.render.errors import UsageError
from kinemacolor.render.options import FilmOptions, FrameRange, TimeRange
from kinemacolor.render.piece import Piece
from kinemacolor.wire.shots import is_cut

_SEARCH_FRAMES = 250
"""How far back a shot's beginning is looked for at a time; a shot of a film lasts 3 to 10 seconds."""


class Film:
    """A film file or an image sequence. `info` is what will be coloured: after deinterlacing, if that was asked for."""

    def __init__(self, options: FilmOptions) -> None:
        self._path = options.source
        self._bob = options.bob
        self._missing = options.missing
        assume = Assume(transfer=options.transfer, frame_rate=options.sequence_rate)
        self._coded = probe(options.source, assume=assume)
        _check_supported(self._coded, options)
        self.info = self._coded
        if self._bob:
            with self.open() as source:
                self.info = source.info

    @property
    def path(self) -> Path:
        """The input as the user named it."""
        return self._path

    def open(self, start_frame: int | None = None) -> Source:
        """The pictures of the film from a frame on. Some before it may come too.

        Raises:
            SourceError: It cannot be read (any more).
        """
        if self._bob:
            # The filter looks at neighbouring fields: only from the beginning it always sees the same ones.
            return BobSource(open_source(self._path, info=self._coded, tracks=False))
        return open_source(self._path, info=self._coded, start_frame=start_frame, tracks=False, missing=self._missing)

    def open_tracks(self, start_frame: int | None = None) -> Source:
        """The packets of the other tracks, from somewhat before a frame on, in the order of the file.

        Raises:
            SourceError: It cannot be read (any more).
        """
        start = None if self._bob else start_frame
        return open_source(self._path, info=self._coded, start_frame=start, pictures=False)

    @cached_property
    def _timeline(self) -> "_Timeline":
        pattern = sequence_pattern(self._path)
        if pattern is not None:
            numbers = expand(pattern)
            count = numbers[-1] - numbers[0] + 1
            return _Timeline(numbers[0], tuple(number * self.info.time_base for number in range(count)), True)
        index = index_frames(self._path)
        if not self._bob:
            return _Timeline(0, index.times, index.is_exact)
        return _Timeline(0, _field_times(index.times), False)

    @property
    def can_seek(self) -> bool:
        """True if `open` does not have to decode what lies before the start frame."""
        return self._timeline.can_seek

    @property
    def first_number(self) -> int:
        """Number of the first frame: 0, or that in the name of a sequence's first picture."""
        return self._timeline.first if sequence_pattern(self._path) is not None else 0

    @property
    def last_number(self) -> int:
        """Number of the last frame; reads the file through once."""
        return self._timeline.last

    @property
    def start_seconds(self) -> Fraction:
        """When the first frame is shown, in the film's own time; reads the file through once."""
        return self._timeline.time(self._timeline.first)

    @property
    def extent(self) -> FilmExtent:
        """Frames of the file, before deinterlacing makes two of each."""
        timeline, coded = self._timeline, self._coded
        count = len(timeline.times) // self.pictures_per_frame
        return FilmExtent(
            first=timeline.first,
            last=timeline.first + count - 1,
            frame_rate=coded.frame_rate,
            timecode=coded.timecode,
        )

    @property
    def pictures_per_frame(self) -> int:
        """Frames of `info` that are made of one frame of the file."""
        return 2 if self._bob else 1

    def select(self, wanted: FrameRange | TimeRange) -> FrameRange:
        """The frames that are meant.

        Raises:
            UsageError: The film does not have them.
        """
        timeline = self._timeline
        if isinstance(wanted, TimeRange):
            try:
                first, last = frame_range_of_times(timeline.times, wanted.start, wanted.end)
            except ValueError as error:
                raise UsageError(str(error)) from error
            return FrameRange(timeline.first + first, timeline.first + last)
        if wanted.first < timeline.first or wanted.last > timeline.last:
            has = f"the frames {timeline.first}-{timeline.last}"
            raise UsageError(f"{self._path} has {has}, asked for {wanted.first}-{wanted.last}")
        return wanted

    def piece(self, frames: FrameRange) -> Piece:
        """The frames as a film of their own."""
        timeline = self._timeline
        behind = frames.last + 1
        return Piece(
            first=frames.first,
            last=frames.last,
            film_first=timeline.first,
            start_seconds=timeline.time(frames.first),
            end_seconds=timeline.time(behind) if behind <= timeline.last else None,
        )


@dataclass(frozen=True, slots=True)
class _Timeline:
    """Which frames there are, and when each begins."""

    first: int
    times: tuple[Fraction, ...]
    """Seconds, in the film's own time."""
    can_seek: bool

    @property
    def last(self) -> int:
        return self.first + len(self.times) - 1

    def time(self, number: int) -> Fraction:
        return self.times[number - self.first]


def _field_times(times: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
    """Times of fields: the second one lies in the middle between its frame and the next."""
    steps = [later - earlier for earlier, later in pairwise(times)]
    steps.append(steps[-1] if steps else Fraction(1, 25))
    return tuple(time + step * half for time, step in zip(times, steps, strict=True) for half in (0, Fraction(1, 2)))


def _check_supported(info: SourceInfo, options: FilmOptions) -> None:
    if info.container != "sequence":
        _check_no_sequence_options(options)
    if info.field_order is not FieldOrder.PROGRESSIVE and not options.bob:
        raise UnsupportedSourceError(
            f"{info.path}: is interlaced ({info.field_order.value}); --field bob makes every field a frame"
        )
    if info.encoding.transfer in (Transfer.PQ, Transfer.HLG) and options.transfer is None:
        name = info.encoding.transfer.name
        raise UnsupportedSourceError(
            f"{info.path}: is tagged as {name} (HDR), which the colours were not made for; "
            f"--transfer {name.lower()} goes on, --transfer bt709 if the tag is wrong"
        )


def _check_no_sequence_options(options: FilmOptions) -> None:
    """A film has its own times and no gaps; an option that does nothing would only look as if it did."""
    if options.sequence_rate is not None:
        raise UsageError("--rate is for picture sequences; a film keeps its own frame times")
    if options.missing is not Missing.ERROR:
        raise UsageError("--missing is for picture sequences; a film has no missing numbers")


Proxy = NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class ShotSearch:
    """Finds the beginning of a shot by looking at pairs of neighbouring frames, backwards in stretches.

    The detector needs no other past than the frame before, so a stretch gives the answer of the whole film.
    """

    film: Film
    make_proxy: Callable[[SourceFrame], Proxy]

    def start_of(self, number: int) -> int:
        """The first frame of the shot that contains `number`.

        Raises:
            SourceError: The film cannot be read up to there.
        """
        beginning, last = self.film.first_number, number
        while True:
            first = max(beginning, last - _SEARCH_FRAMES) if self.film.can_seek else beginning
            cut = self._last_cut(first, last)
            if cut is not None:
                return cut
            if first == beginning:
                return beginning
            last = first

    def _last_cut(self, first: int, last: int) -> int | None:
        """The last frame in (first, last] at which a shot begins."""
        cut: int | None = None
        previous: Proxy | None = None
        reached = -1
        with self.film.open(first) as source:
            for item in source:
                if not isinstance(item, SourceFrame) or item.number < first:
                    continue
                proxy = self.make_proxy(item)
                if previous is not None and is_cut(previous, proxy):
                    cut = item.number
                previous, reached = proxy, item.number
                if reached >= last:
                    return cut
        raise SourceError(f"{self.film.path}: ends after frame {reached}, before frame {last}")
