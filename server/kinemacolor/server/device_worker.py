"""The one thread that owns the device. Jobs in, replies out; order inside a clip is the clip machine's business.

There are two lanes. What a person waits for goes before what a render does, but for one turn in nine. Within a lane
steps go first: they are short and each one lets a frame out. Proposals wait and are batched over clips and over frames
ahead, first come first served, so no clip starves: every clip has at most its window in the queue.

A shot with many hints takes seconds to begin. That is done in parts, and between two parts other clips of the lane get
their turn: one piece of their work for each part, so that neither side starves.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Self, TypeVar, cast

from kinemacolor.models.api import ModelState
from kinemacolor.models.out_of_memory import is_out_of_memory
from kinemacolor.server import events as ev
from kinemacolor.server.device_faults import is_device_lost
from kinemacolor.server.device_jobs import Lane, ProposeJob, Start, StepJob
from kinemacolor.server.engine import ClipSetup, Engine, NonFiniteColorError, TimedProposal, cut_between
from kinemacolor.server.metrics import ServerMetrics, Stage
from kinemacolor.server.saved_state import SavedState
from kinemacolor.server.state_tiers import KeptState, StateTiers, Tier
from kinemacolor.server.watchdog import abandon
from kinemacolor.wire.frame import FrameNumber
from kinemacolor.wire.limits import SIGN_OF_LIFE_SECONDS
from kinemacolor.wire.reasons import ErrorReason

_log = logging.getLogger(__name__)

Result = TypeVar("Result")
_SIGN_OF_LIFE_NS = int(SIGN_OF_LIFE_SECONDS * 1e9)
_TURNS_IN_A_ROW = 8
"""Of people, while a render waits: a host that plays on end must slow renders down, not stop them."""


class DeviceWorker:
    """A thread with calls (loading a model) and two lanes of steps, proposals, and steps whose shot has to be begun.

    Use as a context manager; leaving it finishes the job under way and drops the rest.

    Args:
        engine: the models.
        tiers: where the states lie between two steps.
        lost: called in the device thread, with why, when the device fails for good; not expected to return.
        metrics: what is counted.
    """

    def __init__(
        self,
        engine: Engine,
        tiers: StateTiers,
        lost: Callable[[str], object] = abandon,
        metrics: ServerMetrics | None = None,
    ) -> None:
        self._engine, self._tiers, self._lost = engine, tiers, lost
        self._metrics = metrics or ServerMetrics()
        self._work_number: int | None = None
        """Of the piece of work that runs."""
        self._work_count = 0
        self._has_begun = False
        self._work_began = 0.0
        self._wake = threading.Condition()
        self._calls: deque[Callable[[], None]] = deque()
        self._interactive, self._bulk = Lane(), Lane()
        self._turns_in_a_row = 0
        """Of the interactive lane while the other one waited."""
        self._told_ns = time.perf_counter_ns()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="device", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._has_begun = True
        return self

    def __exit__(self, *exception: object) -> None:
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join()

    @property
    def busy_with(self) -> int | None:
        """The number of the piece of work that runs, None if none does. The death of the thread is endless work."""
        return self._work_number if self._thread.is_alive() or self._stopping or not self._has_begun else -1

    def answers_within(self, seconds: float) -> bool:
        """False if the thread is dead or has been at one piece of work for longer."""
        if not self._thread.is_alive():
            return False
        return self._work_number is None or time.monotonic() - self._work_began <= seconds

    def call(self, function: Callable[[Engine], Result]) -> "Future[Result]":
        """Run `function` in the device thread before any further job."""
        future: Future[Result] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(function(self._engine))
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the future
                self._notice(error)
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

    def _lane(self, is_interactive: bool) -> Lane:
        return self._interactive if is_interactive else self._bulk

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._stopping or self._calls or self._interactive or self._bulk)
                if self._stopping:
                    return
                work = self._next_work()
            self._work_count += 1
            self._work_began = time.monotonic()
            self._work_number = self._work_count
            work()
            self._work_number = None
            self._tell_who_waits()

    def _next_work(self) -> Callable[[], None]:
        """Take the next piece of work off its queue; called with the lock held."""
        if self._calls:
            return self._calls.popleft()
        lane = self._next_lane()
        if (start := lane.next_part()) is not None:
            return lambda: self._run_part(start)
        if lane.steps:
            return self._next_step(lane.steps.popleft())
        batch = self._take_batch(lane)
        return lambda: self._run_batch(batch)

    def _next_step(self, job: StepJob) -> Callable[[], None]:
        """The step, or the first part of the start that it needs; called with the lock held."""
        state = job.instruction.state
        if isinstance(state, KeptState) and state.tier is Tier.DEVICE:
            return lambda: self._run_step(job)
        start = Start(job, self._engine.opening(job.setup, job.instruction.number))
        self._lane(job.is_interactive).add_start(start)
        return lambda: self._run_part(start)

    def _next_lane(self) -> Lane:
        if self._interactive and (not self._bulk or self._turns_in_a_row < _TURNS_IN_A_ROW):
            self._turns_in_a_row = self._turns_in_a_row + 1 if self._bulk else 0
            return self._interactive
        self._turns_in_a_row = 0
        return self._bulk

    def _take_batch(self, lane: Lane) -> list[ProposeJob]:
        """The oldest proposal and those behind it that may share its batch, as many as the self-test allows."""
        head = lane.proposals[0]
        alike = [job for job in lane.proposals if job.can_share_a_batch_with(head)]
        size = max(size for size in self._engine.batch_sizes(head.setup) if size <= len(alike))
        batch = alike[:size]
        taken = {id(job) for job in batch}
        lane.proposals = deque(job for job in lane.proposals if id(job) not in taken)
        return batch

    def _run_batch(self, batch: list[ProposeJob]) -> None:
        """A batch may be too large for the memory or hold one bad frame; neither is the other clips' fault."""
        failed = self._try_batch(batch)
        if failed is not None and len(batch) > 1:
            _log.warning("batch failed, its frames run alone", extra={"frames": len(batch)})
            for job in batch:
                self._run_batch([job])
            return
        if failed is not None and failed.reason is ErrorReason.OUT_OF_MEMORY and self._free_memory():
            failed = self._try_batch(batch)
        if failed is not None:
            batch[0].reply(failed)

    def _try_batch(self, batch: list[ProposeJob]) -> ev.WorkFailed | None:
        """Answer the jobs, or return why not: no exception, whose traceback would hold what the batch had computed."""
        now = time.perf_counter_ns()
        waited_us = [(now - job.queued_ns) // 1000 for job in batch]
        try:
            cuts = [_detect_cut(job) for job in batch]
            proposals = self._engine.propose(batch[0].setup, [job.instruction.luma for job in batch], waited_us)
        except Exception as error:  # noqa: BLE001 - the border of the device: one bad frame must not end the thread
            instruction = batch[0].instruction
            # Of more than one, the frame that is at fault says it again alone.
            tell = self._failed_alone if len(batch) == 1 else self._failure
            failed = tell(instruction.number, instruction.generation, error)
            if failed.reason is ErrorReason.OUT_OF_MEMORY:
                self._engine.allow_batches_below(batch[0].setup, len(batch))
            return failed
        self._metrics.batch(len(batch))
        for job, proposal, cut in zip(batch, proposals, cuts, strict=True):
            self._metrics.stage(Stage.QUEUE, proposal.queue_us / 1e6)
            self._metrics.stage(Stage.NET, proposal.network_us / 1e6)
            job.reply(ev.ProposalDone(job.instruction.number, job.instruction.generation, proposal, cut))
        return None

    def _run_part(self, start: Start) -> None:
        """One part of the start of a shot; after the last one the step, which finds the start with the engine."""
        job, failed = start.job, None
        try:
            next(start.parts)
        except StopIteration:
            if self._drop(start):
                self._run_step(job)
        except Exception as error:  # noqa: BLE001 - as above
            failed = self._failed_alone(job.instruction.number, job.instruction.generation, error)
        # Not in the handler: the traceback holds what the part had computed.
        if failed is not None and not self._begins_again(start, failed):
            self._drop(start)
            job.reply(failed)

    def _tell_who_waits(self) -> None:
        """A word to the clients whose work waits, now and then. None while a device hangs: they are to notice that."""
        before = time.perf_counter_ns() - _SIGN_OF_LIFE_NS
        if self._told_ns > before:
            return
        self._told_ns = before + _SIGN_OF_LIFE_NS
        with self._wake:
            waiting = self._interactive.waiting_since(before) | self._bulk.waiting_since(before)
        for job in waiting.values():
            job.reply(ev.WorkWaits(job.instruction.generation))

    def _begins_again(self, start: Start, failed: ev.WorkFailed) -> bool:
        """Take a start back to its first part, once, if it found no memory and there is some now; it keeps its turn."""
        if failed.reason is not ErrorReason.OUT_OF_MEMORY or start.is_second_try or not self._free_memory():
            return False
        start.parts = self._engine.opening(start.job.setup, start.job.instruction.number)
        start.is_second_try = True
        return True

    def _drop(self, start: Start) -> bool:
        with self._wake:
            return self._lane(start.job.is_interactive).drop(start)

    def _run_step(self, job: StepJob) -> None:
        done = self._try_step(job)
        lacked_memory = isinstance(done, ev.WorkFailed) and done.reason is ErrorReason.OUT_OF_MEMORY
        if lacked_memory and not job.is_second_try and self._free_memory():
            # By way of the queue: its state may have left the device, and the start below it may have to be made.
            with self._wake:
                self._lane(job.is_interactive).steps.appendleft(replace(job, is_second_try=True))
            return
        job.reply(done)

    def _try_step(self, job: StepJob) -> ev.StepDone | ev.WorkFailed:
        number, generation = job.instruction.number, job.instruction.generation
        proposal = cast(TimedProposal, job.instruction.proposal)
        try:
            after, chroma = self._engine.step(job.setup, number, self._state_of(job), proposal)
            new_state = self._tiers.keep(after, partial(self._engine.restore, job.setup, number))
        except Exception as error:  # noqa: BLE001 - as above
            return self._failed_alone(number, generation, error)
        self._metrics.stage(Stage.RECURRENT, chroma.temporal_us / 1e6)
        return ev.StepDone(number, generation, new_state, chroma)

    def _free_memory(self) -> bool:
        """Move the states of all clips off the device, forget starts; False if that gave nothing back."""
        moved = self._tiers.clear_device()
        forgotten = self._engine.forget_starts()
        _log.warning("no memory on the device, states have left it", extra={"states": moved, "starts": forgotten})
        return self._engine.release_cached() or moved + forgotten > 0

    def _state_of(self, job: StepJob) -> ModelState | None:
        """The state that a step begins with, on the device; None: it is the first of its shot."""
        state = cast("KeptState | SavedState | None", job.instruction.state)
        if isinstance(state, SavedState):
            return self._engine.restore(job.setup, job.instruction.number, state.tensors())
        return None if state is None else self._tiers.load(state)

    def _failed_alone(self, number: int, generation: int, error: Exception) -> ev.WorkFailed:
        _log.error("work failed", exc_info=error, extra={"frame": number})
        return self._failure(number, generation, error)

    def _failure(self, number: int, generation: int, error: Exception) -> ev.WorkFailed:
        """What the client may know of a failure; the rest is in the log."""
        self._notice(error)
        frame = FrameNumber(number)
        if is_out_of_memory(error):
            text = "the device has no memory for this frame; a lower quality needs less"
            return ev.WorkFailed(frame, generation, ErrorReason.OUT_OF_MEMORY, text)
        if isinstance(error, NonFiniteColorError):
            self._metrics.nonfinite(error.pixels)
            text = "the network returned a colour that is no number"
            return ev.WorkFailed(frame, generation, ErrorReason.STEP_FAILED, text)
        return ev.WorkFailed(frame, generation, ErrorReason.STEP_FAILED, "the network failed on this frame")

    def _notice(self, error: BaseException) -> None:
        if is_out_of_memory(error):
            self._metrics.out_of_memory()
        if is_device_lost(error):
            self._lost(f"the device failed for good: {error}".splitlines()[0])


def _detect_cut(job: ProposeJob) -> bool:
    return cut_between(job.setup.geometry, job.instruction.previous_luma, job.instruction.luma)
