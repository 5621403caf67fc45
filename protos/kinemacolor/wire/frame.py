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
class HintPoint:
    """The colour of the thing that is seen at a point of a picture."""

    x: float
    y: float
    """Position of the centre, in fractions of the picture's width and height, 0 to 1."""
    radius: float
    """Of the spot that certainly has the colour, in fractions of the shorter side, 0 to 0.5."""
    a: float
    b: float
    """CIELAB a*, b*, -128 to 127."""


@dataclass(frozen=True, slots=True, eq=False)
class GuideFrame:
    """What a person says of the colours of a shot, as it is sent: a colour picture, or colours at points of a frame."""

    frame_number: FrameNumber
    luma: NDArray[np.uint16]
    """(H, W), black 0, white 65535: of the colour picture, else of the frame itself."""
    ab: NDArray[np.int16] | None = None
    """(2, H, W) of the colour picture, in steps of 1 / AB_STEPS_PER_UNIT; None: there is none."""
    hints: tuple[HintPoint, ...] = ()


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
