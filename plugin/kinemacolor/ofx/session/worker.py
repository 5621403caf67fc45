"""Long work beside the helper's main thread, which goes on telling the host that it lives."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import Generic, TypeVar

from kinemacolor.ofx.helper.effect import HostAccess

__all__ = ["AbortedError", "AskHost", "Errand", "Workers"]

_LOOK_SECONDS = 0.02
_ABANDONED_SECONDS = 0.2
_Answer = TypeVar("_Answer")
_Told = TypeVar("_Told")
_Question = Callable[[HostAccess | None], None]
"""Asks the host and hands on what it says; without a host it says that nobody waits."""


class AbortedError(Exception):
    """The host does not want the answer any more. The work may go on."""


class AskHost:
    """The host, for work in another thread."""

    def __init__(self, questions: "queue.SimpleQueue[_Question | None]") -> None:
        self._questions = questions
        self.is_abandoned = threading.Event()

    def __call__(self, question: Callable[[HostAccess], _Told]) -> _Told:
        """Have the helper's main thread ask, and wait for the answer.

        Raises:
            AbortedError: Nobody waits any more.
        """
        answer: Future[_Told] = Future()
        self._questions.put(lambda host: _hand_on(question, host, answer))
        while not self.is_abandoned.is_set():
            try:
                return answer.result(_ABANDONED_SECONDS)
            except NotYet:
                continue
        raise AbortedError


def _hand_on(question: Callable[[HostAccess], _Told], host: HostAccess | None, answer: "Future[_Told]") -> None:
    if host is None:
        answer.set_exception(AbortedError())
        return
    try:
        answer.set_result(question(host))
    except BaseException:
        answer.set_exception(AbortedError())
        raise


class Errand(Generic[_Answer]):
    """Work that is under way in a thread of its own."""

    def __init__(
        self, future: "Future[_Answer]", ask: AskHost, questions: "queue.SimpleQueue[_Question | None]"
    ) -> None:
        self._future, self._ask, self._questions = future, ask, questions
        future.add_done_callback(lambda _: questions.put(None))

    def wait(self, host: HostAccess, tick: Callable[[], None] | None = None) -> _Answer:
        """Its result; the host is told that work goes on, and asked what the work wants to know.

        Args:
            host: Waits.
            tick: Called many times a second.

        Raises:
            AbortedError: The host does not want it any more.
            Exception: What the work raised.
        """
        while not self._future.done():
            self._serve(host)
            if tick is not None:
                tick()
            if host.aborted():
                self._ask.is_abandoned.set()
                raise AbortedError
        return self._future.result()

    def see_through(self, host: HostAccess) -> _Answer:
        """Its result, whether the host still wants it or not, while the host is told that work goes on.

        For work on the host's own picture, which must not go on when the host has it back.

        Raises:
            Exception: What the work raised.
        """
        while not self._future.done():
            self._serve(None)
            host.aborted()
        return self._future.result()

    def settle(self, host: HostAccess) -> None:
        """Wait until it has ended, whatever came of it.

        Raises:
            AbortedError: As `wait`.
        """
        while not self._future.done():
            self._serve(None)
            if host.aborted():
                raise AbortedError

    def _serve(self, host: HostAccess | None) -> None:
        try:
            question = self._questions.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            return
        if question is not None:
            question(host)


class Workers:
    """The threads of a helper."""

    def __init__(self, count: int) -> None:
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="kinemacolor-colour")

    def start(self, work: Callable[[AskHost], _Answer]) -> Errand[_Answer]:
        """Begin work, which is given a way to ask the host."""
        questions: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()
        ask = AskHost(questions)
        return Errand(self._threads.submit(work, ask), ask, questions)

    def close(self) -> None:
        """Begin nothing new; what runs ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)
