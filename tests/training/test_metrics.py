"""Metrics of kinemacolor.evaluation against published pairs, scikit-image and cases with a known answer."""

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000

from kinemacolor.evaluation.metrics import cdc, ciede2000, colourfulness, psnr, warp_error

# Sharma, Wu, Dalal 2005, table 1: pairs that catch the usual mistakes with hue angles.
SHARMA = [
    ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
    ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0),
    ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
    ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0009), 7.1792),
    ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0011), 7.2195),
    ((50.0, 2.5, 0.0), (50.0, 0.0, -2.5), 4.3065),
    ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.694), (23.0331, 14.973, -42.5619), 2.0373),
]


@pytest.mark.parametrize(("a", "b", "expected"), SHARMA)
def test_ciede2000_of_the_published_pairs(a: tuple[float, ...], b: tuple[float, ...], expected: float) -> None:
    assert float(ciede2000(np.array(a), np.array(b))) == pytest.approx(expected, abs=1e-4)
    assert float(ciede2000(np.array(b), np.array(a))) == pytest.approx(expected, abs=1e-4)


def test_ciede2000_agrees_with_skimage() -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.uniform((0, -80, -80), (100, 80, 80), (40, 50, 3)) for _ in range(2))
    np.testing.assert_allclose(ciede2000(a, b), deltaE_ciede2000(a, b), atol=1e-6)


def test_psnr() -> None:
    grey = np.full((4, 4, 3), 100, dtype=np.uint8)
    assert psnr(grey, grey) == float("inf")
    assert psnr(grey, grey + np.uint8(5)) == pytest.approx(10 * np.log10(255**2 / 25))


def test_grey_has_no_colourfulness() -> None:
    assert colourfulness(np.full((8, 8, 3), 77, dtype=np.uint8)) == 0.0
    blue = np.zeros((8, 8, 3), dtype=np.uint8)
    blue[..., 2] = 255
    assert colourfulness(blue) == pytest.approx(0.3 * 255)


def _moving(count: int = 4, shift_px: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    wide = np.kron(rng.integers(0, 256, (16, 40)), np.ones((6, 6))).astype(np.uint8)
    luma = np.stack([wide[:, shift_px * t : shift_px * t + 128] for t in range(count)])
    return luma, np.stack([luma, luma], axis=-1) / 4.0


def test_colour_that_moves_with_the_picture_costs_little_and_flicker_much() -> None:
    luma, ab = _moving()
    steady = warp_error(ab, luma)
    flicker = ab + np.array([0.0, 10.0, 0.0, 10.0])[:, None, None, None]
    assert warp_error(flicker, luma) > steady + 0.5 * (10 / 128) ** 2
    assert warp_error(np.zeros_like(ab), luma) == 0.0
    assert warp_error(ab[:1], luma[:1]) == 0.0


def test_cdc_sees_change_of_the_histogram_only() -> None:
    still = np.repeat(np.random.default_rng(2).integers(0, 256, (1, 8, 8, 3), dtype=np.uint8), 5, axis=0)
    assert cdc(still) == pytest.approx(0.0, abs=1e-12)
    changed = still.copy()
    changed[::2] = 0
    assert cdc(changed) > 0.1
