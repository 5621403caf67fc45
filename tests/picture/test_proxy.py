"""Size and values of the proxy."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinemacolor.colour.encoding import Matrix, Range
from kinemacolor.colour.matrix import code_scale, luma_weights
from kinemacolor.picture.proxy import (
    MAX_ASPECT,
    QUALITY_SHORT_SIDE_PX,
    luma_of_rgb,
    make_proxy,
    make_proxy_rgb,
    proxy_size,
    widen,
)


@pytest.mark.parametrize(
    ("size", "short", "aspect", "expected"),
    [
        ((1920, 1080), 256, Fraction(1), (455, 256)),
        ((3840, 2160), 288, Fraction(1), (512, 288)),
        ((1080, 1920), 256, Fraction(1), (256, 455)),
        ((720, 576), 192, Fraction(16, 15), (256, 192)),
        ((720, 480), 192, Fraction(8, 9), (256, 192)),
        ((1440, 1080), 256, Fraction(4, 3), (455, 256)),
        ((100, 80), 256, Fraction(1), (100, 80)),
        ((100, 80), 256, Fraction(2), (100, 40)),
        ((100, 80), 256, Fraction(1, 2), (50, 80)),
        ((1, 1), 256, Fraction(1), (1, 1)),
        ((20000, 100), 256, Fraction(1), (1024, 5)),
        ((3, 60000), 192, Fraction(1), (1, 768)),
    ],
)
def test_size(size: tuple[int, int], short: int, aspect: Fraction, expected: tuple[int, int]) -> None:
    assert proxy_size(*size, short, aspect) == expected


@given(
    st.integers(1, 20000),
    st.integers(1, 20000),
    st.sampled_from(list(QUALITY_SHORT_SIDE_PX.values())),
    st.fractions(Fraction(1, 4), 4, max_denominator=60),
)
def test_size_is_bounded_and_never_enlarges(width: int, height: int, short: int, aspect: Fraction) -> None:
    proxy_width, proxy_height = proxy_size(width, height, short, aspect)
    assert 1 <= proxy_width <= width
    assert 1 <= proxy_height <= height
    assert min(proxy_width, proxy_height) <= short
    assert max(proxy_width, proxy_height) <= MAX_ASPECT * short
    shown = Fraction(width) * aspect / height
    if min(proxy_width, proxy_height) >= 64:
        assert proxy_width / proxy_height == pytest.approx(float(shown), rel=0.02)


@pytest.mark.parametrize("bad", [(0, 4, 8), (4, 0, 8), (4, 4, 0), (-1, 4, 8)])
def test_sizes_that_are_not_positive_are_refused(bad: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="expected positive"):
        proxy_size(*bad)


def exact_area_mean(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Mean over the area of each output sample, by weights that are overlaps of intervals."""

    def overlaps(source: int, target: int) -> np.ndarray:
        edges = np.arange(target + 1) * source / target
        low = np.maximum(edges[:-1, None], np.arange(source)[None])
        high = np.minimum(edges[1:, None], np.arange(source)[None] + 1)
        return np.clip(high - low, 0, None) * target / source

    height, width = plane.shape
    return overlaps(height, size[1]) @ plane @ overlaps(width, size[0]).T


def codes(shape: tuple[int, int], bits: int, seed: int = 0) -> np.ndarray:
    top = (1 << bits) - 1
    dtype = np.uint8 if bits <= 8 else np.uint16
    return np.random.default_rng(seed).integers(0, top, shape, endpoint=True).astype(dtype)


@pytest.mark.parametrize("range_", list(Range))
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize(
    ("shape", "size"),
    [((45, 80), (26, 15)), ((31, 47), (31, 9)), ((1, 1), (1, 1)), ((1, 50), (7, 1)), ((9, 9), (9, 9))],
)
def test_values_are_the_area_mean(range_: Range, bits: int, shape: tuple[int, int], size: tuple[int, int]) -> None:
    luma = codes(shape, bits)
    scale = code_scale(bits, range_)
    mean = exact_area_mean(luma.astype(np.float64), size)
    expected = np.clip((mean - scale.luma_black) / scale.luma_span, 0, 1) * 65535
    proxy = make_proxy(luma, bits, range_, size)
    assert proxy.shape == (size[1], size[0])
    assert proxy.dtype == np.uint16
    # The mean is rounded to 16-bit codes before it is stretched to the full range.
    assert np.abs(proxy - expected).max() <= 1.7


def test_large_pictures_are_the_area_mean_but_for_border_pixels() -> None:
    random = np.random.default_rng(3)
    smooth = cv2.GaussianBlur(random.normal(128, 400, (540, 960)), (0, 0), 3)
    luma = np.clip(smooth, 0, 255).astype(np.uint8)
    expected = exact_area_mean(luma.astype(np.float64), (228, 128)) * 257
    proxy = make_proxy(luma, 8, Range.FULL, (228, 128))
    # The 2 x 2 means cut border pixels coarser. Measured on a picture as rough as this: 3.5 % of its contrast.
    assert np.std(proxy - expected) < 0.04 * np.std(expected)
    assert proxy.mean() == pytest.approx(expected.mean(), abs=8)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("range_", list(Range))
def test_black_is_0_and_white_is_65535(bits: int, range_: Range) -> None:
    scale = code_scale(bits, range_)
    for code, value in ((scale.luma_black, 0), (scale.luma_white, 65535), (0, 0), (scale.max_code, 65535)):
        luma = np.full((16, 24), code, dtype=np.uint8 if bits == 8 else np.uint16)
        assert np.all(make_proxy(luma, bits, range_, (6, 4)) == value)


def test_depths_agree() -> None:
    luma = codes((90, 160), 8)
    eight = make_proxy(luma, 8, Range.LIMITED, (57, 32))
    for bits in (10, 12, 16):
        deeper = luma.astype(np.uint16) << (bits - 8)
        assert np.array_equal(make_proxy(deeper, bits, Range.LIMITED, (57, 32)), eight)


def test_strided_views_give_the_same_bytes() -> None:
    luma = codes((120, 200), 8)
    padded = np.zeros((130, 256), dtype=np.uint8)
    padded[4:124, 3:203] = luma
    upside_down = luma[::-1].copy()[::-1]
    every_second = np.repeat(luma, 2, axis=1)[:, ::2]
    expected = make_proxy(luma, 8, Range.LIMITED, (50, 30))
    for view in (padded[4:124, 3:203], upside_down, every_second):
        assert np.array_equal(make_proxy(view, 8, Range.LIMITED, (50, 30)), expected)


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("shape", [(1080, 1920), (577, 1023)])
def test_bytes_do_not_depend_on_threads(bits: int, shape: tuple[int, int]) -> None:
    luma = codes(shape, bits)
    size = proxy_size(shape[1], shape[0], 256)
    before = cv2.getNumThreads()
    try:
        results = []
        for threads in (1, 2, 3, 8):
            cv2.setNumThreads(threads)
            results.append(make_proxy(luma, bits, Range.LIMITED, size).tobytes())
    finally:
        cv2.setNumThreads(before)
    assert len(set(results)) == 1


def test_widening_is_exact() -> None:
    luma = codes((7, 9), 10)
    assert np.array_equal(widen(luma, 10), luma << 6)


@pytest.mark.parametrize("matrix", [Matrix.BT709, Matrix.SMPTE170M, Matrix.BT2020_NCL])
@pytest.mark.parametrize("range_", list(Range))
@pytest.mark.parametrize("bits", [8, 10, 16])
def test_luma_of_rgb(matrix: Matrix, range_: Range, bits: int) -> None:
    planes = tuple(codes((9, 13), bits, seed) for seed in range(3))
    scale = code_scale(bits, range_)
    parts = [w * (p.astype(float) - scale.luma_black) for p, w in zip(planes, luma_weights(matrix), strict=True)]
    luma = luma_of_rgb(planes, bits, matrix, range_)
    assert luma.dtype == np.float32
    assert luma == pytest.approx(sum(parts) / scale.luma_span, abs=1e-6)


def test_rgb_of_a_gray_picture_has_the_proxy_of_the_gray_picture() -> None:
    gray = codes((72, 128), 10)
    expected = make_proxy(gray, 10, Range.FULL, (64, 36)).astype(int)
    proxy = make_proxy_rgb((gray, gray, gray), 10, Matrix.BT709, Range.FULL, (64, 36))
    assert np.abs(proxy - expected).max() <= 1


@pytest.mark.parametrize(("shape", "size"), [((4, 4), (5, 4)), ((4, 4), (4, 5)), ((4, 4), (0, 1)), ((4, 4, 3), (2, 2))])
def test_wrong_shapes_are_refused(shape: tuple[int, ...], size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="expected a plane"):
        make_proxy(np.zeros(shape, dtype=np.uint8), 8, Range.FULL, size)


def test_rgb_planes_of_different_sizes_are_refused() -> None:
    planes = (codes((4, 4), 8), codes((4, 4), 8), codes((4, 5), 8))
    with pytest.raises(ValueError, match="three planes of one size"):
        luma_of_rgb(planes, 8, Matrix.BT709, Range.FULL)


def test_presets() -> None:
    assert dict(QUALITY_SHORT_SIDE_PX) == {"draft": 192, "standard": 256, "high": 288}
