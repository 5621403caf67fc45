"""Grey films for the box, and what of them and of melt's files is compared."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab
from tests.e2e.films import frames_of, rgb_of
from tests.media import make

WIDTH, HEIGHT, FRAMES, SHOT = 640, 360, 48, 16
BT709, LIMITED = 1, 1

Rgb = NDArray[np.float64]
"""(frames, H, W, 3), 1.0 for white."""


def write_strip(path: Path, *, bits: int, seed: int) -> None:
    """Three shots of moving soft shapes with grain, limited range, all codes inside it."""

    def luma(number: int) -> NDArray[np.unsignedinteger]:
        shot, step = divmod(number, SHOT)
        shapes = np.random.default_rng([seed, shot]).random((10, 16)).astype(np.float32)
        wide = cv2.resize(shapes, (WIDTH + 64, HEIGHT + 64), interpolation=cv2.INTER_CUBIC)
        view = wide[step : step + HEIGHT, 2 * step : 2 * step + WIDTH]
        grain = np.random.default_rng([seed, number, 7]).normal(0, 0.01, view.shape)
        unit = 1 << (bits - 8)
        codes = np.clip(np.rint((16 + 219 * (np.clip(view, 0.02, 0.98) + grain)) * unit), 16 * unit, 235 * unit)
        return codes.astype(np.uint8 if bits == 8 else np.uint16)

    def planes(number: int) -> make.Planes:
        grey = luma(number)
        neutral = np.full((HEIGHT // 2, WIDTH // 2), 1 << (bits - 1), grey.dtype)
        return grey, neutral, neutral

    make.film(
        path,
        frames=FRAMES,
        width=WIDTH,
        height=HEIGHT,
        pixel_format="yuv420p" if bits == 8 else "yuv420p10le",
        pictures=planes,
        matrix=BT709,
        color_range=LIMITED,
        transfer=BT709,
        primaries=BT709,
    )


def codes_of(path: Path) -> NDArray[np.unsignedinteger]:
    """(frames, H, W, 3) R'G'B' as it lies in the file."""
    return np.stack([np.stack(rgb_of(frame), axis=-1) for frame in frames_of(path)])


def hashes_of(path: Path) -> list[str]:
    """SHA-256 of each frame."""
    return [sha256(codes.tobytes()).hexdigest() for codes in codes_of(path)]


def mean_ciede2000(one: Rgb, other: Rgb) -> float:
    pairs = zip(one[::6], other[::6], strict=True)
    return float(np.mean([deltaE_ciede2000(rgb2lab(a), rgb2lab(b)) for a, b in pairs]))


def neutral_frames(codes: Sequence[NDArray[np.unsignedinteger]]) -> list[int]:
    """Frames in which every pixel is grey."""
    return [number for number, frame in enumerate(codes) if (frame == frame[..., :1]).all()]
