"""All four ways from a source's samples to an output's: luma is the source's, chroma is there."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from kinemacolor.colour.encoding import ColourEncoding, Matrix, Primaries, Range, Transfer
from kinemacolor.media.types import FieldOrder, OutputPlan, SourceFrame, SourceInfo
from kinemacolor.picture.merge import requantise_luma
from kinemacolor.picture.pixel import Family, PixelFormat
from kinemacolor.render.colouring import Colouring
from kinemacolor.wire.frame import ColorPlanes, FrameNumber

WIDTH, HEIGHT = 40, 26
WEIGHTS = np.array([0.2126, 0.7152, 0.0722])


def form(family, bits, log2=0, alpha=False):
    return PixelFormat(
        name="-", family=family, bits=bits, log2_chroma_w=log2, log2_chroma_h=log2, has_alpha=alpha
    )  # fmt: skip


def encoding(range_):
    return ColourEncoding(
        matrix=Matrix.BT709, range=range_, transfer=Transfer.BT709, primaries=Primaries.BT709
    )  # fmt: skip


def made(source, target, source_range=Range.LIMITED, target_range=None):
    info = SourceInfo(
        path=Path("in"), container="-", codec="-", pixel_format=source, coded_format="-", width_px=WIDTH,
        height_px=HEIGHT, encoding=encoding(source_range), siting=None, sample_aspect_ratio=Fraction(1),
        rotation_degrees=0, field_order=FieldOrder.PROGRESSIVE, frame_rate=Fraction(25), time_base=Fraction(1, 25),
        duration_seconds=None, frame_count=None, timecode=None,
    )  # fmt: skip
    plan = OutputPlan(
        path=Path("out"), source=info, container="-", codec="-", codec_options=(), pixel_format=target,
        encoding=replace(info.encoding, range=target_range or source_range), siting=None, lossless=True, threads=1,
        segment_frames=240, time_base=Fraction(1, 25), time_exact=True, copied_tracks=(), dropped_tracks=(),
    )  # fmt: skip
    return Colouring(info, plan, 24, 1.0)


def frame_of(source, seed=1):
    random = np.random.default_rng(seed)
    low, high = source.max_code // 6, source.max_code * 5 // 6
    luma = random.integers(low, high, (HEIGHT, WIDTH)).astype(source.dtype)
    planes = (luma, luma, luma) if source.family is Family.RGB else (luma,)
    alpha = random.integers(0, source.max_code + 1, luma.shape).astype(source.dtype) if source.has_alpha else None
    return SourceFrame(number=3, pts=7, duration=1, time_base=Fraction(1, 25), planes=planes, alpha=alpha)


def colour_of(colouring):
    size = (colouring.geometry.height_px, colouring.geometry.width_px)
    ab = np.stack([np.full(size, 20 * 256), np.full(size, -15 * 256)]).astype(np.int16)
    return ColorPlanes(
        frame_number=FrameNumber(3), ab=ab, shot_start=False, provisional=False, durable_through=None,
        queue_us=0, network_us=0, temporal_us=0,
    )  # fmt: skip


@pytest.mark.parametrize("family", [Family.GRAY, Family.YUV])
@pytest.mark.parametrize("range_", list(Range))
@pytest.mark.parametrize(("bits", "target_bits"), [(8, 8), (8, 10), (10, 10), (16, 16), (12, 8)])
def test_luma_goes_beside_chroma_untouched(family, range_, bits, target_bits):
    source, target = form(family, bits), form(Family.YUV, target_bits, log2=1)
    colouring = made(source, target, range_)
    frame = frame_of(source)
    out = colouring.merge(frame, colour_of(colouring)).frame
    assert np.array_equal(out.planes[0], requantise_luma(frame.planes[0], bits, target_bits, range_))
    if bits == target_bits:
        assert out.planes[0] is frame.planes[0]
    assert [plane.shape for plane in out.planes[1:]] == [(HEIGHT // 2, WIDTH // 2)] * 2
    assert abs(out.planes[1].astype(float).mean() - (1 << target_bits - 1)) > 1
    assert (out.number, out.pts, out.duration, out.time_base) == (3, 7, 1, Fraction(1, 25))


@pytest.mark.parametrize("bits", [8, 10, 16])
def test_rgb_keeps_luma_within_half_a_code(bits):
    source = form(Family.RGB, bits)
    colouring = made(source, source, Range.FULL)
    frame = frame_of(source)
    out = np.stack(colouring.merge(frame, colour_of(colouring)).frame.planes).astype(float)
    assert np.abs(np.tensordot(WEIGHTS, out, 1) - frame.planes[0]).max() <= 0.5 + 1e-3
    assert np.abs(out[0] - out[1]).max() > 1


def test_rgb_to_yuv_rounds_luma_once():
    source, target = form(Family.RGB, 8), form(Family.YUV, 10, log2=1)
    colouring = made(source, target, Range.FULL, Range.LIMITED)
    frame = frame_of(source)
    out = colouring.merge(frame, colour_of(colouring)).frame
    exact = frame.planes[0] / 255 * 876 + 64
    assert np.abs(out.planes[0] - exact).max() <= 0.5 + 1e-3


@pytest.mark.parametrize(("bits", "target_bits"), [(8, 8), (10, 16), (16, 16)])
def test_grey_to_rgb_keeps_luma_within_half_a_code(bits, target_bits):
    source, target = form(Family.GRAY, bits), form(Family.RGB, target_bits)
    colouring = made(source, target, Range.LIMITED, Range.FULL)
    frame = frame_of(source)
    out = np.stack(colouring.merge(frame, colour_of(colouring)).frame.planes).astype(float)
    unit = 1 << (bits - 8)
    level = np.clip((frame.planes[0].astype(float) - 16 * unit) / (219 * unit), 0, 1)
    # Half a code for the rounding of R'G'B', and half a 16-bit one for the neutral picture before.
    allowed = 0.5 + 0.5 * target.max_code / 65535 + 1e-3 * target.max_code / 255
    assert np.abs(np.tensordot(WEIGHTS, out, 1) - level * target.max_code).max() <= allowed


def test_alpha_is_full_range_in_every_depth():
    source, target = form(Family.YUV, 8, alpha=True), form(Family.YUV, 16, alpha=True)
    colouring = made(source, target)
    frame = frame_of(source)
    out = colouring.merge(frame, colour_of(colouring)).frame
    assert np.array_equal(out.alpha, frame.alpha.astype(np.uint16) * 257)


def test_a_target_without_alpha_gets_none():
    source = form(Family.YUV, 8, alpha=True)
    colouring = made(source, form(Family.YUV, 8))
    assert colouring.merge(frame_of(source), colour_of(colouring)).frame.alpha is None


def test_proxies_of_grey_and_of_the_same_grey_as_rgb_agree():
    grey, rgb = form(Family.GRAY, 8), form(Family.RGB, 8)
    frame = frame_of(grey)
    as_rgb = replace(frame, planes=(frame.planes[0],) * 3)
    one = made(grey, form(Family.YUV, 8), Range.FULL).make_proxy(frame)
    other = made(rgb, rgb, Range.FULL).make_proxy(as_rgb)
    assert np.abs(one.astype(int) - other).max() <= 260  # proxies of 8-bit planes are averaged in 16 bits
