"""Crops of photos under a made camera and lamp: fastai 1's `get_transforms`, with which DeOldify was trained.

Zoom, turn and perspective are one map from the crop to the photo, so a picture is sampled once. Light is changed where
it has no ends, in the logit of the code values: brightness is a shift, contrast a factor.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kinemacolor.training.photos import Picture

__all__ = ["Augmentation", "sample_warped"]

Matrix = NDArray[np.float64]

_DARKEST = 0.5 / 255  # black and white have no logit


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How much is changed."""

    zoom: float = 1.2
    """Largest enlargement, at least 1."""
    lighting: float = 0.5
    """Brightness goes from that of code 0.5 (1 - l) to 0.5 (1 + l), contrast from 1 - l to 1 / (1 - l); in [0, 1)."""
    warp: float = 0.25
    """How far each side is tilted at most; 1 is half the picture."""
    turn_degrees: float = 10.0
    """Largest turn either way."""
    probability: float = 0.75
    """Of each change; a picture is mirrored half the time."""


def sample_warped(
    pictures: Sequence[Picture], side_px: int, count: int, how: Augmentation, rng: np.random.Generator
) -> Tensor:
    """Draw square crops.

    Args:
        pictures: (H, W, 3) uint8 RGB each.
        side_px: Side of the crops.
        count: How many.
        how: How much is changed.
        rng: Of all draws.

    Returns:
        (count, 3, side, side) float32 sRGB code values in (0, 1).
    """
    batch = np.empty((count, side_px, side_px, 3), dtype=np.float32)
    for index, choice in enumerate(rng.integers(len(pictures), size=count)):
        square = _random_square(pictures[choice], side_px, rng)
        warped = cv2.warpPerspective(
            square,
            _in_pixels(_camera(how, rng), side_px),
            (side_px, side_px),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        batch[index] = _relit(warped.astype(np.float32) / 255.0, how, rng)
    return torch.from_numpy(batch).permute(0, 3, 1, 2).contiguous()


def _random_square(picture: Picture, side_px: int, rng: np.random.Generator) -> Picture:
    """A square as large as the picture allows, scaled."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    square = picture[top : top + side, left : left + side]
    if side == side_px:
        return square
    method = cv2.INTER_AREA if side > side_px else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (side_px, side_px), interpolation=method), dtype=np.uint8)


def _camera(how: Augmentation, rng: np.random.Generator) -> Matrix:
    """From the crop to the square, both from -1 to 1 in x and y."""
    matrix = np.diag([-1.0 if rng.random() < 0.5 else 1.0, 1.0, 1.0])
    tilt = rng.uniform(-how.warp, how.warp, 4)
    if rng.random() < how.probability:
        matrix = matrix @ _tilted(*tilt)
    angle = np.radians(rng.uniform(-how.turn_degrees, how.turn_degrees))
    if rng.random() < how.probability:
        cosine, sine = np.cos(angle), np.sin(angle)
        matrix = matrix @ np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    scale, (x, y) = 1.0 / rng.uniform(1.0, how.zoom), rng.uniform(-1.0, 1.0, 2)
    if rng.random() < how.probability:
        matrix = matrix @ np.array([[scale, 0.0, (1 - scale) * x], [0.0, scale, (1 - scale) * y], [0.0, 0.0, 1.0]])
    return matrix


def _tilted(right: float, left: float, below: float, above: float) -> Matrix:
    """The perspective that makes the right side so much longer than before, and so on; negative: shorter."""
    before = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], dtype=np.float32)
    after = [[-1 - above, -1 - left], [-1 - below, 1 + left], [1 + above, -1 - right], [1 + below, 1 + right]]
    return np.asarray(cv2.getPerspectiveTransform(before, np.array(after, dtype=np.float32)), dtype=np.float64)


def _in_pixels(matrix: Matrix, side_px: int) -> Matrix:
    half = side_px / 2
    places = np.array([[half, 0.0, half - 0.5], [0.0, half, half - 0.5], [0.0, 0.0, 1.0]])
    return np.asarray(places @ matrix @ np.linalg.inv(places), dtype=np.float64)


def _relit(picture: NDArray[np.float32], how: Augmentation, rng: np.random.Generator) -> NDArray[np.float32]:
    level = 0.5 * (1.0 + rng.uniform(-how.lighting, how.lighting))
    shift = np.log(level / (1.0 - level)) if rng.random() < how.probability else 0.0
    steepness = -np.log1p(-how.lighting)
    factor = np.exp(rng.uniform(-steepness, steepness)) if rng.random() < how.probability else 1.0
    code = np.clip(picture, _DARKEST, 1.0 - _DARKEST)
    logit = (np.log(code) - np.log1p(-code) + np.float32(shift)) * np.float32(factor)
    return np.asarray(1.0 / (1.0 + np.exp(-logit)), dtype=np.float32)
