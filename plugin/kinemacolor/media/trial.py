"""Tries a plan out before frame 1: a few frames through the real encoder and muxer into memory, then read back.

What comes back is what the file will say. That replaces tables of which codec carries which tag in which container,
and it proves losslessness instead of believing it.
"""

import io
from dataclasses import dataclass, replace
from fractions import Fraction

import av
import numpy as np

from kinemacolor.media.containers import Container
from kinemacolor.media.encoder import SegmentEncoder
from kinemacolor.media.errors import OutputError
from kinemacolor.media.ffmpeg_log import explained
from kinemacolor.media.matroska_aspect import set_display_size
from kinemacolor.media.muxer import Muxer
from kinemacolor.media.picture_frames import read_planes
from kinemacolor.media.timecode import find_timecode
from kinemacolor.media.timing import DecodeTimes, FrameClock
from kinemacolor.media.types import OutputFrame, OutputPlan
from kinemacolor.picture.pixel import Family, PixelFormat, Samples

__all__ = ["FRAMES", "TrialResult", "try_plan"]

FRAMES = 4
_NOISE_PX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """What a reader finds in a file made by the plan."""

    range_code: int
    matrix_code: int
    primaries_code: int
    transfer_code: int
    sample_aspect_ratio: Fraction
    rotation_degrees: int
    timecode: str | None
    ticks_kept: bool
    """Whether every frame came back at its time."""
    samples_kept: bool
    """Whether every sample came back as given."""


def try_plan(plan: OutputPlan, container: Container) -> TrialResult:
    """Write and read back a few frames without tracks.

    Raises:
        OutputError: The encoder or the container refuses; the text says why.
    """
    bare = replace(plan, copied_tracks=())
    frames = _frames(bare)
    data = _write(bare, container, frames)
    with explained(f"{plan.path.name}: what {plan.codec} writes there cannot be read back"):
        return _read(bare, data, frames)


def _frames(plan: OutputPlan) -> list[OutputFrame]:
    rate = plan.source.frame_rate or Fraction(25)
    base = 1 / rate
    random = np.random.default_rng(1)
    return [
        OutputFrame(number=number, pts=number, duration=1, time_base=base, planes=_planes(plan, random), alpha=None)
        for number in range(FRAMES)
    ]


def _planes(plan: OutputPlan, random: np.random.Generator) -> tuple[Samples, ...]:
    """Dark, with a corner of noise: tests every code at little cost, whatever the size."""
    form, source = plan.pixel_format, plan.source
    width, height = source.width_px, source.height_px
    sizes = [(width, height)] + [form.chroma_size(width, height) if form.family is Family.YUV else (width, height)] * 2
    planes = []
    for columns, rows in sizes:
        plane = np.full((rows, columns), form.max_code // 8, dtype=form.dtype)
        corner = plane[:_NOISE_PX, :_NOISE_PX]
        corner[:] = random.integers(0, form.max_code + 1, corner.shape)
        planes.append(plane)
    return tuple(planes)


def _write(plan: OutputPlan, container: Container, frames: list[OutputFrame]) -> bytes:
    buffer = io.BytesIO()
    muxer = Muxer(plan, container, buffer, None)
    clock = FrameClock(plan.time_base, plan.source.frame_rate)
    encoder = SegmentEncoder(plan, global_header=muxer.global_header)
    muxer.start()
    with explained(f"{plan.path.name}: {plan.codec} fails there"):
        packets = [p for frame in frames for p in encoder.encode(frame, clock.tick(frame), clock.duration(frame))]
        packets += encoder.flush()
        times = DecodeTimes(encoder.reorder_depth(packets[0]) if packets else 0, clock.nominal_ticks)
        times.submit(packet.pts or 0 for packet in packets)
        for packet in packets:
            packet.dts = times.next(packet.pts or 0)
            muxer.write_picture(packet)
        muxer.close()
    return set_display_size(buffer.getvalue(), plan)


def _read(plan: OutputPlan, data: bytes, frames: list[OutputFrame]) -> TrialResult:
    with av.open(io.BytesIO(data), "r", format=_demuxer(plan.container)) as film:
        stream = film.streams.video[0]
        decoded = list(film.decode(stream))
        if not decoded:
            raise OutputError(f"{plan.path.name}: nothing that {plan.codec} writes there can be decoded")
        first, context = decoded[0], stream.codec_context
        aspect = stream.sample_aspect_ratio
        tags = [stream.metadata, film.metadata, *(other.metadata for other in film.streams)]
        return TrialResult(
            range_code=int(first.color_range or context.color_range),
            matrix_code=int(first.colorspace),
            primaries_code=int(first.color_primaries),
            transfer_code=int(first.color_trc),
            sample_aspect_ratio=Fraction(aspect.numerator, aspect.denominator) if aspect else Fraction(1),
            rotation_degrees=int(first.rotation),
            timecode=find_timecode(tags),
            ticks_kept=_same_ticks(plan, stream.time_base, decoded, frames),
            samples_kept=_same_samples(plan.pixel_format, decoded, frames),
        )


def _demuxer(muxer: str) -> str:
    return {"webm": "matroska"}.get(muxer, muxer)


def _same_ticks(
    plan: OutputPlan, base: Fraction | None, decoded: list[av.VideoFrame], frames: list[OutputFrame]
) -> bool:
    if base is None:
        return False
    clock = FrameClock(plan.time_base, plan.source.frame_rate)
    expected = [clock.tick(frame) * plan.time_base for frame in frames]
    found = [frame.pts * Fraction(base.numerator, base.denominator) for frame in decoded if frame.pts is not None]
    return expected == found


def _same_samples(form: PixelFormat, decoded: list[av.VideoFrame], frames: list[OutputFrame]) -> bool:
    if len(decoded) != len(frames):
        return False
    for given, frame in zip(frames, decoded, strict=True):
        if frame.format.components[0].bits != form.bits or bool(frame.format.is_rgb) != (form.family is Family.RGB):
            return False
        found = read_planes(frame, form)
        if not all(np.array_equal(a, b) for a, b in zip(given.planes, found, strict=True)):
            return False
    return True
