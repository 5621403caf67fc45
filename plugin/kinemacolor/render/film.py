"""The input of a render: what it is, whether it can be honestly coloured, which of its frames are meant."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kinemacolor.colour.encoding import Transfer
from kinemacolor.media.deinterlace import BobSource
from kinemacolor.media.errors import SourceError, UnsupportedSourceError
from kinemacolor.media.frame_index import FrameIndex, index_frames
from kinemacolor.media.frame_times import frame_range_of_times
from kinemacolor.media.probe import Assume, probe
from kinemacolor.media.reader import Source, open_source
from kinemacolor.media.types import FieldOrder, SourceFrame, SourceInfo
from kinemacolor.render.errors import UsageError
from kinemacolor.render.options import FrameRange, RenderOptions, TimeRange
from kinemacolor.wire.shots import is_cut

_SEARCH_FRAMES = 250
"""How far back a shot's beginning is looked for at a time; a shot of a film lasts 3 to 10 seconds."""


class Film:
    """A film file or an image sequence. `info` is what will be coloured: after deinterlacing, if that was asked for."""

    def __init__(self, options: RenderOptions) -> None:
        self._path = options.source
        self._bob = options.bob
        self._coded = probe(options.source, assume=Assume(transfer=options.transfer))
        _check_supported(self._coded, options)
        if self._bob:
            with self.open(tracks=False) as source:
                self.info = source.info
        else:
            self.info = self._coded

    @property
    def path(self) -> Path:
        """The input as the user named it."""
        return self._path

    def open(self, start_frame: int = 0, tracks: bool = True) -> Source:
        """The film from a frame on. Frames and packets before it may come too.

        Raises:
            SourceError: It cannot be read (any more).
        """
        if self._bob:
            # The filter looks at neighbouring fields: only from the beginning it always sees the same ones.
            return BobSource(open_source(self._path, info=self._coded, tracks=tracks))
        return open_source(self._path, info=self._coded, start_frame=start_frame, tracks=tracks)

    @cached_property
    def _index(self) -> FrameIndex:
        return index_frames(self._path)

    @property
    def can_seek(self) -> bool:
        """True if `open` does not have to decode what lies before the start frame."""
        return not self._bob and self._index.is_exact

    def select(self, wanted: FrameRange | TimeRange) -> FrameRange:
        """The frames that are meant.

        Raises:
            UsageError: The film does not have them.
        """
        fields = 2 if self._bob else 1
        if isinstance(wanted, TimeRange):
            try:
                first, last = frame_range_of_times(self._index.times, wanted.start, wanted.end)
            except ValueError as error:
                raise UsageError(str(error)) from error
            return FrameRange(first * fields, (last + 1) * fields - 1)
        count = len(self._index.pts) * fields
        if wanted.last >= count:
            raise UsageError(f"{self._path} has the frames 0-{count - 1}, asked for {wanted.first}-{wanted.last}")
        return wanted


def _check_supported(info: SourceInfo, options: RenderOptions) -> None:
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
        last = number
        while True:
            first = max(0, last - _SEARCH_FRAMES) if self.film.can_seek else 0
            cut = self._last_cut(first, last)
            if cut is not None or first == 0:
                return cut or 0
            last = first

    def _last_cut(self, first: int, last: int) -> int | None:
        """The last frame in (first, last] at which a shot begins."""
        cut: int | None = None
        previous: Proxy | None = None
        reached = -1
        with self.film.open(first, tracks=False) as source:
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
