"""Array types of this package. Planes lead: three components are (3, ...), two are (2, ...)."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Float32", "Float64", "FloatT"]

FloatT = TypeVar("FloatT", np.float32, np.float64)
"""Functions of colour keep the precision they are given."""

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
