"""Chroma upsampling: phases on a ramp, constants, sizes, quality against bicubic."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from kinemacolor.colour.encoding import Siting
from kinemacolor.picture.joint_bilateral import JointBilateralUpsampler
from kinemacolor.picture.upsample import ChromaUpsampler
from kinemacolor.picture.upsampling import Upsampling, make_upsampler

SUBSAMPLINGS = {"4:4:4": (0, 0), "4:2:2": (1, 0), "4:2:0": (1, 1), "4:4:0": (0, 1), "4:1:1": (2, 0)}


def chroma_places(count: int, step: int, offset: float) -> np.ndarray:
    """Where chroma samples lie along an axis, in luma samples from the left edge of the picture."""
    return np.arange(count) * step + offset


def offsets(siting: Siting, log2_w: int, log2_h: int) -> tuple[float, float]:
    left = siting in (Siting.LEFT, Siting.TOPLEFT, Siting.BOTTOMLEFT)
    x = 0.5 if left or not log2_w else (1 << log2_w) / 2
    y = (1 << log2_h) / 2
    if siting in (Siting.TOPLEFT, Siting.TOP) or not log2_h:
        y = 0.5
    elif siting in (Siting.BOTTOMLEFT, Siting.BOTTOM):
        y = (1 << log2_h) - 0.5
    return x, y


def make(
    luma_size: tuple[int, int],
    proxy: tuple[int, int],
    name: str,
    siting: Siting,
    kind: Upsampling = Upsampling.GUIDED,
) -> ChromaUpsampler | JointBilateralUpsampler:
    log2 = SUBSAMPLINGS[name]
    return make_upsampler(kind, proxy_size=proxy, luma_size=luma_size, log2_chroma=log2, siting=siting)


@pytest.mark.parametrize("kind", list(Upsampling))
@pytest.mark.parametrize("name", SUBSAMPLINGS)
@pytest.mark.parametrize("siting", list(Siting))
@pytest.mark.parametrize(
    ("luma_size", "proxy"), [((192, 96), (48, 24)), ((191, 97), (45, 24)), ((120, 80), (57, 33)), ((64, 48), (64, 48))]
)
def test_a_linear_ramp_arrives_at_the_right_places(
    name: str, siting: Siting, luma_size: tuple[int, int], proxy: tuple[int, int], kind: Upsampling
) -> None:
    upsampler = make(luma_size, proxy, name, siting, kind)
    width, height = upsampler.chroma_size
    log2_w, log2_h = SUBSAMPLINGS[name]
    x0, y0 = offsets(siting, log2_w, log2_h)
    # In units of luma samples: a proxy sample is the mean of its area, so its value is the ramp at the middle of it.
    across = np.tile((np.arange(proxy[0]) + 0.5) * luma_size[0] / proxy[0], (proxy[1], 1))
    down = np.tile((np.arange(proxy[1])[:, None] + 0.5) * luma_size[1] / proxy[1], (1, proxy[0]))
    flat = np.full((proxy[1], proxy[0]), 0.5, dtype=np.float32)
    ramps = np.stack([across, down]).astype(np.float32)
    result = upsampler.upsample(ramps, flat, np.full((height, width), 0.5, dtype=np.float32))
    x = chroma_places(width, 1 << log2_w, x0)
    y = chroma_places(height, 1 << log2_h, y0)
    # Three proxy samples at each border, and a chroma sample of which only a part lies in the picture, are left out.
    edge_x, edge_y = 3 * luma_size[0] / proxy[0], 3 * luma_size[1] / proxy[1]
    inside_x = (x > edge_x) & (x < luma_size[0] - edge_x)
    inside_y = (y > edge_y) & (y < luma_size[1] - edge_y)
    check_places(result[0][:, inside_x], x[inside_x], luma_size[0] / proxy[0])
    check_places(result[1][inside_y].T, y[inside_y], luma_size[1] / proxy[1])


def check_places(found: np.ndarray, expected: np.ndarray, factor: float) -> None:
    error = found - expected
    # OpenCV's cubic kernel bends a ramp by up to 0.05 proxy samples; half a luma sample out of place would be 0.12.
    assert np.abs(error).max() < 0.06 * factor
    assert abs(error.mean()) < 0.035 * factor


@pytest.mark.parametrize("name", SUBSAMPLINGS)
@pytest.mark.parametrize("siting", list(Siting))
@pytest.mark.parametrize(("width", "height"), [(60, 40), (61, 41)])
def test_mean_at_chroma_keeps_a_ramp_in_place(name: str, siting: Siting, width: int, height: int) -> None:
    upsampler = make((width, height), (15, 10), name, siting)
    log2_w, log2_h = SUBSAMPLINGS[name]
    x0, y0 = offsets(siting, log2_w, log2_h)
    chroma_width, chroma_height = upsampler.chroma_size
    x, y = chroma_places(chroma_width, 1 << log2_w, x0), chroma_places(chroma_height, 1 << log2_h, y0)
    ramp = (np.arange(width) + 0.5)[None] * 64 + (np.arange(height) + 0.5)[:, None] * 200
    mean = upsampler.mean_at_chroma(ramp.astype(np.uint16))
    expected = x[None] * 64 + y[:, None] * 200
    assert np.abs(mean - expected)[2:-2, 2:-2].max() <= 1


@pytest.mark.parametrize("kind", list(Upsampling))
@pytest.mark.parametrize("name", SUBSAMPLINGS)
@pytest.mark.parametrize("siting", [Siting.LEFT, Siting.CENTER, Siting.TOPLEFT, Siting.BOTTOM])
@pytest.mark.parametrize(
    ("luma_size", "proxy"),
    [((1, 1), (1, 1)), ((2, 2), (1, 1)), ((3, 1), (2, 1)), ((1, 7), (1, 3)), ((5, 5), (5, 5)), ((33, 17), (9, 5))],
)
def test_a_constant_stays_constant_at_every_size(
    name: str, siting: Siting, luma_size: tuple[int, int], proxy: tuple[int, int], kind: Upsampling
) -> None:
    upsampler = make(luma_size, proxy, name, siting, kind)
    random = np.random.default_rng(0)
    luma = random.integers(0, 65535, (luma_size[1], luma_size[0])).astype(np.uint16)
    guide = upsampler.mean_at_chroma(luma, 1 / 65535)
    chroma = np.full((2, proxy[1], proxy[0]), 0.25, dtype=np.float32)
    result = upsampler.upsample(chroma, random.random((proxy[1], proxy[0]), dtype=np.float32), guide)
    width, height = upsampler.chroma_size
    assert guide.shape == (height, width)
    assert result.shape == (2, height, width)
    assert result == pytest.approx(0.25, abs=1e-5)


def test_gain_and_bias() -> None:
    for siting in (Siting.LEFT, Siting.TOPLEFT, Siting.CENTER):
        upsampler = make((16, 12), (4, 3), "4:2:0", siting)
        luma = np.random.default_rng(1).integers(0, 65535, (12, 16)).astype(np.uint16)
        plain = upsampler.mean_at_chroma(luma)
        assert upsampler.mean_at_chroma(luma, 0.25, -3.0) == pytest.approx(plain * 0.25 - 3, abs=0.1)


def test_chroma_that_follows_luma_gets_lumas_detail() -> None:
    random = np.random.default_rng(2)
    luma = cv2.GaussianBlur(random.normal(0.5, 3, (256, 256)), (0, 0), 2).astype(np.float32)
    truth = np.stack([0.4 * luma, -0.3 * luma + 0.1])
    size = (64, 64)
    proxy_luma = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
    proxy = np.stack([cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in truth])
    ours = ChromaUpsampler(proxy_size=size, luma_size=(256, 256)).upsample(proxy, proxy_luma, luma)
    bicubic = np.stack([cv2.resize(plane, (256, 256), interpolation=cv2.INTER_CUBIC) for plane in proxy])
    assert np.std(ours - truth) < 0.5 * np.std(bicubic - truth)


def test_bytes_do_not_depend_on_threads() -> None:
    random = np.random.default_rng(4)
    luma = random.integers(0, 65535, (540, 960)).astype(np.uint16)
    proxy = random.random((3, 128, 228)).astype(np.float32)
    before = cv2.getNumThreads()
    try:
        results = []
        for threads in (1, 2, 5):
            cv2.setNumThreads(threads)
            upsampler = make((960, 540), (228, 128), "4:2:0", Siting.LEFT)
            guide = upsampler.mean_at_chroma(luma, 1 / 65535)
            results.append(guide.tobytes() + upsampler.upsample(proxy[:2], proxy[2], guide).tobytes())
    finally:
        cv2.setNumThreads(before)
    assert len(set(results)) == 1


@pytest.mark.needs_data
@pytest.mark.parametrize("factor", [2, 4, 8])
def test_not_worse_than_bicubic_on_photographs(data_folder: Path, factor: int) -> None:
    ours, bicubic = [], []
    for path in sorted((data_folder / "dev_eval" / "photos").glob("*.jpg"))[::6]:
        blue, green, red = (plane.astype(np.float32) / 255 for plane in cv2.split(cv2.imread(str(path))))
        luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        height, width = (side // 8 * 8 for side in luma.shape)
        truth = np.stack([(blue - luma) / 1.8556, (red - luma) / 1.5748])[:, :height, :width]
        luma = np.ascontiguousarray(luma[:height, :width])
        size = (width // factor, height // factor)
        proxy = np.stack([cv2.resize(np.ascontiguousarray(p), size, interpolation=cv2.INTER_AREA) for p in truth])
        proxy_luma = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
        guided = ChromaUpsampler(proxy_size=size, luma_size=(width, height)).upsample(proxy, proxy_luma, luma)
        plain = np.stack([cv2.resize(p, (width, height), interpolation=cv2.INTER_CUBIC) for p in proxy])
        ours.append(-10 * np.log10(np.mean((guided - truth) ** 2)))
        bicubic.append(-10 * np.log10(np.mean((plain - truth) ** 2)))
    # tests/bench/upsampling.py: +0.3, +0.9, +0.9 dB.
    assert np.mean(ours) > np.mean(bicubic) + 0.1
