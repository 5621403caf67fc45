"""Small test films with known content: any pixel format, codec, container, tags, tracks and timing.

    film = make.film(tmp_path / "a.mkv", pixel_format="yuv420p10le", audio=(make.Audio("aac"), make.Audio("ac3")))
    film.planes[3][0]       # the Y' plane of frame 3, exactly as it was given to the encoder
    film.pts, film.time_base

The default codec is lossless (ffv1; ffvhuff for gbrp and gbrap, which need `.avi` or `.nut`), so decoded planes must
equal `film.planes`. Everything is deterministic: the same arguments give the same samples. Pictures are a moving ramp
with seeded noise that uses all bits; chroma is neutral unless `colour=True`. Planes follow FFmpeg's plane order of the
format (gbrp: G, B, R), each (H, W) for planar formats and raw bytes (H, row bytes) for packed ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[Any]
Planes = tuple[Plane, ...]

FIELD_FILTER = {"tt": "tff", "bb": "bff", "progressive": "prog"}


@dataclass(frozen=True)
class Audio:
    """One audio track: a sine of 440 Hz (plus 110 per track)."""

    codec: str = "aac"
    start: Fraction = Fraction(0)
    """Seconds after the film's first frame."""
    seconds: Fraction | None = None
    """None: as long as the film."""
    rate: int = 48000
    layout: str = "stereo"
    language: str | None = None
    title: str | None = None


@dataclass(frozen=True)
class Subtitle:
    """One subtitle track; `codec` is subrip (mkv), mov_text (mp4, mov) or webvtt."""

    codec: str = "subrip"
    lines: tuple[tuple[Fraction, Fraction, str], ...] = ((Fraction(0), Fraction(1, 5), "One"),)
    """(start, end, text), seconds."""
    language: str | None = None


@dataclass(frozen=True, kw_only=True)
class Film:
    """What was written."""

    path: Path
    pixel_format: str
    planes: list[Planes]
    pts: list[int]
    time_base: Fraction
    """Of `pts`; the container may store another one."""
    tracks: dict[str, Any] = field(default_factory=dict)

    @property
    def times(self) -> list[Fraction]:
        """Presentation times in seconds."""
        return [pts * self.time_base for pts in self.pts]


def is_packed(pixel_format: str) -> bool:
    """True if several components share a plane (rgb24, nv12, uyvy422, pal8, monow)."""
    form = av.VideoFormat(pixel_format, 16, 16)
    planes = [component.plane for component in form.components]
    return len(set(planes)) < len(planes) or form.has_palette or form.is_bit_stream


def plane_shapes(pixel_format: str, width: int, height: int) -> list[tuple[int, int]]:
    """(H, W) of every plane of a planar format, in FFmpeg's order."""
    form = av.VideoFormat(pixel_format, width, height)
    shapes = {c.plane: (c.height, c.width) if not form.is_rgb else (height, width) for c in form.components}
    return [shapes[plane] for plane in sorted(shapes)]


def picture(pixel_format: str, width: int, height: int, index: int, *, seed: int = 0, colour: bool = False) -> Planes:
    """Planes of one picture of a planar format, dtype in the format's own byte order."""
    form = av.VideoFormat(pixel_format, width, height)
    bits = form.components[0].bits
    dtype = np.dtype(np.uint8) if bits <= 8 else np.dtype(">u2" if form.is_big_endian else "<u2")
    alpha = {c.plane for c in form.components if c.is_alpha}
    random = np.random.default_rng([seed, index])
    grey: Plane | None = None
    planes = []
    for plane, shape in enumerate(plane_shapes(pixel_format, width, height)):
        neutral = not form.is_rgb and plane not in alpha and plane > 0 and not colour
        if neutral:
            codes = np.full(shape, 1 << (bits - 1), dtype=np.int64)
        elif form.is_rgb and plane not in alpha and not colour and grey is not None:
            codes = grey
        else:
            codes = _ramp(shape, bits, index + 7 * plane, random)
        grey = codes if grey is None else grey
        planes.append(codes.astype(dtype))
    return tuple(planes)


def _ramp(shape: tuple[int, int], bits: int, shift: int, random: np.random.Generator) -> Plane:
    height, width = shape
    top = (1 << bits) - 1
    x = (np.arange(width)[None, :] + shift) / max(width, 2)
    y = np.arange(height)[:, None] / max(height, 2)
    wave = 0.5 + 0.35 * np.sin(2.0 * np.pi * (x + 0.3 * y))
    noise = random.integers(-(top // 50 + 1), top // 50 + 2, size=shape)
    clipped: Plane = np.clip(np.rint(wave * top).astype(np.int64) + noise, 0, top)
    return clipped


def random_rows(pixel_format: str, width: int, height: int, index: int, *, seed: int = 0) -> Planes:
    """Random bytes for every plane of a packed format, (rows, row bytes). Padding bits are random as well."""
    random = np.random.default_rng([seed, index, 9])
    frame = av.VideoFrame(width, height, pixel_format)
    row_bytes = _row_bytes(pixel_format, width)
    shapes = [(plane.height, row_bytes[i]) for i, plane in enumerate(frame.planes)]
    return tuple(random.integers(0, 256, size=shape, dtype=np.uint8) for shape in shapes)


def _row_bytes(pixel_format: str, width: int) -> list[int]:
    form = av.VideoFormat(pixel_format, width, 2)
    if form.has_palette:
        return [width, 1024]
    if form.is_bit_stream:
        return [(width * form.padded_bits_per_pixel + 7) // 8]
    components = form.components
    last = max(c.plane for c in components)
    if last == 0:
        even = width + width % 2 if form.chroma_width(16) != 16 else width
        return [even * form.padded_bits_per_pixel // 8]
    size = 1 if components[0].bits <= 8 else 2
    return [width * size, 2 * form.chroma_width(width) * size][: last + 1]


def video_frame(pixel_format: str, width: int, height: int, planes: Planes) -> av.VideoFrame:
    """An av.VideoFrame that holds exactly these planes."""
    frame = av.VideoFrame(width, height, pixel_format)
    for plane, samples in zip(frame.planes, planes, strict=True):
        rows = np.ascontiguousarray(samples).view(np.uint8).reshape(samples.shape[0], -1)
        store = np.frombuffer(plane, dtype=np.uint8)
        stride = plane.line_size if plane.line_size else rows.shape[1]
        if rows.shape[0] == 1:
            store[: rows.shape[1]] = rows[0]
        else:
            store.reshape(-1, stride)[: rows.shape[0], : rows.shape[1]] = rows
    return frame


def film(
    path: Path,
    *,
    frames: int = 8,
    width: int = 64,
    height: int = 48,
    pixel_format: str = "yuv420p",
    codec: str | None = None,
    codec_options: dict[str, str] | None = None,
    container: str | None = None,
    container_options: dict[str, str] | None = None,
    rate: Fraction = Fraction(25),
    time_base: Fraction | None = None,
    pts: Sequence[int] | None = None,
    colour: bool = False,
    seed: int = 0,
    pictures: Callable[[int], Planes] | None = None,
    matrix: int | None = None,
    color_range: int | None = None,
    transfer: int | None = None,
    primaries: int | None = None,
    siting: str | None = None,
    sample_aspect_ratio: Fraction | None = None,
    rotation: int = 0,
    hflip: bool = False,
    field_order: str | None = None,
    audio: Sequence[Audio] = (),
    subtitles: Sequence[Subtitle] = (),
    second_video: bool = False,
    cover: bool = False,
    data: Sequence[bytes] = (),
    chapters: Sequence[tuple[Fraction, Fraction, str]] = (),
    attachments: Sequence[tuple[str, str, bytes]] = (),
    timecode: str | None = None,
    metadata: dict[str, str] | None = None,
) -> Film:
    """Write a film. Tags are integers of H.273 / FFmpeg (range: 1 limited, 2 full); None leaves them out.

    `siting` is FFmpeg's name ("left", "topleft"). `field_order` is "tt" or "bb": flags the frames as interlaced, for
    libx264, mpeg2video, ffv1, prores_ks. `pts` with `time_base` makes a variable frame rate. `rotation` is degrees
    counter-clockwise. `cover` adds an attached PNG picture (mp4, mov; for mkv attach a file of type image/png instead),
    `second_video` another picture track, `data` one KLV packet per entry (mpegts only).
    `sample_aspect_ratio`: mp4 and mov, or a codec that carries it (libx264); PyAV cannot hand it to the mkv muxer.
    """
    base = time_base or 1 / rate
    times = list(pts) if pts is not None else list(range(frames))
    make_planes = pictures or (
        (lambda i: random_rows(pixel_format, width, height, i, seed=seed))
        if is_packed(pixel_format)
        else (lambda i: picture(pixel_format, width, height, i, seed=seed, colour=colour))
    )
    planes = [make_planes(i) for i in range(len(times))]
    options = dict(codec_options or {})
    codec = codec or ("ffvhuff" if pixel_format in ("gbrp", "gbrap") else "ffv1")
    if codec == "ffv1" and "level" not in options:
        options |= {"level": "3", "strict": "experimental"}
    if siting:
        options["chroma_sample_location"] = siting
    if field_order:
        options |= {"field_order": field_order, "flags": "+ildct"}
    output = av.open(str(path), "w", format=container, container_options=dict(container_options or {}), options={})
    with output:
        output.metadata.update(metadata or {})
        video = output.add_stream(codec, rate=rate, options=options)
        video.width, video.height, video.pix_fmt = width, height, pixel_format
        video.codec_context.time_base = base
        video.time_base = base
        _tag(video.codec_context, matrix, color_range, transfer, primaries)
        if sample_aspect_ratio is not None:
            video.codec_context.sample_aspect_ratio = sample_aspect_ratio
        if rotation or hflip:
            video.set_display_rotation(rotation, hflip=hflip)
        if timecode is not None:
            video.metadata["timecode"] = timecode
        packets = _side_tracks(output, base * (max(times) + 1 if times else 1), audio, subtitles, data)
        if second_video:
            packets.append(_extra_video(output, cover=False))
        if cover:
            packets.append(_extra_video(output, cover=True))
        if chapters:
            output.set_chapters(_chapter_entries(chapters))
        for name, mime, payload in attachments:
            output.add_attachment(name, mime, payload)
        output.start_encoding()
        made = [packet for make_packets in packets for packet in make_packets()]
        made += _encode(video, pixel_format, width, height, planes, times, base, field_order)
        made.sort(key=lambda p: (p.dts if p.dts is not None else p.pts) * p.time_base)
        for packet in made:
            output.mux(packet)
    return Film(path=path, pixel_format=pixel_format, planes=planes, pts=times, time_base=base)


def _tag(
    context: Any, matrix: int | None, color_range: int | None, transfer: int | None, primaries: int | None
) -> None:
    if matrix is not None:
        context.colorspace = matrix
    if color_range is not None:
        context.color_range = color_range
    if transfer is not None:
        context.color_trc = transfer
    if primaries is not None:
        context.color_primaries = primaries


def _encode(
    video: Any,
    pixel_format: str,
    width: int,
    height: int,
    planes: list[Planes],
    times: list[int],
    base: Fraction,
    field_order: str | None,
) -> list[av.Packet]:
    packets: list[av.Packet] = []
    for samples, pts in zip(planes, times, strict=True):
        frame = video_frame(pixel_format, width, height, samples)
        frame.color_range = video.codec_context.color_range
        frame.colorspace = video.codec_context.colorspace
        frame.color_trc = video.codec_context.color_trc
        frame.color_primaries = video.codec_context.color_primaries
        frame.pts, frame.time_base = pts, base
        if field_order:
            frame = _flag_fields(frame, FIELD_FILTER[field_order])
        packets += video.encode(frame)
    packets += video.encode(None)
    for packet in packets:
        packet.stream = video
    return packets


def _flag_fields(frame: av.VideoFrame, mode: str) -> av.VideoFrame:
    """PyAV cannot set the interlaced flag of a frame; FFmpeg's own filter can."""
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    graph.link_nodes(source, graph.add("setfield", mode=mode), graph.add("buffersink")).configure()
    pts, base = frame.pts, frame.time_base
    graph.push(frame)
    flagged = graph.pull()
    assert isinstance(flagged, av.VideoFrame)
    flagged.pts, flagged.time_base = pts, base
    return flagged


def _side_tracks(
    output: Any, seconds: Fraction, audio: Sequence[Audio], subtitles: Sequence[Subtitle], data: Sequence[bytes]
) -> list[Callable[[], list[av.Packet]]]:
    """Add the streams; return what makes their packets once the header is written."""
    makers: list[Callable[[], list[av.Packet]]] = []
    for position, sound in enumerate(audio):
        makers.append(_add_audio(output, sound, seconds, 440 + 110 * position))
    for subtitle in subtitles:
        makers.append(_add_subtitle(output, subtitle))
    if data:
        makers.append(_add_data(output, data))
    return makers


def _add_audio(output: Any, sound: Audio, film_seconds: Fraction, hertz: int) -> Callable[[], list[av.Packet]]:
    stream = output.add_stream(sound.codec, rate=sound.rate)
    stream.codec_context.layout = sound.layout
    if sound.language:
        stream.metadata["language"] = sound.language
    if sound.title:
        stream.metadata["title"] = sound.title

    def packets() -> list[av.Packet]:
        seconds = sound.seconds if sound.seconds is not None else max(film_seconds, Fraction(1, 10))
        count = int(seconds * sound.rate)
        wave = np.sin(2 * np.pi * hertz * np.arange(count) / sound.rate) * 0.4
        channels = len(stream.codec_context.layout.channels)
        samples = np.repeat((wave * 32767).astype(np.int16), channels)[None, :]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=sound.layout)
        frame.sample_rate = sound.rate
        frame.pts = int(sound.start * sound.rate)
        frame.time_base = Fraction(1, sound.rate)
        made = stream.encode(frame) + stream.encode(None)
        for packet in made:
            packet.stream = stream
        return list(made)

    return packets


def _add_subtitle(output: Any, subtitle: Subtitle) -> Callable[[], list[av.Packet]]:
    stream = output.add_mux_stream(subtitle.codec)
    stream.time_base = Fraction(1, 1000)
    if subtitle.language:
        stream.metadata["language"] = subtitle.language

    def packets() -> list[av.Packet]:
        made = []
        for start, end, text in subtitle.lines:
            payload = text.encode()
            if subtitle.codec == "mov_text":
                payload = len(payload).to_bytes(2, "big") + payload
            made.append(_packet(stream, payload, int(start * 1000), int((end - start) * 1000), 1000))
        return made

    return packets


def _add_data(output: Any, data: Sequence[bytes]) -> Callable[[], list[av.Packet]]:
    stream = output.add_data_stream("klv")

    def packets() -> list[av.Packet]:
        return [_packet(stream, payload, i * 3600, 3600, 90000) for i, payload in enumerate(data)]

    return packets


def _packet(stream: Any, payload: bytes, pts: int, duration: int, per_second: int) -> av.Packet:
    packet = av.Packet(payload)
    packet.stream = stream
    packet.pts = packet.dts = pts
    packet.duration = duration
    packet.time_base = Fraction(1, per_second)
    packet.is_keyframe = True
    return packet


def _extra_video(output: Any, *, cover: bool) -> Callable[[], list[av.Packet]]:
    stream = output.add_stream("png" if cover else "mpeg4", rate=Fraction(25))
    stream.width, stream.height, stream.pix_fmt = 32, 32, "rgb24" if cover else "yuv420p"
    stream.codec_context.time_base = Fraction(1, 25)
    if cover:
        stream.disposition = av.stream.Disposition.attached_pic

    def packets() -> list[av.Packet]:
        made: list[av.Packet] = []
        for index in range(1 if cover else 4):
            if cover:
                planes: Planes = (np.full((32, 96), 90, np.uint8),)
            else:
                planes = picture("yuv420p", 32, 32, index, colour=True)
            frame = video_frame(stream.pix_fmt, 32, 32, planes)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            made += stream.encode(frame)
        made += stream.encode(None)
        for packet in made:
            packet.stream = stream
        return made

    return packets


def _chapter_entries(chapters: Sequence[tuple[Fraction, Fraction, str]]) -> list[Any]:
    return [
        {
            "id": number,
            "start": int(start * 1000),
            "end": int(end * 1000),
            "time_base": Fraction(1, 1000),
            "metadata": {"title": title},
        }
        for number, (start, end, title) in enumerate(chapters, start=1)
    ]


def still(path: Path, pixel_format: str, planes: Planes, width: int, height: int, codec: str | None = None) -> Path:
    """Write one picture file (png, tif, dpx) of a packed or planar format, without any conversion."""
    encoder = codec or {".png": "png", ".tif": "tiff", ".tiff": "tiff", ".dpx": "dpx"}[path.suffix]
    context = av.CodecContext.create(encoder, "w")
    context.width, context.height, context.pix_fmt = width, height, pixel_format
    context.time_base = Fraction(1, 24)
    frame = video_frame(pixel_format, width, height, planes)
    packets = context.encode(frame) + context.encode(None)
    path.write_bytes(b"".join(bytes(packet) for packet in packets))
    return path


def cut(source: Path, target: Path, *, keep: float) -> Path:
    """Copy the first part of a file, `keep` in (0, 1), as a broken download would leave it."""
    payload = source.read_bytes()
    target.write_bytes(payload[: int(len(payload) * keep)])
    return target


def packets_of(path: Path, index: int) -> list[tuple[bytes, int | None, int | None, int | None]]:
    """(payload, pts, dts, duration) of all packets of a stream, for byte-for-byte comparison."""
    with av.open(str(path)) as container:
        stream = container.streams[index]
        return [(bytes(p), p.pts, p.dts, p.duration) for p in container.demux(stream) if p.size]
