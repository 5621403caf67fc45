"""`--field bob`: every field of an interlaced film becomes one progressive frame, at twice the frame rate.

FFmpeg's bwdif (motion-adaptive, w3fdif interpolation) in `send_field` mode; the lines of a field keep their codes, only
the missing ones are made. Each plane goes through a filter graph of its own, as gray or gray16: a graph for the whole
picture would silently convert the formats that bwdif lacks (gray10, yuv440p10, gbrap12), and the filter treats planes
independently anyway. Samples of 9 to 14 bits may overshoot their range there and are limited afterwards.
"""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from av.filter import Graph
from av.video.frame import VideoFrame

from kinemacolor.media.errors import SourceError, UnsupportedSourceError
from kinemacolor.media.formats import NATIVE
from kinemacolor.media.source import Item, Source
from kinemacolor.media.timecode import frame_of_timecode, timecode_of_frame
from kinemacolor.media.types import FieldOrder, SourceFrame, SourceInfo, TrackPacket
from kinemacolor.picture.pixel import Samples

__all__ = ["BobSource"]

_PARITY = {FieldOrder.TOP_FIRST: "tff", FieldOrder.BOTTOM_FIRST: "bff"}
_SMALLEST_SIDE = 3  # of a plane that bwdif takes

Field = tuple[int, Samples]
"""Presentation time in units of half the source's time base, and one plane."""


class BobSource(Source):
    """An interlaced source as a progressive one. Closing it closes the source it wraps.

    Frame n of the source becomes frames 2n and 2n + 1; its pts p becomes 2p and, in the middle of the time to the next
    frame, the second one, both in units of half the time base. `info` says all of that.

    Raises:
        UnsupportedSourceError: the source is not interlaced, or has planes of fewer than 3 lines or columns.
    """

    def __init__(self, source: Source) -> None:
        info = source.info
        if info.field_order not in _PARITY:
            raise UnsupportedSourceError(f"{info.path}: is not interlaced; leave out --field")
        chroma = info.pixel_format.chroma_size(info.width_px, info.height_px)
        if min(info.width_px, info.height_px, *chroma) < _SMALLEST_SIDE:
            raise UnsupportedSourceError(f"{info.path}: {info.width_px}x{info.height_px} is too small to deinterlace")
        self._source = source
        self.info = _progressive(info)

    def close(self) -> None:
        """Close the wrapped source."""
        self._source.close()

    def stream(self, track_index: int) -> Any:
        """As of the wrapped source."""
        return self._source.stream(track_index)

    def chapters(self) -> list[Any]:
        """As of the wrapped source."""
        return self._source.chapters()

    def __iter__(self) -> Iterator[Item]:
        """See `Source.__iter__`."""
        weaver: _Fields | None = None
        for item in self._source:
            if isinstance(item, TrackPacket):
                yield item
                continue
            weaver = weaver or _Fields(item, self._source.info)
            yield from weaver.push(item)
        if weaver is not None:
            yield from weaver.finish()


def _progressive(info: SourceInfo) -> SourceInfo:
    rate = 2 * info.frame_rate if info.frame_rate is not None else None
    timecode = info.timecode
    if timecode is not None and info.frame_rate is not None and rate is not None:
        try:
            first = 2 * frame_of_timecode(timecode, info.frame_rate)
            timecode = timecode_of_frame(first, rate, drop=";" in timecode)
        except ValueError:  # a label that this rate does not have is passed on as it is
            pass
    return replace(
        info,
        frame_rate=rate,
        time_base=info.time_base / 2,
        field_order=FieldOrder.PROGRESSIVE,
        frame_count=2 * info.frame_count if info.frame_count is not None else None,
        timecode=timecode,
    )


class _Fields:
    """The filters of all planes, fed in step."""

    def __init__(self, first: SourceFrame, info: SourceInfo) -> None:
        self._path = info.path
        self._next_number = 2 * first.number
        self._has_alpha = first.alpha is not None
        self._time_base = first.time_base
        self._durations: list[int | None] = []
        parity = _PARITY[info.field_order]
        self._filters = [
            _PlaneFilter(plane.shape, first.time_base, parity, info.pixel_format.max_code) for plane in _planes(first)
        ]

    def push(self, frame: SourceFrame) -> list[SourceFrame]:
        if frame.pts is None:
            raise UnsupportedSourceError(f"{self._path}: has no times for its frames, which deinterlacing needs")
        self._durations += [frame.duration, frame.duration]
        pts = frame.pts
        with_planes = zip(self._filters, _planes(frame), strict=True)
        return self._frames([each.push(plane, pts) for each, plane in with_planes])

    def finish(self) -> list[SourceFrame]:
        return self._frames([each.finish() for each in self._filters])

    def _frames(self, fields: list[list[Field]]) -> list[SourceFrame]:
        """One frame for each set of fields that the filters gave together."""
        made = []
        for together in zip(*fields, strict=True):
            planes = [plane for _, plane in together]
            alpha = planes.pop() if self._has_alpha else None
            made.append(
                SourceFrame(
                    number=self._next_number,
                    pts=together[0][0],
                    duration=self._durations.pop(0),  # as many half ticks as the frame had whole ones
                    time_base=self._time_base / 2,
                    planes=tuple(planes),
                    alpha=alpha,
                )
            )
            self._next_number += 1
        return made


def _planes(frame: SourceFrame) -> tuple[Samples, ...]:
    return frame.planes if frame.alpha is None else (*frame.planes, frame.alpha)


class _PlaneFilter:
    """bwdif on one plane."""

    def __init__(self, shape: tuple[int, ...], time_base: Fraction, parity: str, max_code: int) -> None:
        self._height, self._width = shape
        self._time_base = time_base
        self._max_code = max_code
        self._dtype = np.dtype(np.uint8 if max_code <= 255 else np.uint16)
        self._layout = "gray" if max_code <= 255 else f"gray16{NATIVE}"
        form = av.VideoFormat(self._layout)
        self._graph = Graph()
        self._graph.link_nodes(
            self._graph.add_buffer(width=self._width, height=self._height, format=form, time_base=time_base),
            self._graph.add("bwdif", f"mode=send_field:parity={parity}:deint=all"),
            self._graph.add("buffersink"),
        ).configure()

    def push(self, samples: Samples, pts: int) -> list[Field]:
        frame = VideoFrame(self._width, self._height, self._layout)
        _view(frame, self._dtype)[:] = samples
        frame.pts, frame.time_base = pts, self._time_base
        return self._exchange(frame)

    def finish(self) -> list[Field]:
        return self._exchange(None)

    def _exchange(self, frame: VideoFrame | None) -> list[Field]:
        try:
            self._graph.vpush(frame)
        except FFmpegError as error:
            raise SourceError(f"deinterlacing failed: {error.strerror}") from error
        fields: list[Field] = []
        while True:
            try:
                made = self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return fields
            samples: Samples = np.minimum(_view(made, self._dtype), self._dtype.type(self._max_code))
            samples.flags.writeable = False
            fields.append((made.pts or 0, samples))


def _view(frame: VideoFrame, dtype: np.dtype[Any]) -> Any:
    plane = frame.planes[0]
    strides = (plane.line_size, dtype.itemsize)
    return np.ndarray((frame.height, frame.width), dtype, memoryview(plane), 0, strides)
