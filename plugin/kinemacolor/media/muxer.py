"""Puts the coloured picture and the copied tracks into one file.

Packets are interleaved here, by decoding time, and not by FFmpeg: its interleaver waits up to ten seconds for sparse
tracks, which holds hundreds of megabytes of a 4K master. So the order in the file follows from the packets alone.
"""

import heapq
import io
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
from av.stream import Disposition
from av.video.stream import VideoStream

from kinemacolor.media.containers import Clock, Container
from kinemacolor.media.encoder import configure
from kinemacolor.media.errors import OutputError
from kinemacolor.media.ffmpeg_log import explained
from kinemacolor.media.languages import quicktime_language
from kinemacolor.media.libav import open_input, picture_stream
from kinemacolor.media.timing import nearest_tick
from kinemacolor.media.types import OutputPlan, SourceInfo, Track, TrackKind

__all__ = ["WAITING_BYTES", "WRITE_BYTES", "Muxer", "SourceFile", "is_remade", "needs_global_header", "open_source"]

# Waiting track packets above this are written even if no picture has come that far (bounds memory).
WAITING_BYTES = 64 << 20
WRITE_BYTES = 1 << 20
_GLOBAL_HEADER = 0x40  # AVFMT_GLOBALHEADER: parameter sets go into the file's header, not into the packets
_MAX_TIMESCALE = 2**31 - 1

# True of the file they were read from, not of the one that is written.
_CONTAINER_KEYS = frozenset(("major_brand", "minor_version", "compatible_brands", "encoder", "timecode", "duration"))
_PICTURE_KEYS = frozenset(
    ("encoder", "timecode", "duration", "vendor_id", "bps", "number_of_frames", "number_of_bytes")
)
_STATISTICS = "_statistics"
_COMMENT_KEYS = {"mxf": "comment_colour"}
"""MXF keeps what begins with `comment_` and no other comment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """The opened input, whose streams are the templates of the copied tracks."""

    container: Any
    """av.container.InputContainer."""
    picture_index: int
    """The stream that is coloured."""


def open_source(info: SourceInfo) -> SourceFile | None:
    """Open the input again, for its streams, chapters and metadata; None for picture sequences, which have none.

    Close it with `.container.close()`.
    """
    if info.container == "sequence":
        return None
    container = open_input(info.path)
    return SourceFile(container=container, picture_index=picture_stream(container, info.path).index)


def is_remade(track: Track, source: SourceFile) -> bool:
    """Whether the muxer makes a track anew: timecode from its start, chapter texts from the chapters."""
    if track.kind is not TrackKind.DATA:
        return False
    if track.codec in ("tmcd", "timecode"):
        return True
    stream = source.container.streams[track.index]
    if "timecode" in stream.metadata:
        return True
    return track.codec == "bin_data" and bool(source.container.chapters())


def needs_global_header(container: str) -> bool:
    """Whether a muxer wants an encoder's parameter sets in the header, not in the packets."""
    return bool(int(av.ContainerFormat(container, "w").flags) & _GLOBAL_HEADER)


class Muxer:
    """One output container on a Python file. Streams are fixed at `start`; packets follow in any order of tracks."""

    def __init__(
        self, plan: OutputPlan, container: Container, file: Any, source: SourceFile | None, note: str = ""
    ) -> None:
        self._plan = plan
        self._source = source
        self._note = note
        self._outputs: dict[int, Any] = {}
        self._waiting: list[tuple[Fraction, int, av.Packet[Any]]] = []
        self._waiting_bytes = 0
        self._reached: Fraction | None = None
        self._order = 0
        self._origin_ticks = 0
        self._container = av.open(
            file,
            "w",
            format=plan.container,
            container_options=_muxer_options(plan, container, source),
            buffer_size=WRITE_BYTES,
        )
        self.global_header = needs_global_header(plan.container)

    def start(self) -> None:
        """Add all streams and write the header.

        Raises:
            OutputError: The container cannot hold one of them.
        """
        with explained(self._plan.path.name):
            self._picture = self._add_picture()
            for track in self._plan.copied_tracks:
                self._add_track(track)
            self._add_container_data()
            self._container.start_encoding()

    def set_origin(self, ticks: int) -> None:
        """Take this many ticks of the plan's time base off all times of the copied tracks, as was done to frames."""
        self._origin_ticks = ticks

    def film_seconds(self, packet: "av.Packet[Any]") -> Fraction:
        """The decoding time of a packet of the picture on the clock of the copied tracks."""
        if packet.dts is None:
            raise OutputError("a picture packet has no decoding time")
        return (packet.dts + self._origin_ticks) * self._plan.time_base

    def write_picture(self, packet: "av.Packet[Any]") -> None:
        """A packet of the coloured picture, times in the plan's time base."""
        self._reached = self.film_seconds(packet)
        self._release(self._reached)
        packet.stream = self._picture
        self._container.mux_one(packet)

    def write_track(self, index: int, packet: "av.Packet[Any]") -> None:
        """A packet of a copied track; taken over. Packets of tracks that are not copied are ignored."""
        output = self._outputs.get(index)
        if output is None or not packet.size:
            return
        time = packet.dts if packet.dts is not None else packet.pts
        base = packet.time_base
        seconds = Fraction(time or 0) * Fraction(base.numerator, base.denominator)
        packet.stream = output
        heapq.heappush(self._waiting, (seconds, self._order, packet))
        self._order += 1
        self._waiting_bytes += packet.size
        if self._reached is not None:
            self._release(self._reached)
        while self._waiting_bytes > WAITING_BYTES:
            self._mux_earliest()

    def close(self) -> None:
        """Write what waits and the end of the file."""
        while self._waiting:
            self._mux_earliest()
        self._container.close()

    def _release(self, reached: Fraction) -> None:
        while self._waiting and self._waiting[0][0] <= reached:
            self._mux_earliest()

    def _mux_earliest(self) -> None:
        _, _, packet = heapq.heappop(self._waiting)
        self._waiting_bytes -= packet.size
        if self._origin_ticks:
            self._move(packet)
        self._container.mux_one(packet)

    def _move(self, packet: "av.Packet[Any]") -> None:
        base = Fraction(packet.time_base.numerator, packet.time_base.denominator)
        offset = nearest_tick(self._origin_ticks, self._plan.time_base, base)
        packet.pts = None if packet.pts is None else packet.pts - offset
        packet.dts = None if packet.dts is None else packet.dts - offset

    def _add_picture(self) -> Any:
        # An encoder's settings reach a stream only through an opened encoder, so one is opened and thrown away: the
        # real ones are made per segment.
        plan = self._plan
        with av.open(io.BytesIO(), "w", format="null") as box:
            model = box.add_stream(plan.codec, rate=plan.source.frame_rate)
            if not isinstance(model, VideoStream):
                raise OutputError(f"{plan.codec} is no video encoder")
            configure(model.codec_context, plan, global_header=self.global_header)
            box.start_encoding()
            stream = self._container.add_stream_from_template(model)
        stream.time_base = plan.time_base
        if plan.source.display_matrix is not None:
            stream.set_display_matrix(plan.source.display_matrix)
        elif plan.source.rotation_degrees:
            stream.set_display_rotation(plan.source.rotation_degrees)
        if self._source is not None:
            template = self._source.container.streams[self._source.picture_index]
            stream.disposition = template.disposition
            stream.metadata.update(_kept(template.metadata, _PICTURE_KEYS))
            self._translate_language(stream)
        if plan.source.timecode is not None:
            stream.metadata["timecode"] = plan.source.timecode
        return stream

    def _add_track(self, track: Track) -> None:
        if self._source is None:
            raise OutputError("the source has no file to copy tracks from")
        template = self._source.container.streams[track.index]
        is_cover = bool(template.disposition & Disposition.attached_pic)
        if template.type == "attachment" or (is_cover and self._plan.container == "matroska"):
            self._add_attachment(template, is_cover=is_cover)
            return
        stream = self._container.add_stream_from_template(template, opaque=True)
        stream.metadata.clear()
        stream.metadata.update(_kept(template.metadata, frozenset(("timecode", "duration"))))
        self._translate_language(stream)
        stream.disposition = template.disposition
        self._outputs[track.index] = stream

    def _translate_language(self, stream: Any) -> None:
        language = stream.metadata.get("language")
        if language is not None and self._plan.container == "mov":
            stream.metadata["language"] = quicktime_language(language) or "und"

    def _add_attachment(self, template: Any, *, is_cover: bool) -> None:
        data = _cover_bytes(self._source, template) if is_cover else template.data
        metadata = template.metadata
        mime = metadata.get("mimetype") or f"image/{template.codec_context.name.replace('mjpeg', 'jpeg')}"
        name = metadata.get("filename") or ("cover.jpg" if "jpeg" in mime else "cover.png")
        stream = self._container.add_attachment(name, mime, data)
        if "title" in metadata:
            stream.metadata["title"] = metadata["title"]

    def _add_container_data(self) -> None:
        if self._source is not None:
            self._copy_container_data(self._source)
        if self._note:
            metadata = self._container.metadata
            name = _COMMENT_KEYS.get(self._plan.container, "comment")
            key = next((key for key in metadata if key.lower() == name), name)
            own = metadata.get(key, "")
            if self._note not in own.splitlines():
                metadata[key] = f"{own}\n{self._note}" if own else self._note

    def _copy_container_data(self, file: SourceFile) -> None:
        source = file.container
        self._container.metadata.update(_kept(source.metadata, _CONTAINER_KEYS))
        # A piece of a film says that it has none: those of the whole film stand at other times.
        if self._plan.source.chapters:
            self._container.set_chapters(source.chapters())


def _cover_bytes(source: SourceFile | None, template: Any) -> bytes:
    if source is None:
        return b""
    # Covers are the first packets that FFmpeg gives; a fresh look keeps the templates' container untouched.
    with av.open(source.container.name) as again:
        for packet in again.demux(again.streams[template.index]):
            if packet.size:
                return bytes(packet)
    return b""


def _kept(metadata: dict[str, str], dropped: frozenset[str]) -> dict[str, str]:
    return {
        key: value
        for key, value in metadata.items()
        if key.lower() not in dropped and not key.lower().startswith((_STATISTICS, "duration"))
    }


def _muxer_options(plan: OutputPlan, container: Container, source: SourceFile | None) -> dict[str, str]:
    # bitexact: no random ids, no clock, no library version. 1: interleaving is done here, see the module's head.
    options = {"fflags": "+bitexact", "max_interleave_delta": "1"}
    if container.clock is Clock.ANY:
        scale = plan.time_base.denominator
        options["video_track_timescale"] = str(scale)
        options["movie_timescale"] = str(_movie_timescale(scale, plan, source))
    else:
        # FFmpeg would move all tracks so that the earliest (an AAC track's priming) starts at 0: times must stay.
        options["avoid_negative_ts"] = "disabled"
    return options


def _movie_timescale(scale: int, plan: OutputPlan, source: SourceFile | None) -> int:
    """A clock for edit lists in which the start of every track is exact; FFmpeg's 1/1000 s would round it."""
    common = scale
    for track in plan.copied_tracks if source is not None else ():
        base = source.container.streams[track.index].time_base if source is not None else None
        if base is not None and math.lcm(common, base.denominator) <= _MAX_TIMESCALE:
            common = math.lcm(common, base.denominator)
    return common
