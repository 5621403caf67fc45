"""Joins segments and the copied tracks to one film file, whole or not at all.

Nothing is encoded here, and nothing but the segments, the plan and the source's packets decides a byte of the result:
a film whose segments were made in one run, in ten, or on ten machines is the same file.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from kinemacolor.media.containers import container_for
from kinemacolor.media.errors import DamagedPartError, OutputError
from kinemacolor.media.ffmpeg_log import writing
from kinemacolor.media.matroska_aspect import HEAD_BYTES, set_display_size
from kinemacolor.media.muxer import Muxer, SourceFile, open_source
from kinemacolor.media.output_file import DiskFullPolicy, OutputFile
from kinemacolor.media.segment_file import SegmentReader
from kinemacolor.media.timing import DecodeTimes, FrameClock
from kinemacolor.media.types import OutputPlan, TrackPacket

__all__ = ["TRACK_LAG_SECONDS", "join_film"]

TRACK_LAG_SECONDS = 2
"""How much later than its time a packet may stand in a file (muxers interleave within a second)."""


def join_film(
    plan: OutputPlan,
    segments: Sequence[Path],
    tracks: Iterable[TrackPacket],
    *,
    source_path: Path,
    origin_ticks: int = 0,
    note: str = "",
    disk_full: DiskFullPolicy | None = None,
    look_up: Callable[[], None] = lambda: None,
) -> int:
    """Write the film and give it its name; returns its bytes.

    Args:
        plan: The one the segments were made by.
        segments: All of the film, in order.
        tracks: Packets of the source's other tracks as its file has them; taken over. Others are ignored.
        source_path: The film whose track headers, chapters and metadata are copied.
        origin_ticks: `Part.origin_ticks` of the segments.
        note: Added to the comment that the film has, if its container keeps comments.
        disk_full: What to do when there is no room; the default gives up at once.
        look_up: Called after every picture.

    Raises:
        DamagedPartError: A segment is not what was written.
        OutputError: The file cannot be written or completed, or there are no segments.
        SourceError: From `tracks`.
    """
    if not segments:
        raise OutputError(f"{plan.path}: no frame was written")
    file = OutputFile(plan.path, overwrite=plan.overwrite, policy=disk_full or DiskFullPolicy())
    source: SourceFile | None = None
    try:
        source = open_source(replace(plan.source, path=source_path))
        with _writing(plan, file):
            muxer = Muxer(plan, container_for(plan.path), file, source, note)
            muxer.start()
            muxer.set_origin(origin_ticks)
            _mux(plan, muxer, segments, tracks, look_up)
            muxer.close()
        _put_display_size(plan, file)
        file.commit()
        return file.size
    finally:
        # Marking the file closed first keeps PyAV from writing a trailer when it drops an unfinished container.
        file.discard()
        if source is not None:
            with suppress(av.FFmpegError):
                source.container.close()


def _mux(
    plan: OutputPlan,
    muxer: Muxer,
    segments: Sequence[Path],
    tracks: Iterable[TrackPacket],
    look_up: Callable[[], None],
) -> None:
    feed = _TrackFeed(muxer, tracks)
    for packet in _pictures(plan, segments):
        feed.up_to(muxer.film_seconds(packet))
        muxer.write_picture(packet)
        look_up()
    feed.rest()


class _TrackFeed:
    """Hands track packets to the muxer, which sorts them in between the pictures, as far ahead as that needs."""

    def __init__(self, muxer: Muxer, tracks: Iterable[TrackPacket]) -> None:
        self._muxer = muxer
        self._tracks = iter(tracks)
        self._seen = Fraction(-1 << 40)
        """Seconds."""

    def up_to(self, seconds: Fraction) -> None:
        """Everything that may have to stand before a picture of that time."""
        while self._seen < seconds + TRACK_LAG_SECONDS and self._next():
            pass

    def rest(self) -> None:
        """What comes after the last picture."""
        while self._next():
            pass

    def _next(self) -> bool:
        item = next(self._tracks, None)
        if item is None:
            return False
        packet = item.payload
        time = packet.dts if packet.dts is not None else packet.pts
        if time is not None:
            self._seen = max(self._seen, time * Fraction(packet.time_base))
        self._muxer.write_track(item.track_index, packet)
        return True


def _pictures(plan: OutputPlan, segments: Sequence[Path]) -> Iterator["av.Packet[Any]"]:
    """All packets of the picture, with decoding times by one rule over the whole film."""
    nominal = FrameClock(plan.time_base, plan.source.frame_rate).nominal_ticks
    times: DecodeTimes | None = None
    extradata = b""
    for path in segments:
        with SegmentReader(path) as segment:
            if times is None:
                times, extradata = DecodeTimes(segment.reorder_depth, nominal), segment.extradata
            if segment.extradata != extradata:
                raise OutputError(f"{plan.codec} made different headers for two segments; they cannot be joined")
            times.submit(segment.ticks())
            for packet in segment.packets():
                packet.time_base = plan.time_base
                packet.dts = times.next(packet.pts or 0)
                yield packet


@contextmanager
def _writing(plan: OutputPlan, file: OutputFile) -> Iterator[None]:
    try:
        with writing(plan.path.name):
            yield
    except DamagedPartError:
        raise
    except OutputError as error:
        if file.interruption is not None:
            raise file.interruption from error
        raise


def _put_display_size(plan: OutputPlan, file: OutputFile) -> None:
    head = file.read_at(0, HEAD_BYTES)
    changed = set_display_size(head, plan)
    if changed is not head:
        file.seek(0)
        file.append(changed)
