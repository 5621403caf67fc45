"""What a user sets without the network having to run again, and what it does to a*b*.

Amount is a factor on a*b*. Temperature and tint shift a*b* before that, toward yellow and blue, magenta and green: by
`FULL_SHIFT` units at +-100 and mid luma, less toward black and white (a parabola in Y', 4 Y' (1 - Y')), where they do
nothing. So they move the colour that is added, amount 0 adds none of it, and borders, titles and deep shadows stay
neutral. All of it happens at proxy size.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from kinemacolor.colour.arrays import Float32
from kinemacolor.picture.merge import AB_SCALE, Ab
from kinemacolor.picture.upsampling import Upsampling

__all__ = ["FULL_SHIFT", "MAX_AMOUNT", "MAX_SHIFT", "Controls", "Output"]

MAX_AMOUNT = 2.0
MAX_SHIFT = 100.0
FULL_SHIFT = 20.0
"""Units of b* (a*) that full temperature (tint) adds at Y' = 0.5. 20 is about the b* of light of 4700 K."""


class Output(Enum):
    """What picture comes out."""

    COLOUR = "colour"
    CHROMA_ONLY = "chroma only"
    """The added colour, at Y' = 0.5 everywhere."""
    CONFIDENCE = "confidence"
    """How sure the network is, as grey; white is sure."""
    SPLIT = "split"
    """The source on the left, colour on the right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """The cheap settings of one frame.

    Raises:
        ValueError: A number is out of range.
    """

    amount: float = 1.0
    """Factor on a*b*, 0 to 2."""
    temperature: float = 0.0
    """-100 (blue) to 100 (yellow)."""
    tint: float = 0.0
    """-100 (green) to 100 (magenta)."""
    mix: float = 1.0
    """Share of the result, 0 to 1; the rest is the source."""
    output: Output = Output.COLOUR
    upsampling: Upsampling = Upsampling.GUIDED
    """The way from the network's size to the picture's."""

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("amount", self.amount, 0.0, MAX_AMOUNT),
            ("temperature", self.temperature, -MAX_SHIFT, MAX_SHIFT),
            ("tint", self.tint, -MAX_SHIFT, MAX_SHIFT),
            ("mix", self.mix, 0.0, 1.0),
        ):
            if not low <= value <= high:
                raise ValueError(f"expected a {name} of {low:g} to {high:g}, found {value}")

    @property
    def keeps_source(self) -> bool:
        """Whether the source comes out as it is, whatever it holds; a host need not even ask."""
        colourless = self.amount == 0 and self.output is Output.COLOUR
        return self.mix == 0 or colourless

    def graded(self, ab: Ab, proxy_luma: Float32) -> Float32:
        """The a*b* that is added.

        Args:
            ab: (2, h, w) in 1/256 units.
            proxy_luma: (h, w) Y' in [0, 1].

        Returns:
            (2, h, w) in units of 1.
        """
        graded = ab * np.float32(self.amount / AB_SCALE)
        if self.temperature or self.tint:
            weight = np.float32(4.0 * FULL_SHIFT / MAX_SHIFT * self.amount) * proxy_luma * (1 - proxy_luma)
            graded[0] += np.float32(self.tint) * weight
            graded[1] += np.float32(self.temperature) * weight
        return graded
