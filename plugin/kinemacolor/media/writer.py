"""The sink: takes coloured frames and copied packets in, leaves one whole file or nothing."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import av

from kinemacolor.media.containers import container_for
from kinemacolor.media.encoder import VideoEncoder
from kinemacolor.media.errors import OutputError
from kinemacolor.media.ffmpeg_log import writing
from kinemacolor.media.matroska_aspect import HEAD_BYTES, set_display_size
from kinemacolor.media.muxer import Muxer, SourceFile, open_source
from kinemacolor.media.output_file import DiskFullPolicy, OutputFile
from kinemacolor.media.picture_frames import check_planes
from kinemacolor.media.quality import LumaMeter
from kinemacolor.media.sequence_writer import SequenceSink
from kinemacolor.media.timing import FrameClock
from kinemacolor.media.types import OutputFrame, OutputPlan, SinkReport, TrackPacket

__all__ = ["FilmSink", "Sink", "open_sink"]


class Sink(Protocol):
    """Where coloured frames and copied packets go. A context manager: left without `finish`, nothing remains."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write_frame(self, frame: OutputFrame) -> None:
        """Take the next frame in presentation order, in the plan's pixel format.

        Its planes must not be changed afterwards: some are held until the encoder is through with them.
        """

    def write_packet(self, packet: TrackPacket) -> None:
        """Take a packet of a copied track (the payload is taken over); those of other tracks are ignored."""

    def finish(self) -> SinkReport:
        """Complete the file and give it its name."""


def open_sink(plan: OutputPlan, source_path: Path, disk_full: DiskFullPolicy | None = None) -> Sink:
    """The sink for a plan; use it as a context manager.

    Args:
        plan: From `plan_output`.
        source_path: The film whose tracks, chapters and metadata are copied; the one the plan was made for.
        disk_full: What to do when there is no room; the default gives up at once.
    """
    policy = disk_full or DiskFullPolicy()
    if plan.container == "sequence":
        return SequenceSink(plan, policy)
    return FilmSink(plan, source_path, policy)


class FilmSink:
    """Writes a film file. Entering it makes the hidden file and the header; `finish` names it."""

    def __init__(self, plan: OutputPlan, source_path: Path, policy: DiskFullPolicy) -> None:
        self._plan = plan
        self._source_path = source_path
        self._policy = policy
        self._file: OutputFile | None = None
        self._source: SourceFile | None = None
        self._muxer: Muxer | None = None
        self._frames = 0
        self._finished = False

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self._abandon()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._abandon()

    def _open(self) -> None:
        plan, container = self._plan, container_for(self._plan.path)
        self._file = OutputFile(plan.path, overwrite=plan.overwrite, policy=self._policy)
        self._source = open_source(replace(plan.source, path=self._source_path))
        self._muxer = Muxer(plan, container, self._file, self._source)
        self._clock = FrameClock(
            plan.time_base, plan.source.frame_rate, gaps=container.gaps, from_zero=container.needs_rate
        )
        self._encoder = VideoEncoder(plan, self._clock, global_header=self._muxer.global_header)
        self._meter: LumaMeter | None = None
        self._muxer.start()

    def write_frame(self, frame: OutputFrame) -> None:
        """See `Sink`.

        Raises:
            ValueError: The planes do not have the plan's sizes or sample type.
            OutputError: The frame's time cannot be held, or writing failed.
        """
        check_planes(frame, self._plan)
        muxer = self._opened()
        with self._writing():
            tick, packets = self._encoder.encode_timed(frame)
            if not self._frames:
                muxer.set_origin(self._clock.origin_ticks)
            self._measure(frame, tick)
            self._write(packets, muxer)
        self._frames += 1

    def write_packet(self, packet: TrackPacket) -> None:
        """See `Sink`."""
        muxer = self._opened()
        with self._writing():
            muxer.write_track(packet.track_index, packet.payload)

    def finish(self) -> SinkReport:
        """See `Sink`.

        Raises:
            OutputError: No frame was written, or the file cannot be completed.
        """
        muxer = self._opened()
        if not self._frames:
            raise OutputError(f"{self._plan.path}: no frame was written")
        with self._writing():
            self._write(self._encoder.flush(), muxer)
            muxer.close()
        self._set_display_size()
        return self._complete()

    def _set_display_size(self) -> None:
        if self._file is None:
            return
        head = self._file.read_at(0, HEAD_BYTES)
        changed = set_display_size(head, self._plan)
        if changed is not head:
            self._file.seek(0)
            self._file.write(changed)

    def _complete(self) -> SinkReport:
        if self._file is None:
            raise ValueError("the sink is not open")
        quality = self._meter.result() if self._meter is not None else None
        self._file.commit()
        self._finished = True
        return SinkReport(
            bytes=self._file.size,
            frames=self._frames,
            y_psnr_db=quality.psnr_db if quality else None,
            y_psnr_frames=quality.frames if quality else 0,
        )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with writing(self._plan.path.name):
                yield
        except OutputError as error:
            if self._file is not None and self._file.interruption is not None:
                raise self._file.interruption from error
            raise

    def _measure(self, frame: OutputFrame, tick: int) -> None:
        if self._plan.lossless:
            return
        if self._meter is None:
            self._meter = LumaMeter(self._plan, self._encoder.extradata)
        self._meter.submit(self._frames, tick, frame.planes)

    def _write(self, packets: Iterable["av.Packet[Any]"], muxer: Muxer) -> None:
        for packet in packets:
            if self._meter is not None:
                self._meter.packet(packet)
            muxer.write_picture(packet)

    def _opened(self) -> Muxer:
        if self._muxer is None or self._finished:
            raise ValueError("the sink is not open")
        return self._muxer

    def _abandon(self) -> None:
        # Marking the file closed first keeps PyAV from writing a trailer when it drops the container.
        if self._file is not None and not self._finished:
            self._file.discard()
        self._muxer = None
        if self._source is not None:
            with suppress(av.FFmpegError):
                self._source.container.close()
            self._source = None
