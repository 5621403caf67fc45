"""Primaries and CIELAB against colour-science and scikit-image."""

import numpy as np
import pytest
import skimage.color

import colour
from kinemacolor.colour.encoding import Primaries, Transfer
from kinemacolor.colour.lab import (
    D65_XY,
    lab_function,
    lab_inverse,
    lab_to_linear_rgb,
    linear_rgb_to_lab,
    rgb_to_relative_xyz,
)
from kinemacolor.colour.transfer import to_linear

SPACES = {
    Primaries.BT709: "ITU-R BT.709",
    Primaries.BT470BG: "ITU-R BT.470 - 625",
    Primaries.SMPTE170M: "SMPTE C",
    Primaries.SMPTE240M: "SMPTE 240M",
    Primaries.BT2020: "ITU-R BT.2020",
    Primaries.DISPLAY_P3: "Display P3",
}
RGB = np.random.default_rng(2).random((3, 400))


@pytest.mark.parametrize(("primaries", "name"), SPACES.items())
def test_matrix_is_that_of_colour_science(primaries: Primaries, name: str) -> None:
    space = colour.RGB_COLOURSPACES[name]
    white = colour.xy_to_XYZ(D65_XY)
    expected = colour.normalised_primary_matrix(space.primaries, D65_XY) / white[:, None]
    assert rgb_to_relative_xyz(primaries) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("primaries", list(Primaries))
def test_white_is_neutral(primaries: Primaries) -> None:
    gray = np.repeat(np.linspace(0, 1, 101)[None], 3, axis=0)
    lightness, a, b = linear_rgb_to_lab(gray, primaries)
    assert np.abs(a).max() < 1e-10
    assert np.abs(b).max() < 1e-10
    assert lightness[0] == pytest.approx(0)
    assert lightness[-1] == pytest.approx(100)


@pytest.mark.parametrize(("primaries", "name"), SPACES.items())
def test_lab_is_that_of_colour_science(primaries: Primaries, name: str) -> None:
    space = colour.RGB_COLOURSPACES[name]
    to_xyz = colour.normalised_primary_matrix(space.primaries, D65_XY)
    expected = colour.XYZ_to_Lab(RGB.T @ to_xyz.T, D65_XY).T
    assert linear_rgb_to_lab(RGB, primaries) == pytest.approx(expected, abs=1e-9)


def test_srgb_lab_is_that_of_scikit_image() -> None:
    signal = np.random.default_rng(3).random((3, 400))
    ours = linear_rgb_to_lab(to_linear(signal, Transfer.SRGB), Primaries.BT709)
    # scikit-image has the matrix and the white point printed to six and five digits.
    assert ours == pytest.approx(skimage.color.rgb2lab(signal.T).T, abs=0.02)


@pytest.mark.parametrize("primaries", list(Primaries))
def test_round_trip(primaries: Primaries) -> None:
    assert lab_to_linear_rgb(linear_rgb_to_lab(RGB, primaries), primaries) == pytest.approx(RGB, abs=1e-12)


def test_both_branches_of_the_lab_function_meet() -> None:
    ratio = np.linspace(-0.02, 0.05, 2001)
    value = lab_function(ratio)
    assert lab_inverse(value) == pytest.approx(ratio, abs=1e-12)
    assert np.abs(np.diff(value, 2)).max() < 1e-5  # neither a step nor a corner


def test_tables_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        rgb_to_relative_xyz(Primaries.BT709)[0, 0] = 1
