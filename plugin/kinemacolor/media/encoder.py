"""The encoder, in closed segments: a fresh, identically set encoder every `segment_frames` frames.

The packets of a segment depend on its own frames and the plan and on nothing before it, so that a segment can be made
again, or made elsewhere, and joined. What that needs: key frame first, no reference across the joint, a recorded thread
count, no wall clock, the same extradata everywhere (checked).
"""

import os
from fractions import Fraction
from functools import cache
from importlib import import_module
from typing import Any

import av
from av.codec.context import Flags, ThreadType

from kinemacolor.media.encoder_formats import EncoderFormat, describe, formats_of
from kinemacolor.media.errors import OutputError
from kinemacolor.media.ffmpeg_log import explained
from kinemacolor.media.picture_frames import FrameFiller
from kinemacolor.media.types import OutputFrame, OutputPlan
from kinemacolor.picture.pixel import Family

__all__ = ["SegmentEncoder", "configure", "cpu_choice", "encoder_layout", "open_encoder"]

# These cut a picture into slices (deterministic, no delay); libx264 and libx265 run frames in parallel instead.
_SLICE_THREADED = frozenset(("ffv1", "prores_ks", "dnxhd", "mpeg2video", "mpeg4"))
_RGB_MATRIX = 0


def encoder_layout(plan: OutputPlan) -> EncoderFormat:
    """The FFmpeg layout that the plan's planes are handed to the encoder in (ffv1 takes 8-bit RGB as bgr0)."""
    exact = describe(plan.pixel_format.name)
    available = formats_of(av.Codec(plan.codec, "w"), plan.source)
    names = {found.name for found in available}
    if exact is not None and exact.name in names:
        return exact
    for found in available:
        if found.planes.name == plan.pixel_format.name:
            return found
    raise OutputError(f"{plan.codec} cannot be given {plan.pixel_format.name}")


def open_encoder(plan: OutputPlan, *, global_header: bool) -> av.VideoCodecContext:
    """A fresh encoder with the plan's settings, opened.

    Raises:
        OutputError: The encoder refuses the settings or does not know an option.
    """
    context = av.CodecContext.create(plan.codec, "w")
    if not isinstance(context, av.VideoCodecContext):
        raise OutputError(f"{plan.codec} is not a video encoder")
    if plan.codec == "libsvtav1":
        os.environ.setdefault("SVT_LOG", "1")  # errors only; it writes to stderr past FFmpeg's log
    configure(context, plan, global_header=global_header)
    options = dict(context.options)
    with explained(f"{plan.codec} refuses these settings"):
        context.open()
    unknown = [key for key in context.options if key in options]
    if unknown:
        raise OutputError(f"{plan.codec} has no option {', '.join(sorted(unknown))}")
    return context


def configure(context: av.VideoCodecContext, plan: OutputPlan, *, global_header: bool) -> None:
    """Set everything that the bytes of a segment depend on."""
    source, encoding = plan.source, plan.encoding
    context.width, context.height = source.width_px, source.height_px
    context.pix_fmt = encoder_layout(plan).name
    context.time_base = plan.time_base
    context.framerate = source.frame_rate or Fraction(25)
    context.sample_aspect_ratio = source.sample_aspect_ratio
    context.color_range = encoding.range.value
    context.colorspace = _RGB_MATRIX if plan.pixel_format.family is Family.RGB else encoding.matrix.value
    context.color_primaries = encoding.primaries.value
    context.color_trc = encoding.transfer.value
    context.field_order = 1  # AV_FIELD_PROGRESSIVE
    context.thread_count = plan.threads
    context.thread_type = ThreadType.SLICE if plan.codec in _SLICE_THREADED else ThreadType.FRAME
    context.flags |= int(Flags.bitexact | (Flags.global_header if global_header else 0))
    context.options = dict(plan.codec_options)
    if plan.codec in ("libx264", "libx264rgb") and _has_avx512():
        context.options |= {"x264-params": _without_avx512(context.options.get("x264-params", ""))}
    if plan.siting is not None and plan.pixel_format.family is Family.YUV:
        context.options |= {"chroma_sample_location": str(plan.siting.value)}


# x264's AVX-512 code for mbtree (core 165) lets memory that was never written decide: one run in ten gave other bytes
# at 400x300 and 192x96 with the same input, whatever the number of threads. AVX2, SSE4.2 and plain C gave the same
# bytes in every run, and AVX2 is not slower.
def _without_avx512(params: str) -> str:
    return params if "asm=" in params else ":".join(part for part in (params, "asm=AVX2") if part)


def cpu_choice() -> str:
    """Which machine code the encoders' bytes may depend on, for whoever compares two builds."""
    return "avx512" if _has_avx512() else "no avx512"


@cache
def _has_avx512() -> bool:
    for place in ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath"):  # numpy 2, numpy 1
        try:
            features = import_module(place).__cpu_features__
        except (ImportError, AttributeError):
            continue
        return bool(features.get("AVX512F") and features.get("AVX2"))
    return False


class SegmentEncoder:
    """Encodes one segment."""

    def __init__(self, plan: OutputPlan, *, global_header: bool) -> None:
        self._plan = plan
        self._filler = FrameFiller(encoder_layout(plan).name, plan.source.width_px, plan.source.height_px)
        self._context = open_encoder(plan, global_header=global_header)
        self._submitted: list[int] = []
        self._durations: dict[int, int] = {}

    @property
    def extradata(self) -> bytes:
        """Parameter sets and the like, known after opening."""
        return self._context.extradata or b""

    def encode(self, frame: OutputFrame, tick: int, duration: int) -> list["av.Packet[Any]"]:
        """Packets that are ready, in decoding order, with pts and duration in ticks of the plan's time base.

        Raises:
            OutputError: The encoder gave a packet without a time.
        """
        picture = self._filler.fill(frame.planes, frame.alpha)
        picture.pts, picture.time_base, picture.duration = tick, self._plan.time_base, duration
        picture.color_range = self._context.color_range
        picture.colorspace = self._context.colorspace
        picture.color_primaries = self._context.color_primaries
        picture.color_trc = self._context.color_trc
        self._submitted.append(tick)
        self._durations[tick] = duration
        return self._timed(self._context.encode(picture))

    def flush(self) -> list["av.Packet[Any]"]:
        """The remaining packets."""
        return self._timed(self._context.encode(None))

    def reorder_depth(self, first: "av.Packet[Any]") -> int:
        """How many frames decoding runs ahead, from what the encoder declares and from its first packet's times."""
        declared = self._context.reorder_depth
        if first.dts is None or first.pts is None or first.dts >= first.pts:
            return declared
        delayed = first.pts + (first.pts - first.dts)
        measured = sum(1 for pts in self._submitted if pts < delayed)
        return max(declared, measured)

    def _timed(self, packets: list["av.Packet[Any]"]) -> list["av.Packet[Any]"]:
        for packet in packets:
            if packet.pts is None:
                raise OutputError(f"{self._plan.codec} gave a packet without a time")
            packet.time_base = self._plan.time_base
            packet.duration = self._durations.pop(packet.pts, 0)
        return packets
