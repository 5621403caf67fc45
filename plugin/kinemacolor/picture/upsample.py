"""Chroma from the proxy grid to the chroma grid of the clip, guided by the full-size luma.

Where the samples lie: a proxy sample is the mean of its area, so it sits in the middle of it. A chroma sample sits
where the siting says (ITU-T H.273, figure 1): "cosited" with every n-th luma sample, or in the middle of its block.

How: in every small window of the proxy, chroma is fitted as a straight line of luma (He, Sun, Tang 2010/2013, "Guided
Image Filtering"), the slope is kept, and the offset is set so that the line goes exactly through the proxy's own
chroma (the residual is projected back; the plain filter blurs and measures worse than bilinear). Slope and offset are
interpolated, and the line is evaluated with the luma at the chroma sample.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.colour.encoding import Siting

Float32 = NDArray[np.float32]

WINDOW = 3
"""Side of the fitting window in proxy samples."""
REGULARISER = 1e-3
"""Variance of Y' below which a window counts as flat."""

_COSITED_X = {Siting.LEFT, Siting.TOPLEFT, Siting.BOTTOMLEFT}
_FIRST_ROW = {Siting.TOPLEFT, Siting.TOP}
_LAST_ROW = {Siting.BOTTOMLEFT, Siting.BOTTOM}


@dataclass(frozen=True, slots=True)
class _Axis:
    """How chroma samples lie along one axis."""

    luma: int
    """Luma samples."""
    step: int
    """Luma samples per chroma sample."""
    cosited: int | None
    """Index inside its block of the luma sample that chroma shares its place with; None: middle of the block."""

    @property
    def chroma(self) -> int:
        return -(-self.luma // self.step)

    @property
    def padded(self) -> int:
        return self.chroma * self.step

    @property
    def direct(self) -> bool:
        """Whether a plain resize to the chroma size has the right phase."""
        return self.step == 1 or (self.cosited is None and self.padded == self.luma)
