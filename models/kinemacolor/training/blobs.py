"""Made shapes: what a person might have marked, or something that lies on a picture."""

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["draw_blob"]

_MIDDLE = (0.2, 0.8)
_SIZE = (0.07, 0.3)  # of the shorter side
_APART = 0.6  # of the size
_RADII = (0.4, 1.0)  # of the size
_MOST_PARTS = 4
_ELLIPSES = 0.6
_CORNERS = (4, 8)


def draw_blob(height: int, width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A few ellipses and polygons on one heap: (height, width), 1 inside, else 0; the pixel in its middle is inside."""
    mask = np.zeros((height, width), np.float32)
    middle = rng.uniform(*_MIDDLE, 2) * (width, height)
    size = rng.uniform(*_SIZE) * min(height, width)
    for _ in range(int(rng.integers(1, _MOST_PARTS + 1))):
        centre = middle + rng.uniform(-_APART, _APART, 2) * size
        radii = rng.uniform(*_RADII, 2) * size
        if rng.random() < _ELLIPSES:
            _ellipse(mask, centre, radii, float(rng.uniform(0.0, 180.0)))
        else:
            angles = np.sort(rng.uniform(0.0, 2.0 * np.pi, int(rng.integers(_CORNERS[0], _CORNERS[1] + 1))))
            corners = centre + np.stack((np.cos(angles), np.sin(angles)), axis=1) * radii
            cv2.fillPoly(mask, [corners.astype(np.int32)], (1.0,))
    mask[int(middle[1]), int(middle[0])] = 1.0
    return mask


def _ellipse(
    mask: NDArray[np.float32], centre: NDArray[np.float64], radii: NDArray[np.float64], degrees: float
) -> None:
    place, axes = (int(centre[0]), int(centre[1])), (int(radii[0]) + 1, int(radii[1]) + 1)
    cv2.ellipse(mask, place, axes, degrees, 0.0, 360.0, (1.0,), -1)
