"""What the encoder cost: PSNR of Y' between what it was given and what its packets decode to.

Measured on the real packets, not asked of the encoder. To stay cheap only a sample is compared: of every clip the
first 24 frames, then one frame in 8. An encoder with references between frames must be decoded whole to reach a frame,
so there only one segment in 8 is decoded (segments are closed and decode alone); intra-only packets one by one.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import av
import numpy as np
from av.codec.codec import Properties
from numpy.typing import NDArray

from kinemacolor.colour.matrix import luma_weights
from kinemacolor.media.encoder_formats import has_property
from kinemacolor.media.picture_frames import read_luma, read_planes
from kinemacolor.media.types import OutputPlan
from kinemacolor.picture.pixel import Family, Samples

__all__ = [
    "FIRST_FRAMES",
    "FRAME_STEP",
    "SEGMENT_STEP",
    "LumaMeter",
    "LumaQuality",
    "LumaSum",
    "open_decoder",
    "square_error",
]

FIRST_FRAMES = 24
FRAME_STEP = 8
SEGMENT_STEP = 8
_DECODERS = {"av1": "libdav1d"}  # FFmpeg's own "av1" decodes on graphics cards only
_BLOCK_ROWS = 32  # keeps the differences in the processor's cache: four times faster than whole planes


@dataclass(frozen=True, slots=True)
class LumaQuality:
    """The result of a measurement."""

    psnr_db: float
    """10 log10(peak^2 / mean squared error of Y'), peak = largest code of the encoded depth; inf if nothing changed."""
    frames: int
    """How many frames were compared."""


@dataclass(frozen=True, slots=True)
class LumaSum:
    """What was compared in one segment, in a form that can be added up over the film."""

    squares: float = 0.0
    """Sum of squared differences, in codes."""
    samples: int = 0
    frames: int = 0

    def __add__(self, other: "LumaSum") -> "LumaSum":
        return LumaSum(self.squares + other.squares, self.samples + other.samples, self.frames + other.frames)

    def quality(self, plan: OutputPlan) -> LumaQuality | None:
        """The measurement; None if nothing was compared."""
        if not self.samples:
            return None
        peak = plan.pixel_format.max_code
        mean = self.squares / self.samples
        decibel = math.inf if mean == 0 else 10.0 * math.log10(peak * peak / mean)
        return LumaQuality(decibel, self.frames)


class LumaMeter:
    """Compares the frames given to the encoder of one segment with the packets that come out, both told in order.

    Holds the planes of sampled frames until their packet comes, so its memory is bounded by the encoder's delay.

    Args:
        plan: Of the film.
        extradata: Of the encoder.
        segment: Which one this is, counted from 0.
    """

    def __init__(self, plan: OutputPlan, extradata: bytes, segment: int) -> None:
        self._plan = plan
        self._extradata = extradata
        codec = av.Codec(plan.codec, "w")
        self._decoder_name = _DECODERS.get(codec.canonical_name, codec.canonical_name)
        self._intra = has_property(codec, Properties.INTRA_ONLY)
        self._is_decoded = self._intra or segment % SEGMENT_STEP == 0
        self._decoder: av.VideoCodecContext | None = None
        self._expected: dict[int, tuple[Samples, ...]] = {}
        self._squares = 0.0
        self._samples = 0
        self._frames = 0

    def submit(self, position: int, tick: int, planes: tuple[Samples, ...]) -> None:
        """A frame goes into the encoder. `position` counts the film's frames from 0, `tick` is its pts."""
        if self._is_decoded and (position < FIRST_FRAMES or position % FRAME_STEP == 0):
            self._expected[tick] = planes

    def packet(self, packet: "av.Packet[Any]") -> None:
        """A packet comes out of the encoder, in decoding order."""
        if not self._is_decoded or (self._intra and packet.pts not in self._expected):
            return
        if self._decoder is None:
            self._decoder = open_decoder(self._decoder_name, self._plan, self._extradata)
        self._compare(self._decoder.decode(_copy(packet)))

    def result(self) -> LumaSum:
        """The measurement of the whole segment."""
        if self._decoder is not None:
            self._compare(self._decoder.decode(None))
            self._decoder = None
        return LumaSum(self._squares, self._samples, self._frames)

    def _compare(self, decoded: list[av.VideoFrame]) -> None:
        for frame in decoded:
            expected = self._expected.pop(frame.pts, None) if frame.pts is not None else None
            if expected is None:
                continue
            self._squares += square_error(self._luma(expected), self._decoded_luma(frame), self._more_bits(frame))
            self._samples += expected[0].size
            self._frames += 1

    def _more_bits(self, frame: av.VideoFrame) -> int:
        # prores_ks codes 10 bits and the decoder gives 12 in 4:4:4: compared at the depth that was encoded.
        return frame.format.components[0].bits - self._plan.pixel_format.bits

    def _decoded_luma(self, frame: av.VideoFrame) -> NDArray[Any]:
        form = self._plan.pixel_format
        same = replace(form, bits=frame.format.components[0].bits)
        return read_luma(frame, same) if form.family is not Family.RGB else self._luma(read_planes(frame, same))

    def _luma(self, planes: tuple[Samples, ...]) -> NDArray[Any]:
        if self._plan.pixel_format.family is not Family.RGB:
            return planes[0]
        red, green, blue = (np.float32(weight) for weight in luma_weights(self._plan.encoding.matrix))
        weighted = planes[0].astype(np.float32) * red + planes[1].astype(np.float32) * green
        return np.asarray(weighted + planes[2].astype(np.float32) * blue)


def open_decoder(name: str, plan: OutputPlan, extradata: bytes) -> av.VideoCodecContext:
    """A decoder for the plan's packets, one thread."""
    decoder = av.CodecContext.create(name, "r")
    if not isinstance(decoder, av.VideoCodecContext):
        raise TypeError(f"{name} is no video decoder")
    decoder.width, decoder.height = plan.source.width_px, plan.source.height_px
    decoder.thread_count = 1
    if extradata:
        decoder.extradata = extradata
    return decoder


def _copy(packet: "av.Packet[Any]") -> "av.Packet[Any]":
    # The muxer rescales the packet's times in place; the decoder must see those of the encoder.
    copy = av.Packet(bytes(packet))
    copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
    copy.is_keyframe = packet.is_keyframe
    return copy


def square_error(expected: NDArray[Any], decoded: NDArray[Any], more_bits: int) -> float:
    """Sum of squared differences of two planes (H, W); `decoded` has `more_bits` more bits of depth."""
    total = 0.0
    for top in range(0, expected.shape[0], _BLOCK_ROWS):
        rows = slice(top, top + _BLOCK_ROWS)
        there = decoded[rows] * np.float32(0.5**more_bits) if more_bits else decoded[rows]
        difference = np.subtract(expected[rows], there, dtype=np.float32).ravel()
        total += float(np.dot(difference, difference))
    return total
