"""How often something happens, over the last seconds; pure, the caller brings the clock."""

from collections import deque

_SPAN_SECONDS = 10


class RateMeter:
    """Events per second over the last ten seconds, or since the first event if that is nearer.

    Counts whole seconds, so it takes the same room however fast things happen.
    """

    def __init__(self) -> None:
        self._counts: deque[tuple[int, int]] = deque(maxlen=_SPAN_SECONDS + 1)
        """(second, events in it), in order; seconds without any are left out."""
        self._first: float | None = None

    def note(self, now: float) -> None:
        """It has happened. `now` is seconds of a clock that never jumps."""
        self._first = now if self._first is None else self._first
        second = int(now)
        if self._counts and self._counts[-1][0] == second:
            self._counts[-1] = (second, self._counts[-1][1] + 1)
        else:
            self._counts.append((second, 1))

    def per_second(self, now: float) -> float:
        """0 if nothing has happened for ten seconds."""
        if self._first is None:
            return 0.0
        count = sum(count for second, count in self._counts if second > now - _SPAN_SECONDS)
        return count / min(_SPAN_SECONDS, max(1.0, now - self._first))
