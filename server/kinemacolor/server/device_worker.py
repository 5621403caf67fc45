"""The one thread that owns the device. Jobs in, replies out; order inside a clip is the clip machine's business.

There are two lanes. What a person waits for goes before what a render does, but for one turn in nine. Within a lane
steps go first: they are short and each one lets a frame out. Proposals wait and are batched over clips and over frames
ahead, first come first served, so no clip starves: every clip has at most its window in the queue.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Self, TypeVar, cast

from kinemacolor.models.api import ModelState
from kinemacolor.server import events as ev
from kinemacolor.server.engine import ClipSetup, Engine, NonFiniteColorError, TimedProposal, cut_between
from kinemacolor.server.out_of_memory import is_out_of_memory
from kinemacolor.server.state_tiers import KeptState, StateTiers
from kinemacolor.wire.frame import FrameNumber
from kinemacolor.wire.reasons import ErrorReason

_log = logging.getLogger(__name__)

Result = TypeVar("Result")
Reply = Callable[[ev.Event], None]
"""Takes the event that a job ends with; called in the device thread."""

_TURNS_IN_A_ROW = 8
"""Of people, while a render waits: a host that plays on end must slow renders down, not stop them."""


@dataclass(frozen=True, slots=True)
class ProposeJob:
    """One frame for the frame network."""

    setup: ClipSetup
    instruction: ev.RunPropose
    reply: Reply
    is_interactive: bool = False
    queued_ns: int = field(default_factory=time.perf_counter_ns)

    def can_share_a_batch_with(self, other: "ProposeJob") -> bool:
        """Same network, same padded size, same lane: a person must not wait for frames of a render."""
        if self.is_interactive is not other.is_interactive:
            return False
        return self.setup.model is other.setup.model and self.setup.padded == other.setup.padded


@dataclass(frozen=True, slots=True)
class StepJob:
    """One frame for the temporal network."""

    setup: ClipSetup
    instruction: ev.RunStep
    reply: Reply
    is_interactive: bool = False


class _Lane:
    """What waits: steps and proposals."""

    def __init__(self) -> None:
        self.steps: deque[StepJob] = deque()
        self.proposals: deque[ProposeJob] = deque()

    def __bool__(self) -> bool:
        return bool(self.steps or self.proposals)

    def forget(self, setup: ClipSetup) -> None:
        self.steps = deque(job for job in self.steps if job.setup is not setup)
        self.proposals = deque(job for job in self.proposals if job.setup is not setup)


class DeviceWorker:
    """A thread with calls (loading a model) and two lanes of steps and proposals.

    Use as a context manager; leaving it finishes the job under way and drops the rest.

    Args:
        engine: the models.
        tiers: where the states lie between two steps.
    """

    def __init__(self, engine: Engine, tiers: StateTiers) -> None:
        self._engine, self._tiers = engine, tiers
        self._wake = threading.Condition()
        self._calls: deque[Callable[[], None]] = deque()
        self._interactive, self._bulk = _Lane(), _Lane()
        self._turns_in_a_row = 0
        """Of the interactive lane while the other one waited."""
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
            self._lane(job.is_interactive).proposals.append(job)
            self._wake.notify()

    def step(self, job: StepJob) -> None:
        """Queue a frame for the temporal network; never blocks."""
        with self._wake:
            self._lane(job.is_interactive).steps.append(job)
            self._wake.notify()

    def forget(self, setup: ClipSetup) -> None:
        """Drop what waits for a clip: it is not wanted any more, holds memory and keeps other clips waiting."""
        with self._wake:
            self._interactive.forget(setup)
            self._bulk.forget(setup)

    def _lane(self, is_interactive: bool) -> _Lane:
        return self._interactive if is_interactive else self._bulk

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._stopping or self._calls or self._interactive or self._bulk)
                if self._stopping:
                    return
                work = self._next_work()
            work()

    def _next_work(self) -> Callable[[], None]:
        """Take the next piece of work off its queue; called with the lock held."""
        if self._calls:
            return self._calls.popleft()
        lane = self._next_lane()
        if lane.steps:
            step = lane.steps.popleft()
            return lambda: self._run_step(step)
        batch = self._take_batch(lane)
        return lambda: self._run_batch(batch)

    def _next_lane(self) -> _Lane:
        if self._interactive and (not self._bulk or self._turns_in_a_row < _TURNS_IN_A_ROW):
            self._turns_in_a_row = self._turns_in_a_row + 1 if self._bulk else 0
            return self._interactive
        self._turns_in_a_row = 0
        return self._bulk

    def _take_batch(self, lane: _Lane) -> list[ProposeJob]:
        """The oldest proposal and those behind it that may share its batch, as many as the self-test allows."""
        head = lane.proposals[0]
        alike = [job for job in lane.proposals if job.can_share_a_batch_with(head)]
        size = max(size for size in self._engine.batch_sizes(head.setup) if size <= len(alike))
        batch = alike[:size]
        taken = {id(job) for job in batch}
        lane.proposals = deque(job for job in lane.proposals if id(job) not in taken)
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

    def _run_step(self, job: StepJob) -> None:
        number, generation = job.instruction.number, job.instruction.generation
        kept = cast("KeptState | ModelState | None", job.instruction.state)
        proposal = cast(TimedProposal, job.instruction.proposal)
        try:
            state = self._tiers.load(kept) if isinstance(kept, KeptState) else kept
            after, chroma = self._engine.step(job.setup, number, state, proposal)
            new_state = self._tiers.keep(after, job.setup.model.restore_state)
        except Exception as error:  # noqa: BLE001 - as above
            job.reply(_failure(number, generation, error))
            return
        job.reply(ev.StepDone(number, generation, new_state, chroma))


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
