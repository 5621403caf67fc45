"""What waits for the device: frames for the two networks, and shots that are begun in parts."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from kinemacolor.models.api import Opening
from kinemacolor.server import events as ev
from kinemacolor.server.engine import ClipSetup

__all__ = ["Lane", "ProposeJob", "Reply", "Start", "StepJob"]

Reply = Callable[[ev.Event], None]
"""Takes the event that a job ends with; called in the device thread."""


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
    is_second_try: bool = False
    """True: the first one found no memory."""
    queued_ns: int = field(default_factory=time.perf_counter_ns)


@dataclass(slots=True, eq=False)
class Start:
    """A step that waits for the start of its shot, which is made in parts."""

    job: StepJob
    parts: Opening
    is_second_try: bool = False
    """True: the first one found no memory."""


class Lane:
    """What waits, in the order in which it came. Not safe to use from several threads."""

    def __init__(self) -> None:
        self.steps: deque[StepJob] = deque()
        self.proposals: deque[ProposeJob] = deque()
        self._starts: deque[Start] = deque()
        self._had_part = False
        """True: the last piece of work was a part of a start, so it is the others' turn."""

    def __bool__(self) -> bool:
        return bool(self.steps or self.proposals or self._starts)

    def add_start(self, start: Start) -> None:
        """A shot has to be begun."""
        self._starts.append(start)

    def next_part(self) -> Start | None:
        """The start that gets a turn now, if one does; it stays in the queue, so that `forget` finds it.

        One after the other: side by side they would all end late, and hold what they have made until then.
        """
        others_wait = bool(self.steps or self.proposals)
        self._had_part = bool(self._starts) and not (self._had_part and others_wait)
        if not self._had_part:
            return None
        return self._starts[0]

    def waiting_since(self, before_ns: int) -> dict[int, ProposeJob | StepJob]:
        """One job of each clip of those that were queued before then, by the identity of its setup."""
        jobs: list[ProposeJob | StepJob] = [*self.proposals, *self.steps, *(start.job for start in self._starts)]
        return {id(job.setup): job for job in jobs if job.queued_ns <= before_ns}

    def drop(self, start: Start) -> bool:
        """Take a start from its queue; False if it is not wanted any more."""
        is_wanted = start in self._starts
        if is_wanted:
            self._starts.remove(start)
        return is_wanted

    def forget(self, setup: ClipSetup) -> None:
        """Drop what waits for a clip."""
        self.steps = deque(job for job in self.steps if job.setup is not setup)
        self.proposals = deque(job for job in self.proposals if job.setup is not setup)
        self._starts = deque(start for start in self._starts if start.job.setup is not setup)
