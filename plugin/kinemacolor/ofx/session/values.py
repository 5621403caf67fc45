"""What a host asks for, and what it gets."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kinemacolor.picture.proxy import Proxy

__all__ = ["Asked", "Colour", "Verdict"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a colour is worth."""

    is_final: bool
    """False: provisional. The colour may differ from that of a render in order; it is marked in the picture."""
    reason: str = ""
    """Why it is provisional, in a few words."""


FINAL = Verdict(True)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A picture whose colour is wanted."""

    number: int
    """Of the frame, by the host's time."""
    luma: Proxy
    """(H, W) as it goes to the network; not to be changed."""
    first_number: int | None
    """Of the clip's first frame, if the host says it."""


@dataclass(frozen=True, slots=True, eq=False)
class Colour:
    """A picture's colour."""

    ab: NDArray[np.int16]
    """(2, H, W) a* and b* in 1/256, read-only."""
    confidence: NDArray[np.uint8] | None
    """(H, W), or None if the model has none."""
    verdict: Verdict
