"""Luma, chroma and their codes against colour-science and the printed tables of the standards."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import colour
from kinemacolor.colour.encoding import Matrix, Range
from kinemacolor.colour.matrix import (
    chroma_to_code,
    chroma_to_rgb_weights,
    code_scale,
    code_to_chroma,
    code_to_luma,
    luma_to_code,
    luma_weights,
    rgb_to_ycbcr,
    ycbcr_to_rgb,
)

# Not SMPTE 240M: colour-science has 0.2122 and 0.0865 there, H.273 (and FFmpeg) 0.212 and 0.087.
WEIGHTS = {
    Matrix.BT709: "ITU-R BT.709",
    Matrix.SMPTE170M: "ITU-R BT.601",
    Matrix.BT470BG: "ITU-R BT.601",
    Matrix.BT2020_NCL: "ITU-R BT.2020",
}


@pytest.mark.parametrize(("matrix", "name"), WEIGHTS.items())
def test_weights_are_those_of_colour_science(matrix: Matrix, name: str) -> None:
    kr, _, kb = luma_weights(matrix)
    assert (kr, kb) == pytest.approx(tuple(colour.WEIGHTS_YCBCR[name]))


@pytest.mark.parametrize("matrix", list(Matrix))
def test_weights_sum_to_one_and_are_positive(matrix: Matrix) -> None:
    assert sum(luma_weights(matrix)) == pytest.approx(1.0)
    assert min(luma_weights(matrix)) > 0


@pytest.mark.parametrize(("matrix", "name"), WEIGHTS.items())
@pytest.mark.parametrize("range_", list(Range))
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_codes_are_those_of_colour_science(matrix: Matrix, name: str, range_: Range, bits: int) -> None:
    rgb = np.random.default_rng(1).random((3, 500))
    scale = code_scale(bits, range_)
    luma, cb, cr = rgb_to_ycbcr(rgb, matrix)
    ours = np.stack([luma_to_code(luma, scale), chroma_to_code(cb, scale), chroma_to_code(cr, scale)], axis=-1)
    expected = colour.RGB_to_YCbCr(
        rgb.T,
        K=colour.WEIGHTS_YCBCR[name],
        in_bits=bits,
        in_legal=False,
        in_int=False,
        out_bits=bits,
        out_legal=range_ is Range.LIMITED,
        out_int=True,
    )
    assert np.abs(ours.astype(int) - expected).max() <= (0 if range_ is Range.LIMITED else 1)


def test_limited_codes_of_the_standards() -> None:
    # BT.2020-2, table 5: black, white, neutral and the peaks of chroma at 10 and 12 bits.
    for bits, black, white, mid, low, high in ((10, 64, 940, 512, 64, 960), (12, 256, 3760, 2048, 256, 3840)):
        scale = code_scale(bits, Range.LIMITED)
        assert (scale.luma_black, scale.luma_white, scale.chroma_mid) == (black, white, mid)
        assert chroma_to_code(np.array([-0.5, 0.5]), scale).tolist() == [low, high]


def test_full_range_chroma_is_centred_on_its_middle_code() -> None:
    scale = code_scale(8, Range.FULL)
    assert chroma_to_code(np.array([-0.5, 0.0, 0.5]), scale).tolist() == [0, 128, 255]


@given(
    st.sampled_from(list(Matrix)),
    st.lists(st.floats(0, 1), min_size=3, max_size=3),
)
def test_matrix_round_trip(matrix: Matrix, values: list[float]) -> None:
    rgb = np.array(values)[:, None]
    assert ycbcr_to_rgb(rgb_to_ycbcr(rgb, matrix), matrix) == pytest.approx(rgb, abs=1e-12)


@pytest.mark.parametrize("matrix", list(Matrix))
def test_chroma_adds_no_luma(matrix: Matrix) -> None:
    red, green, blue = chroma_to_rgb_weights(matrix)
    kr, kg, kb = luma_weights(matrix)
    assert kg * green[0] + kb * blue == pytest.approx(0)
    assert kg * green[1] + kr * red == pytest.approx(0)


@pytest.mark.parametrize("range_", list(Range))
@pytest.mark.parametrize("bits", [8, 9, 10, 12, 14, 16])
def test_every_code_comes_back(bits: int, range_: Range) -> None:
    scale = code_scale(bits, range_)
    codes = np.arange(scale.max_code + 1, dtype=np.uint16)
    assert np.array_equal(luma_to_code(code_to_luma(codes, scale), scale), codes)
    assert np.array_equal(chroma_to_code(code_to_chroma(codes, scale), scale), codes)


@pytest.mark.parametrize("bits", [0, 7, 17])
def test_unknown_depth_is_refused(bits: int) -> None:
    with pytest.raises(ValueError, match="8 to 16 bits"):
        code_scale(bits, Range.FULL)
