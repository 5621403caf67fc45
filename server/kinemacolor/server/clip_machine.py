"""Which frame runs next, from which state, and what is answered: the pure core of the server.

Rules, all of them kept in this file and nowhere else:

1. `handle(event)` is the only entrance. It returns instructions and does nothing itself: no clock, no thread, no
   tensor, no socket. The same events give the same instructions.
2. Frames are accepted in strictly increasing order and answered in that order, each exactly once.
3. Proposals (frame network) are asked for as soon as a frame is accepted and may come back in any order. Steps
   (temporal network) run one at a time, in frame order; the step of frame n gets the state that the step of n - 1
   returned, or None where a shot begins.
4. A state is a value. The last `window + 1` of them are kept with their frame numbers, so that a lost answer or a
   small seek costs nothing; everything older is gone, which bounds the memory of a clip.
5. Results of an older generation are dropped without a trace: work on a device cannot be called back.
6. A snapshot is wanted at every shot start, where there is no state yet, and after every SNAPSHOT_INTERVAL frames of a
   shot. Whether and when it becomes durable is the shell's business; what it restores is the value that was saved, so
   where a clip goes on from never changes a colour, only how many frames are computed again.
"""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kinemacolor.server import events as ev
from kinemacolor.server.events import ClipPhase, Event, Instruction, Restored
from kinemacolor.server.snapshot_index import SNAPSHOT_INTERVAL
from kinemacolor.wire.frame import FrameNumber
from kinemacolor.wire.limits import MAX_SHOT_STARTS
from kinemacolor.wire.reasons import ErrorReason


class InvalidTransitionError(Exception):
    """The shell sent an event that cannot happen in this phase: a fault of the server, never of a client."""


@dataclass(slots=True)
class _Waiting:
    """A frame between acceptance and answer."""

    number: FrameNumber
    luma: bytes
    pre_roll: bool
    known_start: bool
    proposal: object | None = None
    is_cut: bool = False
    failure: ev.WorkFailed | None = None

    @property
    def shot_start(self) -> bool:
        return self.known_start or self.is_cut


@dataclass(frozen=True, slots=True)
class _Past:
    """A finished frame that can still be resumed from."""

    number: FrameNumber
    luma: bytes
    state: object
    shot: FrameNumber
    """The first frame of its shot."""


class ClipMachine:
    """The life of one clip.

    Args:
        window: frames that may be accepted and unanswered, 1 or more.
        shot_starts: first frames of all shots, sorted, or None if cuts are detected.
    """

    def __init__(self, *, window: int, shot_starts: tuple[FrameNumber, ...] | None = None) -> None:
        self._window = window
        self._edit_list = None if shot_starts is None else frozenset(shot_starts)
        self._phase = ClipPhase.DETACHED
        self._generation = 0
        self._stepping = False
        self._waiting: deque[_Waiting] = deque()
        self._seek: FrameNumber | None = None
        self._answered = 0
        self._shots = 0
        self._past: deque[_Past]
        self._last_luma: bytes | None
        self._starts: list[FrameNumber]
        self._boundaries: set[FrameNumber]
        self._forget(FrameNumber(0))

    # ---- what the shell may read ----

    @property
    def phase(self) -> ClipPhase:
        """Where the clip stands."""
        return self._phase

    @property
    def expected(self) -> FrameNumber:
        """The number the next frame must carry."""
        return self._expected

    @property
    def answered(self) -> int:
        """Frames answered since the present stream attached."""
        return self._answered

    @property
    def waiting(self) -> int:
        """Frames accepted and not yet answered."""
        return len(self._waiting)

    @property
    def generation(self) -> int:
        """Grows when the line of frames breaks; work of an older one is not wanted any more."""
        return self._generation

    @property
    def states(self) -> tuple[object, ...]:
        """The states that are kept, oldest first; their bytes are the clip's memory."""
        return tuple(past.state for past in self._past)

    def luma_of(self, number: FrameNumber) -> bytes | None:
        """Of a finished frame, the last one above all; None if it is not kept."""
        return next((past.luma for past in reversed(self._past) if past.number == number), None)

    def newest_state(self, lowest: FrameNumber, highest: FrameNumber) -> FrameNumber | None:
        """The last frame from `lowest` to `highest` whose state is kept."""
        return max((past.number for past in self._past if lowest <= past.number <= highest), default=None)

    def handle(self, event: Event) -> list[Instruction]:
        """Take one event in, give the instructions that follow from it.

        Raises:
            InvalidTransitionError: the event cannot happen in this phase; the machine is unchanged.
        """
        handler = _HANDLERS[type(event)]
        if self._phase not in handler.phases:
            raise InvalidTransitionError(f"{type(event).__name__} in phase {self._phase.name}")
        return handler.function(self, event)

    # ---- streams come and go ----

    def _attach(self, event: ev.StreamAttached) -> list[Instruction]:
        self._break_line()
        self._phase = ClipPhase.STREAMING
        self._answered = 0
        self._shots = 0
        resumed = not event.restart and self._resume(event)
        if not resumed:
            self._forget(event.first_frame)
        return [ev.EmitOpened(self._expected, resumed)]

    def _resume(self, event: ev.StreamAttached) -> bool:
        """Go on from the latest state within the client's reach, a kept one or one that was read back."""
        earliest = event.first_frame if event.earliest_frame is None else event.earliest_frame
        kept = self.newest_state(FrameNumber(earliest - 1), FrameNumber(event.first_frame - 1))
        if event.restored is not None and (kept is None or event.restored.next_frame > kept + 1):
            self._restore(event.restored)
            return True
        return kept is not None and self._rewind_to(kept)

    def _lose(self, event: ev.StreamLost) -> list[Instruction]:
        self._break_line()
        self._phase = ClipPhase.DETACHED
        return []

    def _evict(self, event: ev.Evicted) -> list[Instruction]:
        attached = self._phase is not ClipPhase.DETACHED
        saves = self._last_snapshots() if event.keeps_snapshots else []
        self._close()
        refusal: list[Instruction] = [ev.RefuseStream(ErrorReason.EVICTED, event.message)] if attached else []
        return [*saves, *refusal, ev.ReleaseClip()]

    def _last_snapshots(self) -> list[Instruction]:
        """The oldest state that is kept, which every client can go on from, and the newest."""
        ends = {past.number: past for past in (self._past[0], self._past[-1])} if self._past else {}
        return [self._snapshot_after(past) for past in ends.values()]

    # ---- frames come in ----

    def _frame(self, event: ev.FrameArrived) -> list[Instruction]:
        if self._phase is ClipPhase.ENDING:
            return self._refuse(ErrorReason.AFTER_END, "a frame after end_clip")
        if self._phase is ClipPhase.SEEKING:
            return self._refuse(ErrorReason.OUT_OF_ORDER, "a frame before the answer to the seek")
        if event.number == self._expected - 1 and event.luma == self._last_luma:
            return []
        if event.number != self._expected:
            return self._out_of_order(f"frame {event.number}")
        if len(self._waiting) >= self._window:
            return self._refuse(ErrorReason.WINDOW_EXCEEDED, f"more than {self._window} frames are unanswered")
        return [self._accept(event)]

    def _accept(self, event: ev.FrameArrived) -> ev.RunPropose:
        known_start = self._is_known_start(event.number)
        detects = self._edit_list is None and not known_start
        previous = self._last_luma if detects else None
        self._waiting.append(_Waiting(event.number, event.luma, event.pre_roll, known_start))
        self._last_luma = event.luma
        self._expected = FrameNumber(event.number + 1)
        return ev.RunPropose(event.number, self._generation, event.luma, previous)

    def _is_known_start(self, number: FrameNumber) -> bool:
        """The first frame of a line has no past; the client's word and an edit list need no detection."""
        listed = self._edit_list is not None and number in self._edit_list
        return self._last_luma is None or listed or number in self._boundaries

    def _shot(self, event: ev.ShotChanged) -> list[Instruction]:
        if self._phase is ClipPhase.ENDING:
            return self._refuse(ErrorReason.AFTER_END, "a shot boundary after end_clip")
        if self._phase is ClipPhase.SEEKING or event.number != self._expected:
            return self._out_of_order(f"a shot boundary at frame {event.number}")
        if len(self._boundaries) >= MAX_SHOT_STARTS:
            return self._refuse(ErrorReason.BAD_FIELD, f"at most {MAX_SHOT_STARTS} shot boundaries")
        self._boundaries.add(event.number)
        return []

    def _end(self, event: ev.EndRequested) -> list[Instruction]:
        if self._phase is ClipPhase.ENDING:
            return self._refuse(ErrorReason.AFTER_END, "a second end_clip")
        if self._phase is ClipPhase.SEEKING:
            return self._refuse(ErrorReason.OUT_OF_ORDER, "end_clip before the answer to the seek")
        self._phase = ClipPhase.ENDING
        return self._when_idle()

    # ---- work comes back ----

    def _proposal(self, event: ev.ProposalDone) -> list[Instruction]:
        if event.generation != self._generation:
            return []
        frame = self._waiting[event.number - self._waiting[0].number]
        frame.proposal = event.proposal
        frame.is_cut = event.is_cut
        return self._next_step()

    def _next_step(self) -> list[Instruction]:
        if self._stepping or not self._waiting:
            return []
        head = self._waiting[0]
        if head.failure is not None:
            return self._give_up(head.failure)
        if head.proposal is None:
            return []
        state = None if head.shot_start else self._past[-1].state
        self._stepping = True
        return [ev.RunStep(head.number, self._generation, state, head.proposal)]

    def _step(self, event: ev.StepDone) -> list[Instruction]:
        if event.generation != self._generation:
            return []
        self._stepping = False
        frame = self._waiting.popleft()
        shot = frame.number if frame.shot_start else self._past[-1].shot
        past = _Past(frame.number, frame.luma, event.state, shot)
        self._past.append(past)
        self._learn(past)
        return [self._answer(frame, shot, event.chroma), *self._snapshots(past), *self._next_step(), *self._when_idle()]

    def _answer(self, frame: _Waiting, shot: FrameNumber, chroma: object) -> Instruction:
        if frame.pre_roll:
            return ev.EmitProgress(frame.number, shot)
        self._answered += 1
        return ev.EmitFrame(frame.number, chroma, shot)

    def _snapshots(self, past: _Past) -> list[Instruction]:
        """What is to be saved now that a frame is done."""
        wanted: list[Instruction] = []
        if past.number == past.shot:
            wanted.append(ev.SaveSnapshot(past.shot, past.shot, None, b"", self._needed, self._expected))
        if (past.number + 1 - past.shot) % SNAPSHOT_INTERVAL == 0:
            wanted.append(self._snapshot_after(past))
        return wanted

    def _snapshot_after(self, past: _Past) -> ev.SaveSnapshot:
        after = FrameNumber(past.number + 1)
        return ev.SaveSnapshot(after, past.shot, past.state, past.luma, self._needed, self._expected)

    @property
    def _needed(self) -> FrameNumber:
        """Where the client goes on at the earliest: it could only send so far because it has the answers before."""
        return FrameNumber(max(self._expected - self._window, 0))

    def _work_waits(self, event: ev.WorkWaits) -> list[Instruction]:
        """A sign of life, which says nothing new. Not while a seek waits, whose answer has the same form."""
        if event.generation != self._generation or self._phase is ClipPhase.SEEKING or not self._waiting:
            return []
        return [ev.EmitProgress(self._waiting[0].number - 1)]

    def _fail(self, event: ev.WorkFailed) -> list[Instruction]:
        if event.generation != self._generation:
            return []
        frame = self._waiting[event.number - self._waiting[0].number]
        if frame is self._waiting[0]:
            return self._give_up(event)
        frame.failure = event  # the frames before it come back first
        return []

    def _give_up(self, event: ev.WorkFailed) -> list[Instruction]:
        error = ev.EmitFrameError(event.number, event.reason, event.message)
        self._close()
        return [error, ev.RefuseStream(event.reason, event.message), ev.ReleaseClip()]

    def _when_idle(self) -> list[Instruction]:
        """What waits for the last accepted frame to be answered: the end of the clip, or a seek."""
        if self._waiting:
            return []
        if self._phase is ClipPhase.ENDING:
            self._close()
            return [ev.EmitEnded(self._answered, self._shots), ev.ReleaseClip()]
        if self._phase is ClipPhase.SEEKING and self._seek is not None:
            return self._resolve_seek(self._seek)
        return []

    # ---- seeks ----

    def _request_seek(self, event: ev.SeekRequested) -> list[Instruction]:
        if self._phase is ClipPhase.ENDING:
            return self._refuse(ErrorReason.AFTER_END, "a seek after end_clip")
        if self._phase is ClipPhase.SEEKING:
            return self._refuse(ErrorReason.OUT_OF_ORDER, "a second seek before the answer to the first")
        self._phase = ClipPhase.SEEKING
        self._seek = event.number
        return self._when_idle()

    def _resolve_seek(self, number: FrameNumber) -> list[Instruction]:
        if number == self._expected or self._rewind_to(FrameNumber(number - 1)):
            return self._seek_done(number)
        start = self._shot_start_before(number)
        places = [FrameNumber(-1) if start is None else start, self._expected if self._goes_on_to(number) else -1]
        lowest = FrameNumber(max(places) + 1)
        if lowest > number:
            return self._go_on_for(number, None)
        return [ev.FindSnapshot(self._generation, lowest, number)]

    def _found(self, event: ev.SnapshotFound) -> list[Instruction]:
        if event.generation != self._generation or self._seek is None:
            return []
        return self._go_on_for(self._seek, event.restored)

    def _go_on_for(self, number: FrameNumber, restored: Restored | None) -> list[Instruction]:
        """Go to the last place before a frame from which it can be reached: a snapshot, a shot start, or here."""
        start = self._shot_start_before(number)
        if restored is not None:
            self._restore(restored)
        elif start is not None and not (self._goes_on_to(number) and start < self._expected):
            self._start_over(start)
        elif not self._goes_on_to(number):
            return self._refuse(ErrorReason.SHOT_UNKNOWN, f"the start of the shot of frame {number} is not known")
        return self._seek_done(number)

    def _goes_on_to(self, number: FrameNumber) -> bool:
        """True if the frame lies ahead of where the clip stands, with a state or at the start of a shot."""
        return self._expected <= number

    def _seek_done(self, number: FrameNumber) -> list[Instruction]:
        self._phase = ClipPhase.STREAMING
        self._seek = None
        if self._expected == number:
            return [ev.EmitProgress(number - 1)]
        return [ev.EmitNeedFrames(self._expected, FrameNumber(number - 1))]

    def _shot_start_before(self, number: FrameNumber) -> FrameNumber | None:
        """The last known shot start at or before `number`."""
        index = bisect_right(self._starts, number)
        known = self._starts[index - 1] if index else None
        listed = max((start for start in self._edit_list or () if start <= number), default=None)
        return max((start for start in (known, listed) if start is not None), default=None)

    # ---- the line of frames ----

    def _rewind_to(self, number: FrameNumber) -> bool:
        """Make `number` the newest frame, if its state is still kept."""
        if not any(past.number == number for past in self._past):
            return False
        while self._past[-1].number != number:
            self._past.pop()
        self._last_luma = self._past[-1].luma
        self._expected = FrameNumber(number + 1)
        return True

    def _start_over(self, start: FrameNumber) -> None:
        """Go on at a known shot start with an empty state; what is known of the clip's shots stays known."""
        self._past.clear()
        self._last_luma = None
        self._line_start = self._expected = start

    def _restore(self, restored: Restored) -> None:
        """Go on from a snapshot."""
        self._start_over(restored.next_frame)
        if restored.state is not None:
            last = FrameNumber(restored.next_frame - 1)
            self._past.append(_Past(last, restored.luma, restored.state, restored.shot_start))
            self._last_luma = restored.luma
        self._learn_start(restored.shot_start)

    def _forget(self, first: FrameNumber) -> None:
        """A new value for everything that remembers frames."""
        self._past = deque(maxlen=self._window + 1)
        self._starts = []
        self._boundaries = set()
        self._start_over(first)

    def _learn(self, past: _Past) -> None:
        """A frame is done: it is known now whether a shot begins with it."""
        if past.number == past.shot:
            self._shots += 1
            self._learn_start(past.number)
        elif self._knows_start(past.number):
            self._starts.remove(past.number)  # a stream was opened here, in the middle of a shot

    def _learn_start(self, start: FrameNumber) -> None:
        if not self._knows_start(start):
            insort(self._starts, start)
            del self._starts[:-MAX_SHOT_STARTS]

    def _knows_start(self, number: FrameNumber) -> bool:
        index = bisect_left(self._starts, number)
        return index < len(self._starts) and self._starts[index] == number

    def _break_line(self) -> None:
        """Nothing that is under way is wanted any more."""
        self._generation += 1
        self._waiting.clear()
        self._stepping = False
        self._seek = None
        if self._past:
            self._rewind_to(self._past[-1].number)
        else:
            self._start_over(self._line_start)

    def _close(self) -> None:
        self._break_line()
        self._past.clear()
        self._phase = ClipPhase.CLOSED

    # ---- refusals: the clip lives on, the stream does not ----

    def _out_of_order(self, found: str) -> list[Instruction]:
        message = f"expected frame {self._expected}, found {found}"
        return self._refuse(ErrorReason.OUT_OF_ORDER, message, self._expected)

    def _refuse(self, reason: ErrorReason, message: str, expected: FrameNumber | None = None) -> list[Instruction]:
        self._break_line()
        self._phase = ClipPhase.DETACHED
        return [ev.RefuseStream(reason, message, expected)]


@dataclass(frozen=True, slots=True)
class _Handler:
    function: Callable[[ClipMachine, Any], list[Instruction]]
    phases: frozenset[ClipPhase]


_ATTACHED = frozenset({ClipPhase.STREAMING, ClipPhase.SEEKING, ClipPhase.ENDING})
_OPEN = _ATTACHED | {ClipPhase.DETACHED}
_ALWAYS = frozenset(ClipPhase)
"""Work and snapshots come back whenever they like, also after the clip is gone."""

_HANDLERS: dict[type, _Handler] = {
    ev.StreamAttached: _Handler(ClipMachine._attach, frozenset({ClipPhase.DETACHED})),
    ev.StreamLost: _Handler(ClipMachine._lose, _ATTACHED),
    ev.Evicted: _Handler(ClipMachine._evict, _OPEN),
    ev.FrameArrived: _Handler(ClipMachine._frame, _ATTACHED),
    ev.ShotChanged: _Handler(ClipMachine._shot, _ATTACHED),
    ev.SeekRequested: _Handler(ClipMachine._request_seek, _ATTACHED),
    ev.EndRequested: _Handler(ClipMachine._end, _ATTACHED),
    ev.ProposalDone: _Handler(ClipMachine._proposal, _ALWAYS),
    ev.StepDone: _Handler(ClipMachine._step, _ALWAYS),
    ev.WorkWaits: _Handler(ClipMachine._work_waits, _ALWAYS),
    ev.WorkFailed: _Handler(ClipMachine._fail, _ALWAYS),
    ev.SnapshotFound: _Handler(ClipMachine._found, _ALWAYS),
}
