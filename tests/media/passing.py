"""Carries a film through the real reader and the real sink as a renderer would, with neutral or given chroma."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
import numpy as np

from kinemacolor.colour.encoding import ColourEncoding, Matrix, Primaries, Range, Transfer
from kinemacolor.media.join import join_film
from kinemacolor.media.output_file import DiskFullPolicy
from kinemacolor.media.plan import plan_output
from kinemacolor.media.probe import probe
from kinemacolor.media.quality import LumaSum
from kinemacolor.media.reader import open_source
from kinemacolor.media.types import (
    EncodeOptions,
    FieldOrder,
    OutputFrame,
    OutputPlan,
    Part,
    SourceFrame,
    SourceInfo,
    TrackPacket,
)
from kinemacolor.media.writer import SegmentSink
from kinemacolor.media.writer import open_sink as open_part_sink
from kinemacolor.picture.pixel import Family, PixelFormat, Samples

BT709 = ColourEncoding(matrix=Matrix.BT709, range=Range.LIMITED, transfer=Transfer.BT709, primaries=Primaries.BT709)


@dataclass(frozen=True)
class Report:
    """What was written."""

    frames: int
    y_psnr_db: float | None
    y_psnr_frames: int


@dataclass(frozen=True)
class Passed:
    plan: OutputPlan
    report: Report
    path: Path
    frames: list[SourceFrame]
    """As the reader gave them."""


def source_info(
    path: Path = Path("film.mkv"),
    *,
    form: PixelFormat | None = None,
    width: int = 64,
    height: int = 48,
    **changes: object,
) -> SourceInfo:
    """A source that exists on paper only; `container="sequence"` keeps the plan from opening it."""
    info = SourceInfo(
        path=path,
        container="sequence",
        codec="png",
        pixel_format=form or yuv420(8),
        coded_format="-",
        width_px=width,
        height_px=height,
        encoding=BT709,
        siting=None,
        sample_aspect_ratio=Fraction(1),
        rotation_degrees=0,
        field_order=FieldOrder.PROGRESSIVE,
        frame_rate=Fraction(25),
        time_base=Fraction(1, 25),
        duration_seconds=None,
        frame_count=None,
        timecode=None,
    )
    return replace(info, **changes)  # type: ignore[arg-type]


def yuv420(bits: int) -> PixelFormat:
    name = "yuv420p" if bits == 8 else f"yuv420p{bits}le"
    return PixelFormat(name=name, family=Family.YUV, bits=bits, log2_chroma_w=1, log2_chroma_h=1)


def yuv444(bits: int) -> PixelFormat:
    return PixelFormat(name="yuv444p" if bits == 8 else f"yuv444p{bits}le", family=Family.YUV, bits=bits)


def gray(bits: int) -> PixelFormat:
    return PixelFormat(name="gray" if bits == 8 else f"gray{bits}le", family=Family.GRAY, bits=bits)


def rgb(bits: int, *, alpha: bool = False) -> PixelFormat:
    base = "gbrap" if alpha else "gbrp"
    return PixelFormat(name=base if bits == 8 else f"{base}{bits}le", family=Family.RGB, bits=bits, has_alpha=alpha)


def random_planes(plan: OutputPlan, seed: int) -> tuple[Samples, ...]:
    """Noise that uses every code of the plan's depth."""
    form, info = plan.pixel_format, plan.source
    random = np.random.default_rng(seed)
    width, height = info.width_px, info.height_px
    sizes = [(width, height)] + [form.chroma_size(width, height) if form.family is Family.YUV else (width, height)] * 2
    return tuple(random.integers(0, form.max_code + 1, (h, w)).astype(form.dtype) for w, h in sizes)


def soft_planes(plan: OutputPlan, number: int) -> tuple[Samples, ...]:
    """A moving ramp: cheap to encode."""
    form, info = plan.pixel_format, plan.source
    x = np.arange(info.width_px)[None, :] + 3 * number
    y = np.arange(info.height_px)[:, None]
    luma = ((x * 2 + y) % (form.max_code // 2) + form.max_code // 4).astype(form.dtype)
    if form.family is Family.RGB:
        return luma, luma, luma
    width, height = form.chroma_size(info.width_px, info.height_px)
    neutral = np.full((height, width), 1 << (form.bits - 1), dtype=form.dtype)
    return luma, neutral, neutral


def output_frame(plan: OutputPlan, number: int, planes: tuple[Samples, ...], pts: int | None = None) -> OutputFrame:
    base = 1 / (plan.source.frame_rate or Fraction(25))
    return OutputFrame(number=number, pts=number if pts is None else pts, duration=1, time_base=base, planes=planes)


class FilmSink:
    """Frames and packets in, one file out: a sink whose segments are in a folder of their own, joined by `finish`."""

    def __init__(self, plan: OutputPlan, source: Path, disk_full: DiskFullPolicy | None = None, note: str = "") -> None:
        self._plan, self._source, self._policy, self._comment = plan, source, disk_full, note
        self._tracks: list[TrackPacket] = []
        self._parts: list[Part] = []

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        self._sink = open_part_sink(self._plan, Path(self._folder.name), self._policy)
        self._sink.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._sink.__exit__(*error)
        self._folder.cleanup()

    def write_frame(self, frame: OutputFrame) -> None:
        self._note(self._sink.write_frame(frame))

    def write_packet(self, packet: TrackPacket) -> None:
        self._tracks.append(packet)

    def finish(self) -> Report:
        self._note(self._sink.finish())
        if isinstance(self._sink, SegmentSink):
            segments = [Path(self._folder.name) / part.name for part in self._parts]
            origin = self._parts[0].origin_ticks if self._parts else 0
            join_film(
                self._plan,
                segments,
                self._tracks,
                source_path=self._source,
                origin_ticks=origin,
                disk_full=self._policy,
                note=self._comment,
            )
        luma = sum((LumaSum(p.luma_squares, p.luma_samples, p.luma_frames) for p in self._parts), LumaSum())
        quality = luma.quality(self._plan)
        return Report(sum(p.frames for p in self._parts), quality.psnr_db if quality else None, luma.frames)

    def _note(self, part: Part | None) -> None:
        if part is not None:
            self._parts.append(part)


open_sink = FilmSink


def write(plan: OutputPlan, frames: Iterator[OutputFrame] | list[OutputFrame]) -> Report:
    with open_sink(plan, plan.source.path) as sink:
        for frame in frames:
            sink.write_frame(frame)
        return sink.finish()


def write_and_fail(
    plan: OutputPlan,
    frames: list[OutputFrame],
    *,
    disk_full: DiskFullPolicy | None = None,
    before_finish: Callable[[], object] = lambda: None,
) -> None:
    """As `write`, for what is expected to fail; `before_finish` may do what makes it fail."""
    with open_sink(plan, plan.source.path, disk_full) as sink:
        for frame in frames:
            sink.write_frame(frame)
        before_finish()
        sink.finish()


def carry(source: Path, target: Path, options: EncodeOptions | None = None, *, note: str = "") -> Passed:
    """Read `source`, write `target`; luma untouched, chroma neutral."""
    info = probe(source)
    plan = plan_output(info, target, options or EncodeOptions())
    frames: list[SourceFrame] = []
    with open_source(source, info=info) as film, open_sink(plan, source, note=note) as sink:
        for item in film:
            if isinstance(item, SourceFrame):
                frames.append(item)
                sink.write_frame(_coloured(plan, item))
        if info.tracks:
            with open_source(source, info=info, pictures=False) as tracks:
                for item in tracks:
                    sink.write_packet(item)
        report = sink.finish()
    return Passed(plan, report, target, frames)


def _coloured(plan: OutputPlan, frame: SourceFrame) -> OutputFrame:
    shift = plan.pixel_format.bits - plan.source.pixel_format.bits
    planes = tuple(_scaled(plane, shift).astype(plan.pixel_format.dtype) for plane in frame.planes)
    if plan.pixel_format.family is Family.YUV:
        planes = (planes[0], *soft_planes(plan, 0)[1:])
    return OutputFrame(
        number=frame.number, pts=frame.pts, duration=frame.duration, time_base=frame.time_base, planes=planes
    )


def _scaled(plane: Samples, shift: int) -> Samples:
    return plane << shift if shift >= 0 else plane >> -shift


def decoded(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as film:
        return list(film.decode(film.streams.video[0]))


def times(path: Path) -> list[Fraction]:
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        base = Fraction(stream.time_base.numerator, stream.time_base.denominator)
        return [frame.pts * base for frame in film.decode(stream)]
