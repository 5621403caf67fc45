"""Joint bilateral upsampling: its formula, its limit, and what it does at an edge."""

import cv2
import numpy as np
import pytest

from kinemacolor.colour.encoding import Siting
from kinemacolor.picture.joint_bilateral import JointBilateralUpsampler

PROXY, LUMA = (9, 7), (36, 28)


def planes(seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    chroma = random.normal(0, 0.1, (2, PROXY[1], PROXY[0])).astype(np.float32)
    luma = random.random((LUMA[1], LUMA[0])).astype(np.float32)
    return chroma, cv2.resize(luma, PROXY, interpolation=cv2.INTER_AREA), luma


def by_hand(chroma: np.ndarray, proxy: np.ndarray, luma: np.ndarray, y: int, x: int) -> np.ndarray:
    """The formula of the module for one sample, in float64."""
    place = [(at + 0.5) * PROXY[axis] / LUMA[axis] - 0.5 for axis, at in ((1, y), (0, x))]
    sums, weights, blurred, distances, linear = np.zeros(2), 0.0, np.zeros(2), 0.0, np.zeros(2)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            row, column = round(place[0]) + down, round(place[1]) + right
            at = min(max(row, 0), PROXY[1] - 1), min(max(column, 0), PROXY[0] - 1)
            away = (row - place[0]) ** 2 + (column - place[1]) ** 2
            near = np.exp(-away / (2 * 0.7**2))
            like = near * np.exp(-((proxy[at] - luma[y, x]) ** 2) / (2 * 0.15**2))
            tent = max(0.0, 1 - abs(row - place[0])) * max(0.0, 1 - abs(column - place[1]))
            sums, weights = sums + like * chroma[:, *at], weights + like
            blurred, distances = blurred + near * chroma[:, *at], distances + near
            linear = linear + tent * chroma[:, *at]
    return linear + sums / weights - blurred / distances


def test_every_sample_is_that_of_the_formula() -> None:
    chroma, proxy, luma = planes()
    result = JointBilateralUpsampler(proxy_size=PROXY, luma_size=LUMA).upsample(chroma, proxy, luma)
    for y in range(LUMA[1]):
        for x in range(LUMA[0]):
            assert np.allclose(result[:, y, x], by_hand(chroma, proxy, luma, y, x), atol=1e-4), (y, x)


def test_it_is_bilinear_in_the_limit() -> None:
    chroma, proxy, luma = planes()
    bilinear = np.stack([cv2.resize(plane, LUMA, interpolation=cv2.INTER_LINEAR) for plane in chroma])
    errors = []
    for sigma in (0.3, 3.0, 30.0, np.inf):
        upsampler = JointBilateralUpsampler(proxy_size=PROXY, luma_size=LUMA, sigma_luma=sigma)
        errors.append(float(np.abs(upsampler.upsample(chroma, proxy, luma) - bilinear).max()))
    assert errors[0] > errors[1] > errors[2]
    assert errors[3] < 1e-6


def test_luma_that_is_unlike_all_around_it_gets_the_bilinear_colour() -> None:
    chroma, _, _ = planes()
    proxy, luma = np.zeros((PROXY[1], PROXY[0]), np.float32), np.ones((LUMA[1], LUMA[0]), np.float32)
    upsampler = JointBilateralUpsampler(proxy_size=PROXY, luma_size=LUMA, sigma_luma=0.05)
    bilinear = np.stack([cv2.resize(plane, LUMA, interpolation=cv2.INTER_LINEAR) for plane in chroma])
    assert np.allclose(upsampler.upsample(chroma, proxy, luma), bilinear, atol=1e-5)


def test_colour_follows_an_edge_that_the_proxy_only_suggests() -> None:
    luma = np.full((LUMA[1], LUMA[0]), 0.2, np.float32)
    luma[:, 18:] = 0.8  # in the middle of the proxy's fifth column
    proxy = cv2.resize(luma, PROXY, interpolation=cv2.INTER_AREA)
    truth = np.stack([(luma - 0.5) * 0.5, (0.5 - luma) * 0.3])
    chroma = np.stack([cv2.resize(plane, PROXY, interpolation=cv2.INTER_AREA) for plane in truth])
    found = JointBilateralUpsampler(proxy_size=PROXY, luma_size=LUMA).upsample(chroma, proxy, luma)
    bilinear = np.stack([cv2.resize(plane, LUMA, interpolation=cv2.INTER_LINEAR) for plane in chroma])
    assert np.abs(found - truth).mean() < 0.6 * np.abs(bilinear - truth).mean()


def test_what_is_not_enlarged_stays_as_it_is() -> None:
    random = np.random.default_rng(3)
    chroma, luma = random.normal(0, 0.1, (2, 28, 36)).astype(np.float32), random.random((28, 36)).astype(np.float32)
    found = JointBilateralUpsampler(proxy_size=LUMA, luma_size=LUMA).upsample(chroma, luma, luma)
    assert np.allclose(found, chroma, atol=1e-6)


def test_a_proxy_finer_than_the_chroma_grid_is_averaged() -> None:
    stripes = np.tile(np.array([0.2, -0.2], np.float32), (28, 18))
    chroma, luma = np.stack([stripes, -stripes]), np.full((28, 36), 0.5, np.float32)
    for siting in (Siting.LEFT, Siting.CENTER):
        upsampler = JointBilateralUpsampler(
            proxy_size=LUMA, luma_size=LUMA, log2_chroma_w=1, log2_chroma_h=1, siting=siting
        )
        found = upsampler.upsample(chroma, luma, np.full(upsampler.chroma_size[::-1], 0.5, np.float32))
        assert np.abs(found).max() < 1e-6


def test_bands_are_parts_of_the_whole() -> None:
    chroma, proxy, _ = planes()
    upsampler = JointBilateralUpsampler(
        proxy_size=PROXY, luma_size=(36, 27), log2_chroma_w=1, log2_chroma_h=1, siting=Siting.TOPLEFT
    )
    luma = np.random.default_rng(2).random(upsampler.chroma_size[::-1]).astype(np.float32)
    whole = upsampler.upsample(chroma, proxy, luma)
    for rows in (slice(0, 5), slice(5, 14)):
        assert np.allclose(upsampler.band(chroma, proxy, luma[rows], rows), whole[:, rows], atol=1e-6)


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan")])
def test_a_width_that_is_none_is_refused(sigma: float) -> None:
    with pytest.raises(ValueError, match="sigma_luma above 0"):
        JointBilateralUpsampler(proxy_size=PROXY, luma_size=LUMA, sigma_luma=sigma)
