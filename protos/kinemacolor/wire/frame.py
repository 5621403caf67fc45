"""Frames and planes as both ends see them: numpy only, so that the pure core of the server can import it."""

from dataclasses import dataclass
from typing import NewType

import numpy as np
from numpy.typing import NDArray

ClipKey = NewType("ClipKey", str)
FrameNumber = NewType("FrameNumber", int)

AB_STEPS_PER_UNIT = 256
"""Chroma travels as int16 in steps of 1/256 of a CIELAB unit: [-128, 128) and far below a just visible difference."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Size of a plane at network size."""

    width_px: int
    height_px: int

    @property
    def samples(self) -> int:
        """Samples of one plane."""
        return self.width_px * self.height_px


@dataclass(frozen=True, slots=True)
class ColorPlanes:
    """The colour of one frame as it came over the wire."""

    frame_number: FrameNumber
    ab: NDArray[np.int16]
    """(2, H, W), a* then b*, in steps of 1 / AB_STEPS_PER_UNIT; read-only."""
    shot_start: bool
    provisional: bool
    durable_through: FrameNumber | None
    queue_us: int
    network_us: int
    temporal_us: int
    confidence: NDArray[np.uint8] | None = None
    """(H, W), 255 = sure, or None."""
