"""Cut detection: what is a cut, what must not be one, and how it does on real clips."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from kinemacolor.wire.shots import is_cut

SIZES = [(256, 455), (192, 256), (288, 288), (97, 130), (64, 64)]


def scene(seed: int, shape: tuple[int, int] = (256, 455)) -> np.ndarray:
    """Luma in [0, 1] of a picture with structure of all sizes, which pictures have."""
    height, width = shape
    random = np.random.default_rng(seed)
    spectrum = np.fft.rfft2(random.normal(0, 1, (height, width)))
    frequency = np.hypot(np.fft.fftfreq(height)[:, None] * 256, np.fft.rfftfreq(width)[None] * 256)
    picture = np.fft.irfft2(spectrum / np.maximum(frequency, 1) ** 1.3, (height, width))
    return np.asarray(0.45 + 0.17 * picture / picture.std())


def proxy(luma: np.ndarray, grain: float = 0.0, seed: int = 0) -> np.ndarray:
    """Eight-bit film: grain, then codes."""
    noisy = luma + np.random.default_rng(seed).normal(0, grain, luma.shape) if grain else luma
    return (np.clip(np.rint(noisy * 255), 0, 255) * 257).astype(np.uint16)


@pytest.mark.parametrize("shape", SIZES)
def test_another_scene_is_a_cut(shape: tuple[int, int]) -> None:
    pictures = [proxy(scene(seed, shape)) for seed in range(6)]
    assert all(is_cut(a, b) for a, b in itertools.permutations(pictures, 2))


@pytest.mark.parametrize("shape", SIZES)
def test_the_same_frame_is_none(shape: tuple[int, int]) -> None:
    picture = proxy(scene(1, shape))
    assert not is_cut(picture, picture)


@pytest.mark.parametrize("grain", [0.02, 0.05, 0.1])
def test_grain_is_none(grain: float) -> None:
    luma = scene(2)
    assert not any(is_cut(proxy(luma, grain, k), proxy(luma, grain, k + 50)) for k in range(5))


@pytest.mark.parametrize("gain", [0.25, 0.5, 0.8, 1.3, 1.7])
def test_a_flash_or_flicker_of_exposure_is_none(gain: float) -> None:
    for seed in range(5):
        usual, other = proxy(scene(seed), 0.01, 1), proxy(scene(seed) * gain, 0.01, 2)
        assert not is_cut(usual, other)
        assert not is_cut(other, usual)


@pytest.mark.parametrize(("right", "down"), [(1, 0), (0, 2), (5, 3), (12, 6), (-20, 0)])
def test_weave_and_pans_are_none(right: int, down: int) -> None:
    for seed in range(5):
        large = scene(seed, (330, 530))
        before, now = large[30:286, 30:485], large[30 + down : 286 + down, 30 + right : 485 + right]
        assert not is_cut(proxy(before, 0.01, 1), proxy(now, 0.01, 2))


@pytest.mark.parametrize("zoom", [0.96, 1.05])
def test_a_zoom_is_none(zoom: float) -> None:
    large = scene(3, (300, 500))
    rows = np.rint((np.arange(256) - 128) * zoom + 150).astype(int)
    columns = np.rint((np.arange(455) - 227) * zoom + 250).astype(int)
    assert not is_cut(proxy(large[22:278, 23:478]), proxy(large[rows[:, None], columns[None]]))


def test_a_cut_is_seen_through_grain_and_a_change_of_exposure() -> None:
    assert is_cut(proxy(scene(1), 0.04, 1), proxy(scene(2) * 0.5, 0.04, 2))


@pytest.mark.parametrize("frames", [12, 24, 48])
def test_fading_to_black_is_none_and_fading_in_begins_one_shot(frames: int) -> None:
    luma = scene(4)
    gains = [1 - k / frames for k in range(frames + 1)] + [0.0] * 4
    fade = [proxy(luma * gain, 0.006, k) for k, gain in enumerate(gains)]
    assert not any(is_cut(a, b) for a, b in itertools.pairwise(fade))
    assert sum(is_cut(a, b) for a, b in itertools.pairwise(fade[::-1])) == 1


def test_a_picture_after_black_begins_a_shot_and_black_does_not() -> None:
    black, picture = proxy(np.zeros((256, 455)), 0.005, 1), proxy(scene(5))
    assert is_cut(black, picture)
    assert not is_cut(picture, black)
    assert not is_cut(black, proxy(np.zeros((256, 455)), 0.005, 2))


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 500), (40, 1), (5, 5)])
def test_tiny_and_narrow_proxies(shape: tuple[int, int]) -> None:
    first = np.random.default_rng(1).integers(0, 65535, shape).astype(np.uint16)
    assert not is_cut(first, first)
    assert isinstance(is_cut(first, first[::-1, ::-1]), bool)


def test_other_size_is_a_cut() -> None:
    assert is_cut(proxy(scene(1, (64, 64))), proxy(scene(1, (64, 65))))


def test_nothing_is_written_and_strides_do_not_matter() -> None:
    first, second = proxy(scene(1)), proxy(scene(2))
    first.flags.writeable = second.flags.writeable = False
    assert is_cut(first, second)
    assert is_cut(np.asfortranarray(first), np.asfortranarray(second))


@pytest.mark.parametrize("shape", [(4,), (4, 4, 1), (0, 4)])
def test_what_is_no_proxy_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected a proxy"):
        is_cut(np.zeros(shape, dtype=np.uint16), np.zeros((4, 4), dtype=np.uint16))


@pytest.fixture(scope="module")
def clips(data_folder: Path) -> dict[str, list[np.ndarray]]:
    """Luma of all evaluation and archive clips, cut to one size so that any two can be joined."""
    cv2 = pytest.importorskip("cv2")
    folders = sorted((data_folder / "dev_eval" / "clips").iterdir())
    folders += sorted((data_folder / "archival_dev" / "clips").iterdir())
    found = {}
    for folder in folders:
        frames = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted(folder.glob("*.jpg"))]
        tops = [((frame.shape[0] - 256) // 2, (frame.shape[1] - 256) // 2) for frame in frames]
        found[folder.name] = [
            frame[y : y + 256, x : x + 256].astype(np.uint16) * 257 for frame, (y, x) in zip(frames, tops, strict=True)
        ]
    return found


@pytest.mark.needs_data
def test_no_cut_inside_real_clips(clips: dict[str, list[np.ndarray]]) -> None:
    pairs = [(name, k) for name, frames in clips.items() for k in range(1, len(frames))]
    false = [(name, k) for name, k in pairs if is_cut(clips[name][k - 1], clips[name][k])]
    assert len(pairs) == 549
    assert false == []


@pytest.mark.needs_data
def test_a_cut_at_every_join_of_real_clips(clips: dict[str, list[np.ndarray]]) -> None:
    joins = list(itertools.permutations(clips, 2))
    missed = [(a, b) for a, b in joins if not is_cut(clips[a][-1], clips[b][0])]
    assert len(joins) == 306
    assert missed == []
