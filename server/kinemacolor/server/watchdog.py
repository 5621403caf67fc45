"""Ends the process when the device does not come back; who started it (systemd, a client) starts it again.

A thread that hangs in a driver cannot be stopped from within, and after some faults of a GPU no call to it succeeds
until the process is another one. Snapshots lie on the disk, so clips go on where those were.
"""

import faulthandler
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import NoReturn, Self

_log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
EXIT_STATUS = 70
"""EX_SOFTWARE: no code of the command's own table, so a supervisor can tell it from a mistake in the arguments."""


def abandon(why: str) -> NoReturn:
    """End this process now, with the stacks of all threads in the log: cleaning up would wait for the device."""
    _log.critical("device lost, the server ends", extra={"why": why})
    faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
    logging.shutdown()
    os._exit(EXIT_STATUS)


class Watchdog:
    """Looks once a second whether the device thread still runs the same piece of work. A context manager.

    Looks are counted, not seconds of a clock: a process that was stopped (SIGSTOP, a suspended machine) has not hung.

    Args:
        busy_with: Number of the piece of work that runs, None if none does; called in the watchdog's thread.
        limit_seconds: How long one may take.
        give_up: Called once with why.
        tick_seconds: Between two looks.
    """

    def __init__(
        self,
        busy_with: Callable[[], int | None],
        limit_seconds: float,
        give_up: Callable[[str], object] = abandon,
        tick_seconds: float = TICK_SECONDS,
    ) -> None:
        self._busy_with, self._give_up = busy_with, give_up
        self._limit_seconds, self._tick_seconds = limit_seconds, tick_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        looks, before = 0, None
        while not self._stopping.wait(self._tick_seconds):
            now = self._busy_with()
            looks = looks + 1 if now is not None and now == before else 0
            before = now
            if looks * self._tick_seconds > self._limit_seconds:
                self._give_up(f"one piece of work takes more than {self._limit_seconds:g} s")
                return
