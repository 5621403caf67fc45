"""Clips out of a seed: soft colour blobs that move, as folders of frames and as film files."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

HEIGHT, WIDTH = 48, 64


def moving(seed: int, count: int = 5, shift_px: int = 2, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """(T, H, W, 3) sRGB."""
    coarse = np.random.default_rng(seed).integers(30, 226, (6, 10, 3), dtype=np.uint8)
    wide = cv2.resize(coarse, (width + shift_px * count, height), interpolation=cv2.INTER_CUBIC)
    return np.stack([wide[:, shift_px * t : shift_px * t + width] for t in range(count)])


def grey_of(pictures: np.ndarray) -> np.ndarray:
    """(T, H, W, 3) with equal channels."""
    return np.repeat(pictures[..., 1:2], 3, axis=-1)


def toned(pictures: np.ndarray) -> np.ndarray:
    """A sepia print of it."""
    return (grey_of(pictures) * np.array([1.0, 0.85, 0.65])).astype(np.uint8)


def write_frames(folder: Path, pictures: np.ndarray, ending: str = ".jpg") -> Path:
    folder.mkdir(parents=True)
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{number:05d}{ending}"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return folder


def write_film(
    path: Path, pictures: np.ndarray, rate: int = 25, aspect: Fraction = Fraction(1), rotation: int = 0
) -> Path:
    """H.264 with sound, since most films have some."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=rate, options={"crf": "12"})
        stream.height, stream.width, stream.pix_fmt = *pictures.shape[1:3], "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation)
        sound = film.add_stream("aac", rate=48000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.sample_rate, silence.pts, silence.time_base = 48000, 0, Fraction(1, 48000)
        film.mux(sound.encode(silence))
        for picture in pictures:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        film.mux(stream.encode(None))
        film.mux(sound.encode(None))
    return path
