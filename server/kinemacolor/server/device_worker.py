"""The one thread that owns the device. Jobs in, replies out; order inside a clip is the clip machine's business.

Steps go first: they are short and each one lets a frame out. Proposals wait and are batched over clips and over
frames ahead, first come first served, so no clip starves: every clip has at most its window in the queue.

A shot with many hints takes seconds to begin. That is done in parts, and between two parts other clips get their turn:
one piece of their work for each part, so that neither side starves.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Self, TypeVar, cast

from kinemacolor.models.api import ModelState, Opening
from kinemacolor.models.out_of_memory import is_out_of_memory
from kinemacolor.server import events as ev
from kinemacolor.server.engine import ClipSetup, Engine, NonFiniteColorError, TimedProposal, cut_between
from kinemacolor.server.saved_state import SavedState
from kinemacolor.server.state_tiers import KeptState, StateTiers
from kinemacolor.wire.frame import FrameNumber
from kinemacolor.wire.reasons import ErrorReason

_log = logging.getLogger(__name__)

Result = TypeVar("Result")
Reply = Callable[[ev.Event], None]
"""Takes the event that a job ends with; called in the device thread."""


@dataclass(frozen=True, slots=True)
class ProposeJob:
    """One frame for the frame network."""

    setup: ClipSetup
    instruction: ev.RunPropose
    reply: Reply
    queued_ns: int = field(default_factory=time.perf_counter_ns)

    def can_share_a_batch_with(self, other: "ProposeJob") -> bool:
        """Same network, same padded size."""
        return self.setup.model is other.setup.model and self.setup.padded == other.setup.padded


@dataclass(frozen=True, slots=True)
class StepJob:
    """One frame for the temporal network."""

    setup: ClipSetup
    instruction: ev.RunStep
    reply: Reply


@dataclass(slots=True, eq=False)
class _Start:
    """A step that waits for the start of its shot, which is made in parts."""

    job: StepJob
    parts: Opening


class DeviceWorker:
    """A thread with four queues: calls (loading a model), steps, proposals, and steps whose shot has to be begun.

    Use as a context manager; leaving it finishes the job under way and drops the rest.

    Args:
        engine: the models.
        tiers: where the states lie between two steps.
    """

    def __init__(self, engine: Engine, tiers: StateTiers) -> None:
        self._engine, self._tiers = engine, tiers
        self._wake = threading.Condition()
        self._calls: deque[Callable[[], None]] = deque()
        self._steps: deque[StepJob] = deque()
        self._proposals: deque[ProposeJob] = deque()
        self._starts: deque[_Start] = deque()
        self._had_part = False
        """True: the last piece of work was a part of a start, so it is the others' turn."""
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="device", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join()

    def call(self, function: Callable[[Engine], Result]) -> "Future[Result]":
        """Run `function` in the device thread before any further job."""
        future: Future[Result] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(function(self._engine))
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the future
                future.set_exception(error)

        with self._wake:
            self._calls.append(run)
            self._wake.notify()
        return future

    def propose(self, job: ProposeJob) -> None:
        """Queue a frame for the frame network; never blocks. The clip's window bounds the queue."""
        with self._wake:
            self._proposals.append(job)
            self._wake.notify()

    def step(self, job: StepJob) -> None:
        """Queue a frame for the temporal network; never blocks."""
        with self._wake:
            self._steps.append(job)
            self._wake.notify()

    def forget(self, setup: ClipSetup) -> None:
        """Drop what waits for a clip: it is not wanted any more, holds memory and keeps other clips waiting."""
        with self._wake:
            self._steps = deque(job for job in self._steps if job.setup is not setup)
            self._proposals = deque(job for job in self._proposals if job.setup is not setup)
            self._starts = deque(start for start in self._starts if start.job.setup is not setup)

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._stopping or self._has_work())
                if self._stopping:
                    return
                work = self._next_work()
            work()

    def _next_work(self) -> Callable[[], None]:
        """Take the next piece of work off its queue; called with the lock held."""
        if self._calls:
            return self._calls.popleft()
        others_wait = bool(self._steps or self._proposals)
        self._had_part = bool(self._starts) and not (self._had_part and others_wait)
        if self._had_part:
            start = self._starts[0]  # it stays in the queue, so that `forget` finds it
            self._starts.rotate(-1)
            return lambda: self._run_part(start)
        if self._steps:
            return self._next_step(self._steps.popleft())
        batch = self._take_batch()
        return lambda: self._run_batch(batch)

    def _has_work(self) -> bool:
        return bool(self._calls or self._steps or self._proposals or self._starts)

    def _next_step(self, job: StepJob) -> Callable[[], None]:
        """The step, or the first part of the start that it needs; called with the lock held."""
        state = job.instruction.state
        if isinstance(state, KeptState) and state.is_on_device:
            return lambda: self._run_step(job)
        start = _Start(job, self._engine.opening(job.setup, job.instruction.number))
        self._starts.append(start)
        return lambda: self._run_part(start)

    def _take_batch(self) -> list[ProposeJob]:
        """The oldest proposal and those behind it that may share its batch, as many as the self-test allows."""
        head = self._proposals[0]
        alike = [job for job in self._proposals if job.can_share_a_batch_with(head)]
        size = max(size for size in self._engine.batch_sizes(head.setup) if size <= len(alike))
        batch = alike[:size]
        taken = {id(job) for job in batch}
        self._proposals = deque(job for job in self._proposals if id(job) not in taken)
        return batch

    def _run_batch(self, batch: list[ProposeJob]) -> None:
        now = time.perf_counter_ns()
        waited_us = [(now - job.queued_ns) // 1000 for job in batch]
        try:
            cuts = [_detect_cut(job) for job in batch]
            proposals = self._engine.propose(batch[0].setup, [job.instruction.luma for job in batch], waited_us)
        except Exception as error:  # noqa: BLE001 - the border of the device: one bad frame must not end the thread
            if len(batch) == 1:
                [job] = batch
                job.reply(_failure(job.instruction.number, job.instruction.generation, error))
                return
        else:
            for job, proposal, cut in zip(batch, proposals, cuts, strict=True):
                job.reply(ev.ProposalDone(job.instruction.number, job.instruction.generation, proposal, cut))
            return
        # A batch may be too large for the memory or hold one bad frame; neither is the other clips' fault. Not in the
        # handler: what the batch had computed lives as long as its traceback, and single frames may need the memory.
        _log.warning("batch failed, its frames run alone", extra={"frames": len(batch)})
        for job in batch:
            self._run_batch([job])

    def _run_part(self, start: _Start) -> None:
        """One part of the start of a shot; after the last one the step, which finds the start with the engine."""
        try:
            next(start.parts)
        except StopIteration:
            if self._drop(start):
                self._run_step(start.job)
        except Exception as error:  # noqa: BLE001 - as above
            self._drop(start)
            start.job.reply(_failure(start.job.instruction.number, start.job.instruction.generation, error))

    def _drop(self, start: _Start) -> bool:
        """Take a start from its queue; False if it is not wanted any more."""
        with self._wake:
            is_wanted = start in self._starts
            if is_wanted:
                self._starts.remove(start)
        return is_wanted

    def _run_step(self, job: StepJob) -> None:
        number, generation = job.instruction.number, job.instruction.generation
        proposal = cast(TimedProposal, job.instruction.proposal)
        try:
            after, chroma = self._engine.step(job.setup, number, self._state_of(job), proposal)
            new_state = self._tiers.keep(after, partial(self._engine.restore, job.setup, number))
        except Exception as error:  # noqa: BLE001 - as above
            job.reply(_failure(number, generation, error))
            return
        job.reply(ev.StepDone(number, generation, new_state, chroma))

    def _state_of(self, job: StepJob) -> ModelState | None:
        """The state that a step begins with, on the device; None: it is the first of its shot."""
        state = cast("KeptState | SavedState | None", job.instruction.state)
        if isinstance(state, SavedState):
            return self._engine.restore(job.setup, job.instruction.number, state.tensors())
        return None if state is None else self._tiers.load(state)


def _detect_cut(job: ProposeJob) -> bool:
    return cut_between(job.setup.geometry, job.instruction.previous_luma, job.instruction.luma)


def _failure(number: int, generation: int, error: Exception) -> ev.WorkFailed:
    """What the client may know of a failure; the rest is in the log."""
    _log.error("work failed", exc_info=error, extra={"frame": number})
    frame = FrameNumber(number)
    if is_out_of_memory(error):
        text = "the device has no memory for this frame; a lower quality needs less"
        return ev.WorkFailed(frame, generation, ErrorReason.OUT_OF_MEMORY, text)
    if isinstance(error, NonFiniteColorError):
        text = "the network returned a colour that is no number"
        return ev.WorkFailed(frame, generation, ErrorReason.STEP_FAILED, text)
    return ev.WorkFailed(frame, generation, ErrorReason.STEP_FAILED, "the network failed on this frame")
