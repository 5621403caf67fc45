"""States at the start of shots with guides: those that were used last are kept.

They are a function of weights and guides, so whoever asks again gets the same value, and what is kept only saves its
cost. It is what goes back to the start of a shot, or comes back from a disk, that asks again.
"""

from collections import OrderedDict
from collections.abc import Hashable

from kinemacolor.models.api import ModelState


class ShotStarts:
    """The starts used last, the newest one always; for one thread.

    Args:
        limit_bytes: For all of them.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._kept: OrderedDict[Hashable, ModelState] = OrderedDict()

    @property
    def nbytes(self) -> int:
        """Bytes of device memory."""
        return sum(state.nbytes for state in self._kept.values())

    def get(self, key: Hashable) -> ModelState | None:
        """The start of that key, if it is kept."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: Hashable, start: ModelState) -> None:
        """Keep a start; those unused for longest make room."""
        self._kept[key] = start
        self._kept.move_to_end(key)
        while self.nbytes > self._limit and len(self._kept) > 1:
            self._kept.popitem(last=False)

    def make_room(self) -> int:
        """Keep the newest one alone, which may be what a step is about to begin with; returns how many went."""
        older = max(len(self._kept) - 1, 0)
        for _ in range(older):
            self._kept.popitem(last=False)
        return older
