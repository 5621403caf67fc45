"""Causal, local cut detection on two neighbouring proxies (first form)."""

import numpy as np
from numpy.typing import NDArray


def is_cut(previous: NDArray[np.uint16], present: NDArray[np.uint16]) -> bool:
    """True if a shot begins at `present`."""
    return bool(np.abs(previous.astype(np.int32) - present).mean() > 13000)
