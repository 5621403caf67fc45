"""Looks at film files without any code of ours: FFmpeg's own decoder, samples as they lie in its planes."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray


def plane_of(frame: av.VideoFrame, index: int) -> NDArray[np.generic]:
    """(H, W) samples of one plane of a planar format, native or little endian."""
    plane = frame.planes[index]
    component = next(c for c in frame.format.components if c.plane == index)
    item = np.dtype(np.uint8) if component.bits <= 8 else np.dtype("<u2")
    rows = np.frombuffer(plane, item).reshape(plane.height, plane.line_size // item.itemsize)
    return rows[:, : plane.width].copy()


def frames_of(path: Path) -> list[av.VideoFrame]:
    """All frames of the first picture track."""
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def luma_of(path: Path) -> list[NDArray[np.generic]]:
    """Y' of all frames of a film that has such a plane."""
    return [plane_of(frame, 0) for frame in frames_of(path)]


def planes_of(path: Path) -> list[tuple[NDArray[np.generic], ...]]:
    """All planes of all frames."""
    return [tuple(plane_of(frame, i) for i in range(len(frame.planes))) for frame in frames_of(path)]


def rgb_of(frame: av.VideoFrame) -> tuple[NDArray[np.generic], ...]:
    """R', G', B' codes of a frame whose format is gbrp, rgb24, bgr0 or rgb48."""
    name = frame.format.name
    if name.startswith("gbrp"):
        green, blue, red = (plane_of(frame, i) for i in range(3))
        return red, green, blue
    item = np.dtype("<u2") if "48" in name else np.dtype(np.uint8)
    step = len(name.rstrip("lebgr0248")) or {"rgb24": 3, "bgr24": 3, "bgr0": 4, "rgb48le": 3}[name]
    plane = frame.planes[0]
    rows = np.frombuffer(plane, item).reshape(frame.height, plane.line_size // item.itemsize)
    pixels = rows[:, : frame.width * step].reshape(frame.height, frame.width, step)
    order = (2, 1, 0) if name.startswith("bgr") else (0, 1, 2)
    return tuple(pixels[..., at].copy() for at in order)


def times_of(path: Path) -> list[Fraction]:
    """Presentation times in seconds."""
    return [frame.pts * frame.time_base for frame in frames_of(path)]


def has_colour(path: Path) -> bool:
    """True if the chroma planes of every frame vary."""
    return all(np.ptp(planes[1].astype(int)) > 4 or np.ptp(planes[2].astype(int)) > 4 for planes in planes_of(path))
