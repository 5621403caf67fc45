"""The L* table."""

import numpy as np
import pytest
import skimage.color

import colour
from kinemacolor.colour.encoding import Transfer
from kinemacolor.colour.lightness import lightness_table


@pytest.mark.parametrize("transfer", list(Transfer))
def test_shape_range_and_order(transfer: Transfer) -> None:
    table = lightness_table(transfer)
    assert table.shape == (65536,)
    assert table.dtype == np.float32
    assert table[0] == 0
    assert table[-1] == pytest.approx(100, abs=1e-4)
    assert np.all(np.diff(table) >= 0)


def test_srgb_is_that_of_scikit_image() -> None:
    gray = np.repeat((np.arange(256) / 255)[:, None], 3, axis=1)
    assert lightness_table(Transfer.SRGB)[::257] == pytest.approx(skimage.color.rgb2lab(gray)[:, 0], abs=1e-4)


def test_bt709_is_bt1886_then_cie() -> None:
    luminance = colour.models.eotf_BT1886(np.arange(256) / 255, L_B=0, L_W=1)
    expected = colour.colorimetry.lightness_CIE1976(luminance * 100, 100)
    assert lightness_table(Transfer.BT709)[::257] == pytest.approx(expected, abs=1e-4)


def test_hdr_highlights_are_clipped_at_diffuse_white() -> None:
    table = lightness_table(Transfer.PQ)
    assert table[round(0.57 * 65535)] < 100
    assert table[round(0.59 * 65535)] == 100
