"""Which parts of an output are there and which are missing: whole numbers, nothing else."""

from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """Parts `first` to `last`, both included; `last` None: to the end, wherever that is."""

    first: int
    last: int | None


class IndexRuns:
    """A set of indices, kept as runs: its size follows the number of gaps, not the length of the film."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def __contains__(self, index: int) -> bool:
        at = bisect_right(self._firsts, index) - 1
        return at >= 0 and index <= self._lasts[at]

    def add(self, index: int) -> None:
        """Put an index in."""
        if index in self:
            return
        at = bisect_right(self._firsts, index)
        self._firsts.insert(at, index)
        self._lasts.insert(at, index)
        self._join(at)
        self._join(at - 1)

    def _join(self, at: int) -> None:
        """Make one run of this and the next if they touch."""
        if 0 <= at < len(self._firsts) - 1 and self._lasts[at] + 1 == self._firsts[at + 1]:
            del self._firsts[at + 1], self._lasts[at]

    def missing(self, total: int | None) -> list[Run]:
        """What is not there, of `total` parts or, for None, of a number that is not known yet."""
        gaps = []
        next_index = 0
        for first, last in zip(self._firsts, self._lasts, strict=True):
            if first > next_index:
                gaps.append(Run(next_index, first - 1))
            next_index = last + 1
        if total is None:
            return [*gaps, Run(next_index, None)]
        return [*gaps, Run(next_index, total - 1)] if next_index < total else gaps
