"""Which frames a server has seen in order from the beginning of a shot on: pure.

A run is a clip on the server. The server can go back to any of its frames, for it keeps states; with frames from
outside that follow on it goes on.
"""

from collections import OrderedDict
from dataclasses import dataclass

__all__ = ["Run", "Runs"]


@dataclass(slots=True)
class Run:
    """Frames `start` to `through`, all of them final."""

    key: str
    """Of the clip on the server."""
    start: int
    """Begins a shot."""
    through: int
    """`start` - 1: nothing yet."""

    def leads_to(self, number: int) -> bool:
        """True if the state before this frame is, or was, in reach."""
        return self.start <= number <= self.through + 1


class Runs:
    """The runs of a session.

    Args:
        limit: How many are remembered; the one unused for longest goes first.
    """

    def __init__(self, limit: int) -> None:
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._limit = limit

    def add(self, run: Run) -> None:
        """Remember a run."""
        self._runs[run.key] = run
        while len(self._runs) > self._limit:
            self._runs.popitem(last=False)

    def remove(self, run: Run) -> None:
        """Forget a run."""
        self._runs.pop(run.key, None)

    def leading_to(self, number: int) -> Run | None:
        """A run with the state before this frame, the one that began last if there are several."""
        found = max(
            (run for run in self._runs.values() if run.leads_to(number)), key=lambda run: run.start, default=None
        )
        if found is not None:
            self._runs.move_to_end(found.key)
        return found
