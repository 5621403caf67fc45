"""Which number a decoded picture has, and whether one is missing. Pure: knows times and numbers, no files."""

import heapq
from abc import ABC, abstractmethod
from collections.abc import Sequence

from kinemacolor.media.errors import SourceError

__all__ = ["Counting", "Lookup", "Numbering", "Outstanding"]


class Outstanding:
    """Presentation times of the packets whose pictures have not come out of the decoder yet.

    Args:
        jump: a step back in time by more than this is a join of recordings; there the check ends.
        active: whether one packet is one picture and has its time. If not, nothing is ever missed.
    """

    def __init__(self, jump: int, *, active: bool) -> None:
        self.active = active
        self._jump = jump
        self._waiting: list[int] = []
        self._last: int | None = None
        """Of the last picture; before the first one a decoder may leave out what it cannot decode."""

    def sent(self, pts: int | None) -> None:
        """Take note of a packet that goes into the decoder."""
        if not self.active:
            return
        if pts is None or (self._last is not None and pts < self._last - self._jump):
            self.active = False
        elif self._last is None or pts > self._last:
            heapq.heappush(self._waiting, pts)

    def skipped(self, pts: int | None) -> bool:
        """Take note of a picture; True if one that should have come before it did not."""
        if not self.active or pts is None:
            return False
        missed = False
        while self._waiting and self._waiting[0] <= pts:
            missed |= heapq.heappop(self._waiting) < pts and self._last is not None
        self._last = pts
        return missed

    def any_left(self) -> bool:
        """True if pictures are still to come; at the end of the film these are lost."""
        return self.active and bool(self._waiting)


class Numbering(ABC):
    """Which number the next decoded picture has."""

    upcoming = 0

    @abstractmethod
    def next(self, pts: int | None) -> int:
        """The number of the picture with this time, in the order in which they come."""


class Counting(Numbering):
    """From the start of the file: one after the other."""

    def next(self, pts: int | None) -> int:
        """See `Numbering.next`."""
        number = self.upcoming
        self.upcoming += 1
        return number


class Lookup(Numbering):
    """After a seek: by the exact presentation time, and then one after the other, which is checked.

    Args:
        pts: of all frames, ascending.
    """

    def __init__(self, pts: Sequence[int]) -> None:
        self._number_of = {time: number for number, time in enumerate(pts)}
        self._started = False

    def next(self, pts: int | None) -> int:
        """See `Numbering.next`."""
        number = self._number_of.get(pts) if pts is not None else None
        if number is None or (self._started and number != self.upcoming):
            raise SourceError(f"the picture at pts {pts} does not fit the file's index; the file is damaged")
        self._started = True
        self.upcoming = number + 1
        return number
