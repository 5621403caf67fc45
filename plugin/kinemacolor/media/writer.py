"""The sink: takes coloured frames in, leaves finished parts: closed segments of a film, or pictures of a sequence.

A part is durable before it is told of. `join` makes the film of its segments; what comes out does not depend on how
many sinks, or how many runs of the program, made them.
"""

from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import av

from kinemacolor.media.containers import container_for
from kinemacolor.media.encoder import SegmentEncoder
from kinemacolor.media.ffmpeg_log import writing
from kinemacolor.media.muxer import needs_global_header
from kinemacolor.media.output_file import DiskFullPolicy
from kinemacolor.media.picture_frames import check_planes
from kinemacolor.media.quality import LumaMeter, LumaSum
from kinemacolor.media.segment_file import SegmentWriter
from kinemacolor.media.sequence_writer import SequenceSink, picture_path
from kinemacolor.media.timing import FrameClock
from kinemacolor.media.types import OutputFrame, OutputPlan, Part

__all__ = ["SegmentSink", "Sink", "open_sink", "part_path", "segment_name"]


class Sink(Protocol):
    """Where coloured frames go. A context manager: left without `finish`, an unfinished part does not remain."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write_frame(self, frame: OutputFrame) -> Part | None:
        """Take the next frame in presentation order, in the plan's pixel format; the part that it completes, if any.

        Its planes must not be changed afterwards: some are held until the encoder is through with them.
        """

    def finish(self) -> Part | None:
        """Complete the last part, which may be shorter than the others; None if nothing of it has come."""


def open_sink(
    plan: OutputPlan,
    folder: Path,
    disk_full: DiskFullPolicy | None = None,
    before: Part | None = None,
    replaceable: frozenset[str] = frozenset(),
) -> Sink:
    """The sink for a plan; use it as a context manager.

    Args:
        plan: From `plan_output`.
        folder: Where segments are put; pictures have the place that the plan says.
        disk_full: What to do when there is no room; the default gives up at once.
        before: The part after which this sink goes on; None: it begins the output.
        replaceable: As of `SequenceSink`.
    """
    policy = disk_full or DiskFullPolicy()
    if plan.container == "sequence":
        return SequenceSink(plan, policy, 0 if before is None else before.first + before.frames, replaceable)
    return SegmentSink(plan, folder, policy, before)


def segment_name(index: int) -> str:
    """The name of a segment's file."""
    return f"{index:06d}.segment"


def part_path(plan: OutputPlan, folder: Path, index: int, first_number: int) -> Path:
    """Where a part of the output is.

    Args:
        plan: Of the output.
        folder: Where its segments are.
        index: See `Part.index`.
        first_number: Of the output's first frame.
    """
    if plan.container == "sequence":
        return picture_path(plan.path, first_number + index)
    return folder / segment_name(index)


class SegmentSink:
    """Encodes a film into closed segments, a file each."""

    def __init__(self, plan: OutputPlan, folder: Path, policy: DiskFullPolicy, before: Part | None = None) -> None:
        self._plan = plan
        self._folder = folder
        self._policy = policy
        container = container_for(plan.path)
        self._clock = FrameClock(
            plan.time_base, plan.source.frame_rate, gaps=container.gaps, from_zero=container.needs_rate
        )
        self._global_header = needs_global_header(plan.container)
        self._position = 0
        if before is not None:
            self._position = before.first + before.frames
            self._clock.go_on(self._position, before.origin_ticks, before.last_tick)
        self._segment: _OpenSegment | None = None
        self._open = False

    def __enter__(self) -> Self:
        self._open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        if self._segment is not None:
            self._segment.discard()
            self._segment = None

    def write_frame(self, frame: OutputFrame) -> Part | None:
        """See `Sink`.

        Raises:
            ValueError: The planes do not have the plan's sizes or sample type.
            OutputError: The frame's time cannot be held, or writing failed.
        """
        self._check_open()
        check_planes(frame, self._plan)
        tick = self._clock.tick(frame)
        if self._segment is None:
            self._segment = _OpenSegment(self._plan, self._folder, self._policy, self._global_header, self._position)
        with writing(self._plan.path.name):
            self._segment.encode(frame, tick, self._clock.duration(frame))
        self._position += 1
        return self._close_segment() if self._segment.frames == self._plan.segment_frames else None

    def finish(self) -> Part | None:
        """See `Sink`.

        Raises:
            OutputError: The segment cannot be completed.
        """
        self._check_open()
        part = self._close_segment() if self._segment is not None else None
        self._open = False
        return part

    def _close_segment(self) -> Part | None:
        if self._segment is None:
            return None
        with writing(self._plan.path.name):
            part = self._segment.finish(self._clock)
        self._segment = None
        return part

    def _check_open(self) -> None:
        if not self._open:
            raise ValueError("the sink is not open")


class _OpenSegment:
    """The segment that is being encoded."""

    def __init__(
        self, plan: OutputPlan, folder: Path, policy: DiskFullPolicy, global_header: bool, position: int
    ) -> None:
        self._first = position
        self._index = position // plan.segment_frames
        self._encoder = SegmentEncoder(plan, global_header=global_header)
        self._meter = None if plan.lossless else LumaMeter(plan, self._encoder.extradata, self._index)
        self._writer = SegmentWriter(folder / segment_name(self._index), policy)
        self._has_begun = False
        self.frames = 0

    def encode(self, frame: OutputFrame, tick: int, duration: int) -> None:
        """Encode a frame and write what comes out."""
        if self._meter is not None:
            self._meter.submit(self._first + self.frames, tick, frame.planes)
        self._write(self._encoder.encode(frame, tick, duration))
        self.frames += 1

    def finish(self, clock: FrameClock) -> Part:
        """Write the rest; `clock` stands at the segment's last frame."""
        self._write(self._encoder.flush())
        size, digest = self._writer.finish()
        luma = self._meter.result() if self._meter is not None else LumaSum()
        return Part(
            index=self._index,
            first=self._first,
            frames=self.frames,
            name=segment_name(self._index),
            bytes=size,
            sha256=digest,
            origin_ticks=clock.origin_ticks,
            last_tick=clock.last_tick or 0,
            luma_squares=luma.squares,
            luma_samples=luma.samples,
            luma_frames=luma.frames,
        )

    def discard(self) -> None:
        """Leave nothing behind."""
        self._writer.discard()

    def _write(self, packets: list["av.Packet[Any]"]) -> None:
        for packet in packets:
            if not self._has_begun:
                self._writer.begin(self._encoder.extradata, self._encoder.reorder_depth(packet))
                self._has_begun = True
            if self._meter is not None:
                self._meter.packet(packet)
            self._writer.add(packet)
