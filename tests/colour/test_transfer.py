"""Transfer functions against colour-science."""

import numpy as np
import pytest

import colour
from kinemacolor.colour.encoding import Transfer
from kinemacolor.colour.transfer import HDR_DIFFUSE_WHITE_NITS, from_linear, to_linear

SIGNAL = np.linspace(0, 1, 1001)
DISPLAYED_BY_BT1886 = (
    Transfer.BT709,
    Transfer.SMPTE170M,
    Transfer.SMPTE240M,
    Transfer.BT2020_10,
    Transfer.BT2020_12,
)


@pytest.mark.parametrize("transfer", DISPLAYED_BY_BT1886)
def test_camera_tags_are_displayed_by_bt1886(transfer: Transfer) -> None:
    expected = colour.models.eotf_BT1886(SIGNAL, L_B=0, L_W=1)
    assert to_linear(SIGNAL, transfer) == pytest.approx(expected, abs=1e-12)


def test_srgb() -> None:
    assert to_linear(SIGNAL, Transfer.SRGB) == pytest.approx(colour.models.eotf_sRGB(SIGNAL), abs=2e-8)


def test_pq_is_relative_to_diffuse_white() -> None:
    nits = to_linear(SIGNAL, Transfer.PQ) * HDR_DIFFUSE_WHITE_NITS
    assert nits == pytest.approx(colour.models.eotf_ST2084(SIGNAL), rel=1e-9, abs=1e-9)


def test_hlg_neutrals_on_a_display_of_1000_nits() -> None:
    nits = to_linear(SIGNAL, Transfer.HLG) * HDR_DIFFUSE_WHITE_NITS
    neutral = np.repeat(SIGNAL[:, None], 3, axis=1)
    expected = colour.models.eotf_BT2100_HLG(neutral, L_B=0, L_W=1000, gamma=1.2)[:, 0]
    assert nits == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_three_quarters_of_hlg_are_diffuse_white() -> None:
    # BT.2408-7, table 1: diffuse white is 75 %HLG and 58 %PQ.
    assert to_linear(np.array([0.75]), Transfer.HLG) == pytest.approx(1.0, abs=2e-3)
    assert to_linear(np.array([0.5807]), Transfer.PQ) == pytest.approx(1.0, abs=2e-3)


@pytest.mark.parametrize(
    ("transfer", "gamma"), [(Transfer.GAMMA22, 2.2), (Transfer.GAMMA28, 2.8), (Transfer.LINEAR, 1)]
)
def test_pure_powers(transfer: Transfer, gamma: float) -> None:
    assert to_linear(SIGNAL, transfer) == pytest.approx(SIGNAL**gamma)


@pytest.mark.parametrize("transfer", list(Transfer))
def test_round_trip(transfer: Transfer) -> None:
    # PQ's own constants leave 1e-6 of the signal at exact black (ST 2084).
    assert from_linear(to_linear(SIGNAL, transfer), transfer) == pytest.approx(SIGNAL, abs=2e-6)


@pytest.mark.parametrize("transfer", list(Transfer))
def test_precision_is_kept_and_darkness_has_no_negative(transfer: Transfer) -> None:
    for dtype in (np.float32, np.float64):
        for function in (to_linear, from_linear):
            result = function(np.array([-0.5, 0.0, 0.5], dtype=dtype), transfer)
            assert result.dtype == dtype
            assert result.min() >= 0


@pytest.mark.parametrize("transfer", list(Transfer))
def test_more_signal_is_more_light(transfer: Transfer) -> None:
    assert np.all(np.diff(to_linear(SIGNAL, transfer)) > 0)


@pytest.mark.parametrize("transfer", list(Transfer))
def test_input_is_left_alone(transfer: Transfer) -> None:
    signal = SIGNAL.copy()
    to_linear(signal, transfer)
    from_linear(signal, transfer)
    assert np.array_equal(signal, SIGNAL)
