"""Reads image sequences: one picture file per frame, decoded one at a time, under the numbers in their names."""

from collections.abc import Iterator
from dataclasses import replace
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from kinemacolor.colour.encoding import Range
from kinemacolor.media.chroma import measure_chroma
from kinemacolor.media.dpx import DpxHeader, parse_dpx_header
from kinemacolor.media.errors import SourceError
from kinemacolor.media.file_probe import Assume, encoding_of_picture
from kinemacolor.media.formats import Repacker, palette_has_alpha, planar_format
from kinemacolor.media.frame_numbers import SequencePattern, expand, first_gap
from kinemacolor.media.libav import naming, plain_reason
from kinemacolor.media.source import Item, Source
from kinemacolor.media.types import FieldOrder, SourceFrame, SourceInfo
from kinemacolor.picture.pixel import Family, PixelFormat, Samples

__all__ = ["DEFAULT_RATE", "Missing", "SequenceSource", "open_sequence", "probe_sequence"]

DEFAULT_RATE = Fraction(24)
"""Frames a second where neither the user nor a DPX header says."""

_MAGIC = {
    b"\x89PNG": "png", b"II*\0": "tiff", b"MM\0*": "tiff", b"SDPX": "dpx", b"XPDS": "dpx",
}  # fmt: skip


class Missing(Enum):
    """What to do about numbers that a sequence lacks."""

    ERROR = "error"
    HOLD = "hold"
    """The picture before the gap again, under the missing number."""
    BLACK = "black"


def probe_sequence(pattern: SequencePattern, assume: Assume) -> SourceInfo:
    """What a sequence's first picture says.

    Raises:
        SourceError: no file fits, or the first is no picture that can be read.
    """
    numbers = expand(pattern)
    with naming(pattern.path(numbers[0])):
        return _probe(pattern, numbers, assume)


def _probe(pattern: SequencePattern, numbers: tuple[int, ...], assume: Assume) -> SourceInfo:
    path = pattern.path(numbers[0])
    picture, codec, sample_aspect = _decode(path)
    form = planar_format(picture.format.name, palette_alpha=palette_has_alpha(picture))
    planes, _ = Repacker(picture.format.name, form)(picture)
    header = _dpx_header(path) if codec == "dpx" else None
    rate = assume.frame_rate or (header.frame_rate if header else None) or DEFAULT_RATE
    count = numbers[-1] - numbers[0] + 1
    chroma = measure_chroma([planes], form)
    return SourceInfo(
        path=Path(str(pattern)),
        container="sequence",
        codec=codec,
        pixel_format=form,
        coded_format=picture.format.name,
        width_px=picture.width,
        height_px=picture.height,
        encoding=encoding_of_picture(picture, codec, form, rate, assume),
        siting=None,
        sample_aspect_ratio=sample_aspect or Fraction(1),
        rotation_degrees=0,
        field_order=assume.field_order or FieldOrder.PROGRESSIVE,
        frame_rate=rate,
        time_base=1 / rate,
        duration_seconds=count / rate,
        frame_count=count,
        timecode=header.timecode if header else None,
        is_colour=chroma.is_colour,
        is_toned=chroma.is_toned,
        metadata=_metadata(header),
    )


def open_sequence(
    pattern: SequencePattern,
    *,
    info: SourceInfo | None = None,
    assume: Assume | None = None,
    start_frame: int | None = None,
    last_frame: int | None = None,
    missing: Missing = Missing.ERROR,
) -> Source:
    """Open an image sequence.

    Args:
        pattern: where its pictures are.
        info: what `probe` returned for it; None probes here.
        assume: what the user says, for the probe.
        start_frame: number of the first frame to yield, None is the first that exists.
        last_frame: number of the last one, None is the last that exists.
        missing: what to do about numbers that are missing between these two.

    Raises:
        SourceError: as `probe_sequence`, or a number is missing and `missing` is ERROR, or there is no such frame.
    """
    known = info or probe_sequence(pattern, assume or Assume())
    numbers = expand(pattern)
    first, last = numbers[0], numbers[-1]
    for wanted in (start_frame, last_frame):
        if wanted is not None and not first <= wanted <= last:
            raise SourceError(f"{pattern}: has no frame {wanted}; its frames are {first} to {last}")
    wanted_range = range(
        first if start_frame is None else start_frame, (last if last_frame is None else last_frame) + 1
    )
    gap = first_gap(numbers, wanted_range)
    if gap is not None and missing is Missing.ERROR:
        raise SourceError(f"{pattern}: frame {gap} is missing ({pattern.path(gap).name})")
    return SequenceSource(known, pattern, numbers, wanted=wanted_range, missing=missing)


class SequenceSource(Source):
    """An image sequence. Open it with `open_sequence`.

    The pts of a frame counts from the first picture that exists, in units of one frame.
    """

    def __init__(
        self,
        info: SourceInfo,
        pattern: SequencePattern,
        numbers: tuple[int, ...],
        *,
        wanted: range,
        missing: Missing,
    ) -> None:
        self.info = info
        self._pattern = pattern
        self._numbers = numbers
        self._wanted = wanted
        self._missing = missing
        self._repack = Repacker(info.coded_format, info.pixel_format)
        self._closed = False

    def close(self) -> None:
        """End the iteration; no file is open between two frames."""
        self._closed = True

    def __iter__(self) -> Iterator[Item]:
        """See `Source.__iter__`."""
        existing = frozenset(self._numbers)
        last: SourceFrame | None = None
        for number in self._wanted:
            if self._closed:
                raise ValueError("the source is closed")
            frame = self._read(number) if number in existing else self._stand_in(number, last)
            yield frame
            last = frame

    def _read(self, number: int) -> SourceFrame:
        path = self._pattern.path(number)
        picture, _, _ = _decode(path)
        info = self.info
        if (picture.width, picture.height) != (info.width_px, info.height_px):
            raise SourceError(
                f"{path}: is {picture.width}x{picture.height}, the sequence is {info.width_px}x{info.height_px}"
            )
        alpha_appears = palette_has_alpha(picture) and not info.pixel_format.has_alpha
        if picture.format.name != info.coded_format or alpha_appears:
            raise SourceError(f"{path}: has pixel format {picture.format.name}, the sequence {info.coded_format}")
        planes, alpha = self._repack(picture)
        return self._frame(number, planes, alpha)

    def _frame(self, number: int, planes: tuple[Samples, ...], alpha: Samples | None) -> SourceFrame:
        pts = number - self._numbers[0]
        return SourceFrame(
            number=number, pts=pts, duration=1, time_base=self.info.time_base, planes=planes, alpha=alpha
        )

    def _stand_in(self, number: int, last: SourceFrame | None) -> SourceFrame:
        if self._missing is Missing.BLACK:
            return self._frame(number, *_black(self.info))
        if last is None:  # the first wanted frame lies in a gap: hold what comes before it
            last = self._read(max(known for known in self._numbers if known < number))
        return replace(last, number=number, pts=number - self._numbers[0])


def _decode(path: Path) -> tuple[VideoFrame, str, Fraction | None]:
    """One picture, its codec and its sample aspect ratio."""
    try:
        payload = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    codec = _MAGIC.get(payload[:4])
    if codec is None:
        raise SourceError(f"{path}: is not a PNG, TIFF or DPX picture")
    context = cast(VideoCodecContext, av.CodecContext.create(codec, "r"))
    context.thread_count = 1
    try:
        pictures = context.decode(av.Packet(payload)) + context.decode(None)
    except FFmpegError as error:
        raise SourceError(f"{path}: the picture is damaged ({plain_reason(error)})") from error
    picture = next((picture for picture in pictures if isinstance(picture, VideoFrame)), None)
    if picture is None or picture.is_corrupt:
        raise SourceError(f"{path}: the picture is damaged")
    return picture, codec, context.sample_aspect_ratio


def _dpx_header(path: Path) -> DpxHeader | None:
    with path.open("rb") as file:
        return parse_dpx_header(file.read(2048))


def _metadata(header: DpxHeader | None) -> dict[str, str]:
    if header is None:
        return {}
    found = {"film_key": header.film_key, "dpx_transfer": header.transfer}
    return {name: value for name, value in found.items() if value is not None}


def _black(info: SourceInfo) -> tuple[tuple[Samples, ...], Samples | None]:
    form = info.pixel_format
    shape = (info.height_px, info.width_px)
    lowest = 0 if info.encoding.range is Range.FULL else 16 << (form.bits - 8)
    chroma_w, chroma_h = form.chroma_size(*shape[::-1])
    codes = [(lowest, shape)] * (1 if form.family is Family.GRAY else 3)
    if form.family is Family.YUV:
        codes[1:] = [(1 << (form.bits - 1), (chroma_h, chroma_w))] * 2
    planes = tuple(_filled(code, size, form) for code, size in codes)
    return planes, _filled(form.max_code, shape, form) if form.has_alpha else None


def _filled(code: int, shape: tuple[int, int], form: PixelFormat) -> Samples:
    samples: Samples = np.full(shape, code, dtype=form.dtype)
    samples.flags.writeable = False
    return samples
