"""Where labels stand beside points so that each can be read. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Box", "places_of"]

_BESIDE, _ABOVE = 8.0, 4.0
_REACH = 6.0
"""Half the side of what a point covers."""
_ROWS = 6
"""How many heights of a label it may be away from its point."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; x to the right, y upwards, in any unit."""

    left: float
    bottom: float
    width: float
    height: float

    def shared_with(self, other: "Box") -> float:
        """The area that is covered by both."""
        wide = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        high = min(self.bottom + self.height, other.bottom + other.height) - max(self.bottom, other.bottom)
        return max(0.0, wide) * max(0.0, high)


def places_of(points: Sequence[tuple[float, float]], sizes: Sequence[tuple[float, float]], within: Box) -> list[Box]:
    """A box for each label, close to its point: upon no other label, no point and no border, as far as there is room.

    Args:
        points: x and y.
        sizes: Width and height of the label of each.
        within: Where all must stand.
    """
    covered = [Box(x - _REACH, y - _REACH, 2 * _REACH, 2 * _REACH) for x, y in points]
    found: list[Box] = []
    for point, size in zip(points, sizes, strict=True):
        found.append(min(_choices(*point, *size), key=lambda box: _badness(box, [*covered, *found], within)))
    return found


def _choices(x: float, y: float, width: float, height: float) -> Iterator[Box]:
    """The first of the best is taken: right before left, near before far."""
    for row in range(_ROWS):
        for left in (x + _BESIDE, x - _BESIDE - width):
            for bottom in (y + _ABOVE + row * height, y - _ABOVE - (row + 1) * height):
                yield Box(left, bottom, width, height)


def _badness(box: Box, others: Sequence[Box], within: Box) -> float:
    outside = box.width * box.height - box.shared_with(within)
    return round(outside + sum(box.shared_with(other) for other in others), 3)  # else rounding chooses among the free
