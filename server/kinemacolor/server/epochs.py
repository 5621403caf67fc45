"""Numbers of streams that only grow, also over crashes: whatever an older stream still says is recognisably old.

Numbers are reserved on disk in blocks, before the first of a block is used. They also never lie behind the clock, so
that they grow on if the folder is lost; a clock that is set back is harmless as long as the folder is there.
"""

import logging
import time

from kinemacolor.server.state_folder import StateFolder

_log = logging.getLogger(__name__)

_BLOCK = 1 << 16


class Epochs:
    """Gives each stream its number.

    Args:
        folder: where reservations are kept; None: only the clock separates this server from earlier ones.
    """

    def __init__(self, folder: StateFolder | None) -> None:
        self._folder = folder
        self._next = self._end = 0

    def take(self) -> int:
        """A number above all that were taken before."""
        if self._next == self._end:
            self._reserve()
        self._next += 1
        return self._next - 1

    def _reserve(self) -> None:
        least = max(self._next, time.time_ns() // 1_000_000)
        self._next = self._reserved(least)
        self._end = self._next + _BLOCK

    def _reserved(self, least: int) -> int:
        if self._folder is None:
            return least
        try:
            return self._folder.reserve_epochs(least, _BLOCK)
        except OSError as error:
            _log.warning("stream numbers cannot be reserved", extra={"why": error.strerror})
            return least
