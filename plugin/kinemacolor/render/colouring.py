"""Between a decoded frame and the network: luma down to the network's size, chroma up to the film's.

Four ways, decided once per film by what comes in and what goes out; luma is only ever moved, or rounded once where
the output has another kind of sample:

    gray, Y'CbCr -> Y'CbCr   the film's Y' plane, requantised only if the depths differ
    R'G'B' -> R'G'B'         chroma is added to each pixel's Y'
    R'G'B' -> Y'CbCr         Y' is rounded to the output's codes
    gray, Y'CbCr -> R'G'B'   a neutral picture in 16 bits, then as R'G'B' -> R'G'B'
"""

import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from kinemacolor.colour.encoding import ColourEncoding, Range, Siting
from kinemacolor.colour.matrix import code_scale
from kinemacolor.media.types import OutputFrame, OutputPlan, SourceFrame, SourceInfo
from kinemacolor.picture.merge import ChromaMerger, requantise_luma
from kinemacolor.picture.pixel import Family, PixelFormat, Samples
from kinemacolor.picture.proxy import luma_of_rgb
from kinemacolor.picture.upsampling import Upsampling
from kinemacolor.render.proxies import network_geometry, neutral_proxy_of, proxy_of
from kinemacolor.render.tone import NO_TONE, FilmTone
from kinemacolor.wire.frame import ColorPlanes

_WIDE_RGB = PixelFormat(name="gbrp16le", family=Family.RGB, bits=16)

Ab = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Merged:
    """A frame in colour."""

    frame: OutputFrame
    limited_samples: int
    """Chroma samples whose colour did not fit the gamut and lost saturation."""


class Colouring:
    """Proxy and merge for one film. Safe to use from several threads at once.

    Args:
        info: The source.
        plan: The output.
        short_side_px: Of the luma that the network sees.
        amount: Factor on the chroma.
        upsampling: The way from the network's size to the film's.
        tone: Of the film's print.
    """

    def __init__(
        self,
        info: SourceInfo,
        plan: OutputPlan,
        short_side_px: int,
        amount: float,
        upsampling: Upsampling = Upsampling.GUIDED,
        tone: FilmTone = NO_TONE,
    ) -> None:
        self.tone = tone
        self.geometry = network_geometry(info, short_side_px)
        size = (self.geometry.width_px, self.geometry.height_px)
        self._info, self._plan, self._amount, self._upsampling = info, plan, amount, upsampling
        # A merger has work arrays of its own, so each thread gets one. Making the first one here refuses early.
        self._mine = threading.local()
        self._mine.joiner = _joiner(info, plan, size, upsampling)

    def make_proxy(self, frame: SourceFrame) -> NDArray[np.uint16]:
        """(H, W) luma for the network, 0 = black, 65535 = white."""
        return neutral_proxy_of(self._info, self.geometry, self.tone, frame)

    def merge(self, frame: SourceFrame, color: ColorPlanes) -> Merged:
        """The frame in colour, in the plan's pixel format. Its Y' is the film's."""
        ab, amount = self.tone.toned(color.ab, self._amount, partial(proxy_of, self._info, self.geometry, frame))
        planes, limited = self._joiner().join(frame, ab, amount)
        merged = OutputFrame(
            number=frame.number,
            pts=frame.pts,
            duration=frame.duration,
            time_base=frame.time_base,
            planes=planes,
            alpha=self._alpha(frame),
        )
        return Merged(merged, limited)

    def _joiner(self) -> "_Joiner":
        if not hasattr(self._mine, "joiner"):
            size = (self.geometry.width_px, self.geometry.height_px)
            self._mine.joiner = _joiner(self._info, self._plan, size, self._upsampling)
        joiner: _Joiner = self._mine.joiner
        return joiner

    def _alpha(self, frame: SourceFrame) -> Samples | None:
        if frame.alpha is None or not self._plan.pixel_format.has_alpha:
            return None
        # Alpha is full range in every format.
        return requantise_luma(frame.alpha, self._info.pixel_format.bits, self._plan.pixel_format.bits, Range.FULL)


Joined = tuple[tuple[Samples, ...], int]
"""The output's planes, and how many samples lost saturation."""


class _Joiner(ABC):
    """One of the four ways from a frame and its chroma to the output's planes."""

    @abstractmethod
    def join(self, frame: SourceFrame, ab: Ab, amount: float) -> Joined: ...


class _BesideLuma(_Joiner):
    """Gray or Y'CbCr to Y'CbCr."""

    def __init__(self, merger: ChromaMerger, source: PixelFormat, target: PixelFormat, range_: Range) -> None:
        self._merger, self._bits, self._target_bits, self._range = merger, source.bits, target.bits, range_

    def join(self, frame: SourceFrame, ab: Ab, amount: float) -> Joined:
        luma = frame.planes[0]
        merged = self._merger.merge(luma, ab, amount)
        kept = requantise_luma(luma, self._bits, self._target_bits, self._range)
        return (kept, merged.cb, merged.cr), merged.limited_samples


class _InRgb(_Joiner):
    """R'G'B' to R'G'B'."""

    def __init__(self, merger: ChromaMerger) -> None:
        self._merger = merger

    def join(self, frame: SourceFrame, ab: Ab, amount: float) -> Joined:
        merged = self._merger.merge_rgb((frame.planes[0], frame.planes[1], frame.planes[2]), ab, amount)
        return merged.planes, merged.limited_pixels


class _FromRgb(_Joiner):
    """R'G'B' to Y'CbCr."""

    def __init__(
        self, merger: ChromaMerger, source: PixelFormat, encoding: ColourEncoding, target: PixelFormat, range_: Range
    ) -> None:
        self._merger, self._bits, self._encoding = merger, source.bits, encoding
        self._target, self._scale = target, code_scale(target.bits, range_)

    def join(self, frame: SourceFrame, ab: Ab, amount: float) -> Joined:
        luma = luma_of_rgb(frame.planes, self._bits, self._encoding.matrix, self._encoding.range)
        scale = self._scale
        codes = np.rint(luma * np.float32(scale.luma_span) + np.float32(scale.luma_black))
        rounded = np.clip(codes, 0, scale.max_code).astype(self._target.dtype)
        merged = self._merger.merge(rounded, ab, amount)
        return (rounded, merged.cb, merged.cr), merged.limited_samples


class _ToRgb(_Joiner):
    """Gray or Y'CbCr to R'G'B'."""

    def __init__(self, merger: ChromaMerger, source: PixelFormat, range_: Range) -> None:
        self._merger, self._scale = merger, code_scale(source.bits, range_)

    def join(self, frame: SourceFrame, ab: Ab, amount: float) -> Joined:
        scale = self._scale
        level = (frame.planes[0].astype(np.float32) - np.float32(scale.luma_black)) * np.float32(
            65535 / scale.luma_span
        )
        neutral = np.clip(np.rint(level), 0, 65535).astype(np.uint16)
        merged = self._merger.merge_rgb((neutral, neutral, neutral), ab, amount)
        return merged.planes, merged.limited_pixels


def _joiner(info: SourceInfo, plan: OutputPlan, proxy: tuple[int, int], upsampling: Upsampling) -> _Joiner:
    source, target = info.pixel_format, plan.pixel_format
    from_rgb, to_rgb = source.family is Family.RGB, target.family is Family.RGB

    def merger(taken: PixelFormat, encoding: ColourEncoding) -> ChromaMerger:
        return ChromaMerger(
            source=taken,
            target=target,
            encoding=encoding,
            siting=plan.siting or Siting.LEFT,
            size=(info.width_px, info.height_px),
            proxy_size=proxy,
            upsampling=upsampling,
        )

    if from_rgb and to_rgb:
        return _InRgb(merger(source, info.encoding))
    if from_rgb:
        luma = PixelFormat(name=target.name, family=Family.GRAY, bits=target.bits)
        return _FromRgb(merger(luma, plan.encoding), source, info.encoding, target, plan.encoding.range)
    if to_rgb:
        full = replace(info.encoding, range=Range.FULL)
        return _ToRgb(merger(_WIDE_RGB, full), source, info.encoding.range)
    return _BesideLuma(merger(source, info.encoding), source, target, info.encoding.range)
