"""Reads a film: decoded pictures with exact numbers and times, and the packets of all other tracks, in one pass.

Rules: pictures come in presentation order, counted from 0; packets come where the file has them, so that whoever
writes needs no buffer; nothing is held but what the decoder holds. What was delivered is good: at the first damage the
pictures before it are handed out and then `TruncatedSourceError` is raised; nothing after it is shown.

PyAV drops a decoder's error if the same call also gave pictures, which happens with frame threads. So these are used
only where one packet is one picture and every packet has its time, and `Outstanding` then checks that each came out.
"""

import os
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame

from kinemacolor.media.errors import SourceError, TruncatedSourceError
from kinemacolor.media.ffv1 import SliceChecker
from kinemacolor.media.file_probe import Assume, copied_streams, probe_file
from kinemacolor.media.formats import Repacker, palette_has_alpha
from kinemacolor.media.frame_index import PACKET_IS_PICTURE, FrameIndex, index_frames
from kinemacolor.media.frame_numbers import sequence_pattern
from kinemacolor.media.frame_order import Counting, Lookup, Numbering, Outstanding
from kinemacolor.media.libav import demux, open_input, picture_stream, plain_reason
from kinemacolor.media.sequence_reader import Missing, open_sequence
from kinemacolor.media.source import Item, Source
from kinemacolor.media.structure import missing_bytes
from kinemacolor.media.types import FieldOrder, SourceFrame, SourceInfo, TrackPacket

__all__ = ["FileSource", "Source", "open_source"]

_SEEK_MARGIN_SECONDS = 2  # muxers put sound up to about a second before the picture it belongs to
_JUMP_SECONDS = 10  # a step back in time by more than any reordering: recordings that were joined
_TIMED_CONTAINERS = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "mpegts", "mxf")
_SMALLEST_PICTURE_BYTES = 8  # what is smaller is an end mark of H.264 or MPEG-2 and gives no picture
_MAX_THREADS = 16  # more make no decoder faster, but each frame thread holds a picture


def open_source(
    path: Path,
    *,
    info: SourceInfo | None = None,
    assume: Assume | None = None,
    threads: int = 0,
    start_frame: int | None = None,
    last_frame: int | None = None,
    tracks: bool = True,
    pictures: bool = True,
    missing: Missing = Missing.ERROR,
) -> Source:
    """Open a film file or an image sequence.

    Args:
        path: a file, or a pattern of an image sequence if no file has that very name.
        info: what `probe` returned for it; None probes here.
        assume: what the user says about it, for the probe.
        threads: decoder threads; 0 takes as many as there are cores, at most 16.
        start_frame: number of the first frame to yield, None is the first there is. Packets of other tracks that lie
            before it may be yielded too.
        last_frame: number of the last frame to yield, None is the last there is. Packets go on to the end of the file;
            whoever has enough stops iterating.
        tracks: whether to yield packets of the other tracks.
        pictures: whether to decode the film picture; without, only packets of the other tracks of a film file come.
        missing: what to do about numbers that an image sequence lacks.

    Raises:
        SourceError: as `probe`, or the film has no frame `start_frame`. While reading: a change of size or format.
        TruncatedSourceError: while reading, after all good frames: damage, or the file was cut off.
    """
    pattern = sequence_pattern(path)
    if pattern is not None:
        return open_sequence(
            pattern, info=info, assume=assume, start_frame=start_frame, last_frame=last_frame, missing=missing
        )
    known = info or probe_file(path, assume or Assume())
    index = index_frames(path) if start_frame else None
    if index is not None and start_frame is not None and start_frame >= len(index.pts):
        raise SourceError(f"{path}: has no frame {start_frame}; its last frame is {len(index.pts) - 1}")
    first = start_frame or 0
    return FileSource(
        known, threads=threads, first=first, last=last_frame, index=index, tracks=tracks, pictures=pictures
    )


class FileSource(Source):
    """A film in one file. Open it with `open_source`."""

    def __init__(
        self,
        info: SourceInfo,
        *,
        threads: int,
        first: int,
        last: int | None,
        index: FrameIndex | None,
        tracks: bool,
        pictures: bool,
    ) -> None:
        self.info = info
        self._threads = min(threads or os.cpu_count() or 1, _MAX_THREADS)
        self._first = first
        self._last = last
        self._last_pts: int | None = None
        self._checker = SliceChecker() if info.codec == "ffv1" else None
        self._with_tracks = tracks
        self._with_pictures = pictures
        self._repack = Repacker(info.coded_format, info.pixel_format)
        self._missing = missing_bytes(info.path)
        self._numbering: Numbering = Counting()
        self._container: InputContainer | None = None
        self._held: Any = None
        self._was_read = False
        self._open()
        if index is not None and index.is_exact and self._seek(index):
            self._numbering = Lookup(index.pts)

    def close(self) -> None:
        """Let go of the file. Frames that were handed out stay valid."""
        if self._container is not None:
            self._container.close()
            self._container = None

    def stream(self, track_index: int) -> Any:
        """The av stream of a track; see `Source.stream`."""
        for stream in self._copied:
            if stream.index == track_index:
                return stream
        raise KeyError(track_index)

    def chapters(self) -> list[Any]:
        """Chapters of the file."""
        return list(self._opened().chapters())

    def __iter__(self) -> Iterator[Item]:
        """See `Source.__iter__`."""
        container = self._opened()
        if self._was_read:
            raise ValueError("a source can be read once; open it again")
        self._was_read = True
        for packet in self._packets(container):
            if packet.stream_index != self._picture.index:
                yield TrackPacket(track_index=packet.stream_index, payload=packet)
            elif self._with_pictures and not self._is_done():
                yield from self._picture_packet(packet)
        if self._with_pictures and not self._is_done():
            yield from self._finish()

    def _picture_packet(self, packet: Any) -> Iterator[SourceFrame]:
        if self._is_stream and self._missing:
            # the last picture of a stream that was cut off is cut off too, and nothing in it says so
            packet, self._held = self._held, packet
            if packet is None:
                return
        if packet.is_corrupt and not self._is_stream:  # in a stream it means a join: the decoder finds the damage
            yield from self._rest()
            raise self._damaged("its data is incomplete")
        if self._checker is not None and self._checker.is_damaged(bytes(packet)):
            yield from self._rest()
            raise self._damaged("its checksum is wrong")
        if not packet.is_discard and packet.size >= _SMALLEST_PICTURE_BYTES:
            self._outstanding.sent(packet.pts)
        yield from self._decoded(packet)

    def _finish(self) -> Iterator[SourceFrame]:
        """What the decoder still holds at the end of the file, and whether that was all."""
        yield from self._decoded(None)
        if self._is_done():
            return
        if self._outstanding.any_left():
            raise self._damaged("the decoder did not return it")
        self._check_end()

    def _is_done(self) -> bool:
        """All wanted frames were delivered; damage behind them is nobody's concern."""
        return self._last is not None and self._numbering.upcoming > self._last

    def _open(self) -> None:
        """Open the file at its start."""
        self.close()
        path = self.info.path
        container = self._container = open_input(path)
        self._picture = picture_stream(container, path)
        self._copied = copied_streams(container, self._picture)
        self._wanted = self._copied if self._with_tracks else []
        kept = {self._picture.index, *(stream.index for stream in self._wanted)}
        for stream in container.streams:
            if stream.index not in kept:
                stream.discard = av.stream.Discard.all
        self._is_stream = container.format.name == "mpegts"
        progressive = self._picture.codec_context.field_order in (0, 1)  # unknown or so, whatever the user says
        timed = (
            container.format.name in _TIMED_CONTAINERS
            and self.info.codec in PACKET_IS_PICTURE
            and self.info.field_order is FieldOrder.PROGRESSIVE
            and progressive  # else the two fields of a frame may be two packets
        )
        self._outstanding = Outstanding(int(_JUMP_SECONDS / self.info.time_base), active=timed)
        self._picture.codec_context.thread_type = "AUTO" if timed else "SLICE"
        # FFmpeg's H.264 decoder does not look for damage with slice threads (enable_er in libavcodec/h264dec.c)
        blind = self.info.codec == "h264" and not timed
        self._picture.codec_context.thread_count = 1 if blind else self._threads

    def _opened(self) -> InputContainer:
        if self._container is None:
            raise ValueError("the source is closed")
        return self._container

    def _packets(self, container: InputContainer) -> Iterator[Any]:
        if not self._with_pictures:
            # Where the container has an index its payload is not even read then.
            self._picture.discard = av.stream.Discard.all
        try:
            yield from demux(container, [*([self._picture] if self._with_pictures else []), *self._wanted])
        except FFmpegError as error:
            raise self._damaged(plain_reason(error)) from error

    def _decoded(self, packet: Any) -> Iterator[SourceFrame]:
        """Frames that the decoder gives for a packet, or at the end for None."""
        try:
            pictures = self._picture.codec_context.decode(packet)
        except FFmpegError as error:
            if packet is not None:
                yield from self._rest()
            raise self._damaged(plain_reason(error)) from error
        for picture in pictures:
            frame = self._frame(picture)
            if frame is not None:
                yield frame

    def _rest(self) -> Iterator[SourceFrame]:
        """Good frames that the decoder still holds when damage is met, where it is certain which those are."""
        if self._outstanding.active:
            yield from self._decoded(None)

    def _frame(self, picture: VideoFrame) -> SourceFrame | None:
        if self._is_done():
            return None
        pts = picture.pts if picture.pts is not None else picture.dts
        if self._outstanding.skipped(pts):
            raise self._damaged("the decoder did not return it")
        try:
            number = self._numbering.next(pts)
        except SourceError as error:
            raise SourceError(f"{self.info.path}: {error}") from error
        if number < self._first:
            return None
        if picture.is_corrupt:
            raise self._damaged("the decoder found errors in it", number)
        self._check_unchanged(picture, number)
        self._check_time(pts, number)
        planes, alpha = self._repack(picture)
        return SourceFrame(
            number=number,
            pts=pts,
            duration=picture.duration or None,
            time_base=picture.time_base or self.info.time_base,
            planes=planes,
            alpha=alpha,
        )

    def _check_unchanged(self, picture: VideoFrame, number: int) -> None:
        info = self.info
        if (picture.width, picture.height) != (info.width_px, info.height_px):
            raise SourceError(
                f"{info.path}: frame {number} is {picture.width}x{picture.height}, the frames before it "
                f"{info.width_px}x{info.height_px}; a film must keep its size"
            )
        if picture.format.name != info.coded_format:
            raise SourceError(
                f"{info.path}: frame {number} has pixel format {picture.format.name}, the frames before it "
                f"{info.coded_format}; a film must keep its format"
            )
        if not info.pixel_format.has_alpha and palette_has_alpha(picture):
            raise SourceError(f"{info.path}: frame {number} is transparent, the frames before it are not")

    def _check_time(self, pts: int | None, number: int) -> None:
        if pts is not None and self._last_pts is not None and pts < self._last_pts:
            raise SourceError(
                f"{self.info.path}: frame {number} lies before the one before it in time; "
                "the file joins several recordings, convert it first"
            )
        self._last_pts = pts

    def _damaged(self, reason: str, number: int | None = None) -> TruncatedSourceError:
        if not self._with_pictures:
            return TruncatedSourceError(f"{self.info.path}: the tracks beside the picture cannot be read ({reason})")
        at = self._numbering.upcoming if number is None else number
        cut = f"; {self._missing} bytes are missing at the end of the file" if self._missing else ""
        return TruncatedSourceError(f"{self.info.path}: frame {at} cannot be read ({reason}){cut}")

    def _check_end(self) -> None:
        """FFmpeg takes a file that was cut off for one that ends there."""
        if self._missing:
            raise TruncatedSourceError(
                f"{self.info.path}: the film breaks off after {self._numbering.upcoming} frames; "
                f"at least {self._missing} bytes are missing at the end of the file"
            )

    def _seek(self, index: FrameIndex) -> bool:
        """Go to a key frame some time before the first wanted frame; the margin is for the sound.

        Returns whether the file now stands there; if not it stands at its start.
        """
        early = index.pts[self._first] - int(_SEEK_MARGIN_SECONDS / index.time_base)
        at = bisect_right(index.key_pts, early)
        if not at:
            return False
        key = index.key_pts[at - 1]
        try:
            self._opened().seek(key, stream=self._picture)
            if self._next_picture_pts() == key:
                self._opened().seek(key, stream=self._picture)
                return True
        except (FFmpegError, OSError):
            pass
        self._open()  # a container that cannot seek exactly is decoded from its start
        return False

    def _next_picture_pts(self) -> int | None:
        packet = next(demux(self._opened(), [self._picture]), None)
        return None if packet is None else packet.pts
