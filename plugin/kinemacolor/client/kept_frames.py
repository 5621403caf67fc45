"""The frames that a client may have to send again: pure, without threads, sockets or clock."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """One frame as it was handed in."""

    number: int
    luma: NDArray[np.uint16]
    """(H, W)."""
    pre_roll: bool


class KeptFrames:
    """Frames without gaps, the oldest of which go first.

    Args:
        first: Number of the first frame that will come.
        limit_bytes: Of their luma. Frames that are still needed stay above it, too.
    """

    def __init__(self, first: int, limit_bytes: int) -> None:
        self._frames: deque[KeptFrame] = deque()
        self._end = first
        self._limit = limit_bytes
        self._bytes = 0

    @property
    def earliest(self) -> int:
        """The first frame that is kept; `end` if none is."""
        return self._end - len(self._frames)

    @property
    def end(self) -> int:
        """The number after the last frame."""
        return self._end

    def get(self, number: int) -> KeptFrame:
        """A frame from `earliest` to `end` - 1."""
        if not self.earliest <= number < self._end:
            raise ValueError(f"frame {number} is not among those kept, {self.earliest} to {self._end - 1}")
        return self._frames[number - self.earliest]

    def add(self, frame: KeptFrame) -> None:
        """Keep the next frame."""
        if frame.number != self._end:
            raise ValueError(f"the next frame is {self._end}, found {frame.number}")
        self._frames.append(frame)
        self._end += 1
        self._bytes += frame.luma.nbytes

    def drop_before(self, number: int) -> None:
        """Let all frames before this one go."""
        while self._frames and self._frames[0].number < number:
            self._bytes -= self._frames.popleft().luma.nbytes

    def make_room(self, needed: int) -> None:
        """Let the oldest frames go until the rest fits the limit, but none from `needed` on."""
        while self._bytes > self._limit and self.earliest < min(needed, self._end):
            self.drop_before(self.earliest + 1)
