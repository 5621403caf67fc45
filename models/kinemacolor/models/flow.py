"""Motion between neighbouring frames, for training and for measuring; of the networks, only `favc` colours with it.

The flow is DIS (Kroeger, Timofte, Dai, Van Gool 2016) of the luma.
"""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Motion", "flow_back", "follow", "measure_motion"]

Array = NDArray[np.float64]
Bytes = NDArray[np.uint8]

_FLOW_MIN_PX = 16  # DIS refuses pictures that are smaller


@dataclass(frozen=True, slots=True)
class Motion:
    """Where the pixels of one frame were in the frame before."""

    back: NDArray[np.float32]
    """(H, W, 2) flow from this frame to the one before, pixels, x first."""
    seen: NDArray[np.bool_]
    """(H, W) False where a pixel was hidden in the frame before."""


def measure_motion(luma: Bytes) -> tuple[Motion, ...]:
    """Motion between neighbouring frames (T, H, W) of 8 bit: T - 1 of them, none for pictures that are too small.

    The flow is DIS (Kroeger et al. 2016) of the luma, so it is the same for every model; hidden are the places where
    forward and backward flow disagree (Sundaram et al. 2010).
    """
    if len(luma) < 2 or min(luma.shape[1:]) < _FLOW_MIN_PX:
        return ()
    return tuple(_pair_motion(before, after) for before, after in pairwise(luma))


def flow_back(before: Bytes, after: Bytes) -> NDArray[np.float32]:
    """Flow (H, W, 2) from a frame to the one before, x first, in pixels of these planes (H, W) of 8-bit luma.

    Pictures that are too small for DIS stand still.
    """
    if min(after.shape) < _FLOW_MIN_PX:
        return np.zeros((*after.shape, 2), dtype=np.float32)
    return np.asarray(_flow(after, before), dtype=np.float32)


def follow(planes: Array | Bytes, flow: Array | NDArray[np.float32]) -> Array:
    """Move (H, W, C) or (H, W) planes of one frame along the flow (H, W, 2) that leads back to it."""
    height, width = flow.shape[:2]
    x = (np.arange(width) + flow[..., 0]).astype(np.float32)
    y = (np.arange(height)[:, None] + flow[..., 1]).astype(np.float32)
    moved = cv2.remap(planes.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.float64)


def _pair_motion(before: Bytes, after: Bytes) -> Motion:
    back, forth = _flow(after, before), _flow(before, after)
    returned = follow(forth, back)
    size = (back**2).sum(axis=2) + (returned**2).sum(axis=2)
    seen = ((back + returned) ** 2).sum(axis=2) <= 0.01 * size + 0.5
    return Motion(back.astype(np.float32), seen)


def _flow(source: Bytes, target: Bytes) -> Array:
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    empty = np.zeros((*source.shape, 2), dtype=np.float32)  # DIS starts from it
    return np.asarray(dis.calc(source, target, empty), dtype=np.float64)
