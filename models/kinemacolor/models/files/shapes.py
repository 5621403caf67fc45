"""Shapes that a file claims: none may ask for more than its numbers, and none is too large to count."""

import math
from collections.abc import Sequence
from typing import TypeGuard

__all__ = ["is_plain_shape"]

_MAX_AXES = 8
_MAX_NUMBERS = 1 << 40
"""Sides of zero count as one: a tensor without numbers has steps, too, which must be countable."""


def is_plain_shape(sides: Sequence[object]) -> TypeGuard[Sequence[int]]:
    """Whether a tensor can have this shape; how many numbers there are is for the caller to compare."""
    if len(sides) > _MAX_AXES or not all(type(side) is int and 0 <= side <= _MAX_NUMBERS for side in sides):
        return False
    return math.prod(max(1, side) for side in sides if isinstance(side, int)) <= _MAX_NUMBERS
