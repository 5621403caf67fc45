"""Threads in a row with bounded queues between them: the first error, or an abort, stops them all.

Rules
  * A queue never holds more than its capacity, so memory does not grow with the length of the film.
  * Whoever waits on a queue is woken by an abort; nobody else has to be asked.
  * The first error wins: what breaks after it breaks because of it.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

_Item = TypeVar("_Item")

_POLL_SECONDS = 0.1
"""How often the waiting main thread looks up: for signals and for the progress display."""


class PipelineAbortedError(Exception):
    """Another stage failed or the user gave up; never the cause itself."""


class Abort:
    """The one switch that stops all stages, with the error that threw it."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.error: BaseException | None = None
        self.is_set = False

    def throw(self, error: BaseException | None = None) -> None:
        """Stop everything. Only the first error is kept."""
        with self.changed:
            if not self.is_set:
                self.is_set, self.error = True, error
            self.changed.notify_all()

    def check(self) -> None:
        """Raise PipelineAbortedError if the switch is thrown."""
        if self.is_set:
            raise PipelineAbortedError

    def sleep(self, seconds: float) -> None:
        """Wait, but not longer than until the switch is thrown.

        Raises:
            PipelineAbortedError: It was thrown.
        """
        with self.changed:
            self.changed.wait_for(lambda: self.is_set, seconds)
        self.check()


class BoundedQueue(Generic[_Item]):
    """Items in order between two threads."""

    def __init__(self, capacity: int, abort: Abort) -> None:
        self._capacity = capacity
        self._abort = abort
        self._items: deque[_Item] = deque()
        self._closed = False

    def put(self, item: _Item) -> None:
        """Append an item; blocks while the queue is full.

        Raises:
            PipelineAbortedError: The pipeline stops.
        """
        changed = self._abort.changed
        with changed:
            while len(self._items) >= self._capacity and not self._abort.is_set:
                changed.wait()
            self._abort.check()
            self._items.append(item)
            changed.notify_all()

    def close(self) -> None:
        """Say that no further item comes."""
        with self._abort.changed:
            self._closed = True
            self._abort.changed.notify_all()

    def __iter__(self) -> Iterator[_Item]:
        """All items, until the queue is closed and empty.

        Raises:
            PipelineAbortedError: The pipeline stops.
        """
        changed = self._abort.changed
        while True:
            with changed:
                while not self._items and not self._closed and not self._abort.is_set:
                    changed.wait()
                self._abort.check()
                if not self._items:
                    return
                item = self._items.popleft()
                changed.notify_all()
            yield item


class Stages:
    """The threads of one pipeline."""

    def __init__(self) -> None:
        self.abort = Abort()
        self._threads: list[threading.Thread] = []

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Run `work` in a thread; its exception stops the pipeline."""
        thread = threading.Thread(target=self._run, args=(work,), name=f"kinemacolor-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def wait(self, look_up: Callable[[], None]) -> None:
        """Wait until all stages have ended or one has failed, calling `look_up` many times a second.

        Raises:
            BaseException: What the first failing stage raised. The others may still run: one that waits for something
                else than a queue is woken only by the caller (then `join`).
        """
        for thread in self._threads:
            while thread.is_alive() and not self.abort.is_set:
                thread.join(_POLL_SECONDS)
                look_up()
        if self.abort.error is not None:
            raise self.abort.error

    def join(self, seconds: float) -> bool:
        """Wait for the end of aborted stages; False if one is still running after that time."""
        give_up = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, give_up - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except PipelineAbortedError:
            pass
        except BaseException as error:  # noqa: BLE001 - carried to the main thread, which raises it
            self.abort.throw(error)


@dataclass(slots=True)
class StageTime:
    """What one stage has cost so far."""

    cpu_seconds: float = 0.0
    """Of its own thread; codec threads count elsewhere."""
    wall_seconds: float = 0.0
    calls: int = 0


class StageClock:
    """Time per stage, over all threads that work for it."""

    def __init__(self) -> None:
        self.stages: dict[str, StageTime] = {}
        self._lock = threading.Lock()

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Count the body towards a stage."""
        cpu, wall = time.thread_time(), time.perf_counter()
        try:
            yield
        finally:
            cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
            with self._lock:
                entry = self.stages.setdefault(stage, StageTime())
                entry.cpu_seconds += cpu
                entry.wall_seconds += wall
                entry.calls += 1
