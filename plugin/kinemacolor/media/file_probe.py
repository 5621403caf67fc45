"""What a film file is, known before its first frame is coloured.

Most facts come from the container and the decoder's first pictures, whose own tags win over the container's: they are
what the decoder was told by the stream itself. Nothing is guessed silently: see `colour_tags` for the defaults and
`ColourEncoding.assumed` for those that were used.
"""

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from kinemacolor.colour.encoding import ColourEncoding, Matrix, Primaries, Range, Siting, Transfer
from kinemacolor.media.chroma import ChromaMeasure, measure_chroma
from kinemacolor.media.colour_tags import RawTags, encoding_of
from kinemacolor.media.errors import SourceError
from kinemacolor.media.formats import Repacker, palette_has_alpha, planar_format
from kinemacolor.media.libav import demux, dump, naming, open_input, picture_stream, reading
from kinemacolor.media.structure import missing_bytes
from kinemacolor.media.timecode import find_timecode
from kinemacolor.media.types import FieldOrder, SourceInfo, Track, TrackKind
from kinemacolor.picture.pixel import PixelFormat

__all__ = ["Assume", "copied_streams", "encoding_of_picture", "probe_file"]

_LOOK_FRAMES = 8  # pictures decoded for flags and chroma; a codec's delay is at most 16 frames more
_LOOK_PACKETS = 512  # bound of the search for them in a damaged file

# AVFieldOrder in libavcodec/defs.h: 2 and 4 are coded top first, but 4 is displayed bottom first; 3 and 5 mirror that.
_FIELD_ORDERS = {
    2: FieldOrder.TOP_FIRST,
    3: FieldOrder.BOTTOM_FIRST,
    4: FieldOrder.BOTTOM_FIRST,
    5: FieldOrder.TOP_FIRST,
}
_SITINGS = {
    "left": Siting.LEFT, "center": Siting.CENTER, "topleft": Siting.TOPLEFT, "top": Siting.TOP,
    "bottomleft": Siting.BOTTOMLEFT, "bottom": Siting.BOTTOM,
}  # fmt: skip
_KINDS = {
    "video": TrackKind.VIDEO,
    "audio": TrackKind.AUDIO,
    "subtitle": TrackKind.SUBTITLE,
    "attachment": TrackKind.ATTACHMENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Assume:
    """What the user says about a film. Beats the file's own tags; None leaves them."""

    matrix: Matrix | None = None
    range: Range | None = None
    transfer: Transfer | None = None
    primaries: Primaries | None = None
    field_order: FieldOrder | None = None
    frame_rate: Fraction | None = None
    """Of an image sequence. Films have their own times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What the first pictures show."""

    first: VideoFrame
    form: PixelFormat
    chroma: ChromaMeasure
    interlaced: bool


def probe_file(path: Path, assume: Assume) -> SourceInfo:
    """Read what a film file says about itself and look at its first pictures.

    Raises:
        SourceError: missing, unreadable, not a film, without pictures, encrypted; one line each.
        UnsupportedSourceError: a pixel format or colour tag that cannot be read without loss.
    """
    with open_input(path) as container, reading(path), naming(path):
        return _probe(container, path, assume)


def _probe(container: InputContainer, path: Path, assume: Assume) -> SourceInfo:
    stream = picture_stream(container, path)
    described = dump(container)
    look = _look(container, stream, path)
    duration = _duration_seconds(container, stream)
    codec = str(stream.codec_context.codec.canonical_name)
    rate = stream.average_rate or stream.guessed_rate
    return SourceInfo(
        path=path,
        container=container.format.name,
        codec=codec,
        pixel_format=look.form,
        coded_format=look.first.format.name,
        width_px=look.first.width,
        height_px=look.first.height,
        encoding=encoding_of_picture(look.first, codec, look.form, rate, assume, stream.codec_context),
        siting=_siting(described, stream.index) if look.form.log2_chroma_w or look.form.log2_chroma_h else None,
        sample_aspect_ratio=stream.sample_aspect_ratio or Fraction(1),
        rotation_degrees=look.first.rotation,
        field_order=assume.field_order or _field_order(stream, look),
        frame_rate=rate,
        time_base=stream.time_base or Fraction(1, av.time_base),
        duration_seconds=duration,
        frame_count=stream.frames or (round(duration * rate) if duration is not None and rate else None),
        timecode=_timecode(container, stream),
        tracks=tuple(_track(other) for other in copied_streams(container, stream)),
        chapters=len(container.chapters()),
        is_colour=look.chroma.is_colour,
        metadata=dict(container.metadata),
        is_toned=look.chroma.is_toned,
        display_matrix=_display_matrix(look.first),
    )


def copied_streams(container: InputContainer, picture: VideoStream) -> list[Stream]:
    """All tracks beside the picture that carry something of their own.

    A QuickTime chapter track is left out: FFmpeg has read it into the chapters and marks it as not to be read.
    """
    return [
        stream
        for stream in container.streams
        if stream.index != picture.index and stream.discard != av.stream.Discard.all
    ]


def _look(container: InputContainer, stream: VideoStream, path: Path) -> _Look:
    frames = _first_frames(container, stream)
    middle = _middle_frame(container, stream) if frames else []
    if not frames:
        cut = "; the file was cut off" if missing_bytes(path) else ""
        raise SourceError(f"{path}: has a picture track, but not one frame of it can be decoded{cut}")
    first = frames[0]
    form = planar_format(first.format.name, palette_alpha=any(palette_has_alpha(frame) for frame in frames))
    repack = Repacker(first.format.name, form)
    alike = [frame for frame in frames + middle if frame.format.name == first.format.name]
    chroma = measure_chroma((repack(frame)[0] for frame in alike), form)
    return _Look(first=first, form=form, chroma=chroma, interlaced=any(frame.interlaced_frame for frame in frames))


def _first_frames(container: InputContainer, stream: VideoStream, count: int = _LOOK_FRAMES) -> list[VideoFrame]:
    """Up to `count` pictures; what is damaged is for the reader to report at its place."""
    frames: list[VideoFrame] = []
    try:
        for packet in islice(demux(container, [stream]), _LOOK_PACKETS):
            frames += stream.codec_context.decode(packet)
            if len(frames) >= count:
                break
        else:
            frames += stream.codec_context.decode(None)
    except FFmpegError:
        pass
    return [frame for frame in frames if not frame.is_corrupt][:count] or frames[:1]


def _middle_frame(container: InputContainer, stream: VideoStream) -> list[VideoFrame]:
    """One picture from the middle of the film, for its chroma: films begin in black. None where seeking fails."""
    if container.duration is None or container.duration < av.time_base:
        return []
    try:
        container.seek((container.start_time or 0) + container.duration // 2)
    except (FFmpegError, OSError):
        return []
    return [frame for frame in _first_frames(container, stream, count=1) if frame.key_frame]


def encoding_of_picture(
    frame: VideoFrame,
    codec: str,
    form: PixelFormat,
    rate: Fraction | None,
    assume: Assume,
    context: VideoCodecContext | None = None,
) -> ColourEncoding:
    """The colour encoding by a picture's own tags, then those of its track, then `assume` over both."""
    tags = RawTags(
        matrix=_specified(frame.colorspace, context.colorspace if context else None, nothing=2),
        range=_specified(frame.color_range, context.color_range if context else None, nothing=0),
        transfer=_specified(frame.color_trc, context.color_trc if context else None, nothing=2),
        primaries=_specified(frame.color_primaries, context.color_primaries if context else None, nothing=2),
        family=form.family,
        full_range_format=frame.format.name.startswith("yuvj"),
        codec=codec,
        width_px=frame.width,
        height_px=frame.height,
        frame_rate=rate,
    )
    return encoding_of(
        tags, matrix=assume.matrix, range=assume.range, transfer=assume.transfer, primaries=assume.primaries
    )


def _specified(of_frame: int, of_track: int | None, *, nothing: int) -> int:
    return int(of_frame) if of_frame != nothing or of_track is None else int(of_track)


def _siting(described: str, index: int) -> Siting | None:
    """From FFmpeg's description of the file, the only place where PyAV lets it through.

    The line reads `Stream #0:1(eng): Video: h264 (High), 1 reference frame, yuv420p(tv, bt709, progressive, left), ...`
    """
    line = re.search(rf"^\s*Stream #0:{index}\b[^\n]*?: Video: ([^\n]*)", described, re.MULTILINE)
    words = re.findall(r"\((?:[^()]*, )?(\w+)\)", line.group(1)) if line else []
    return next((_SITINGS[word] for word in words if word in _SITINGS), None)


def _field_order(stream: VideoStream, look: _Look) -> FieldOrder:
    """Interlaced if the container or a picture says so: a false alarm can be overruled, a miss ruins the film."""
    told = _FIELD_ORDERS.get(stream.codec_context.field_order)
    if told is not None:
        return told
    if not look.interlaced:
        return FieldOrder.PROGRESSIVE
    # 525-line digital video is bottom field first (SMPTE 314M), everything else usually top field first.
    return FieldOrder.BOTTOM_FIRST if look.first.height in (480, 486) else FieldOrder.TOP_FIRST


def _duration_seconds(container: InputContainer, stream: VideoStream) -> Fraction | None:
    if stream.duration is not None and stream.time_base is not None:
        return stream.duration * stream.time_base
    match = re.fullmatch(r"(\d+):(\d{2}):(\d{2}(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if match:  # Matroska: the container's duration is that of its longest track
        return int(match[1]) * 3600 + int(match[2]) * 60 + Fraction(match[3])
    return Fraction(container.duration, av.time_base) if container.duration is not None else None


def _timecode(container: InputContainer, stream: VideoStream) -> str | None:
    data = [other.metadata for other in container.streams if other.type == "data"]
    return find_timecode([stream.metadata, *data, container.metadata])


def _track(stream: Stream) -> Track:
    language = stream.metadata.get("language")
    return Track(
        index=stream.index,
        kind=_KINDS.get(stream.type, TrackKind.DATA),
        codec=_codec_name(stream),
        language=None if language == "und" else language,
        title=stream.metadata.get("title"),
    )


def _codec_name(stream: Stream) -> str:
    if stream.type == "attachment":
        return stream.metadata.get("mimetype", "application/octet-stream")
    if stream.type == "data" and find_timecode([stream.metadata]) is not None:
        return "tmcd"
    if stream.codec_context is not None:
        return str(stream.codec_context.codec.canonical_name)
    return getattr(stream, "name", None) or "unknown"  # PyAV has no name for a codec without a decoder


def _display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    try:
        entries: list[Any] = list(frame.side_data)  # PyAV's stubs call it a dictionary of motion vectors
    except ValueError:  # FFmpeg knows kinds that PyAV does not (EXIF) and then shows none at all
        return _rotation_matrix(frame.rotation)
    for entry in entries:
        if entry.type is SideDataType.DISPLAYMATRIX:
            return tuple(int(value) for value in np.frombuffer(bytes(entry), dtype=np.int32))
    return None


def _rotation_matrix(degrees: int) -> tuple[int, ...] | None:
    """As av_display_rotation_set makes it (libavutil/display.c), in 16.16 fixed point; flips cannot be known."""
    if not degrees:
        return None
    cosine, sine = (round(65536 * turn(math.radians(degrees))) for turn in (math.cos, math.sin))
    return (cosine, -sine, 0, sine, cosine, 0, 0, 0, 1 << 30)
