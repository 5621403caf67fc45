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
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kinemacolor.server import events as ev
from kinemacolor.server.events import ClipPhase, Event, Instruction
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
        self._starts: deque[FrameNumber]
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
        resumed = not event.restart and self._rewind_to(FrameNumber(event.first_frame - 1))
        if not resumed:
            self._forget(event.first_frame)
        return [ev.EmitOpened(self._expected, resumed)]

    def _lose(self, event: ev.StreamLost) -> list[Instruction]:
        self._break_line()
        self._phase = ClipPhase.DETACHED
        return []

    def _evict(self, event: ev.Evicted) -> list[Instruction]:
        attached = self._phase is not ClipPhase.DETACHED
        self._close()
        refusal: list[Instruction] = [ev.RefuseStream(ErrorReason.EVICTED, event.message)] if attached else []
        return [*refusal, ev.ReleaseClip()]

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
        self._past.append(_Past(frame.number, frame.luma, event.state))
        self._note_seen(frame)
        return [self._answer(frame, event.chroma), *self._next_step(), *self._when_idle()]

    def _answer(self, frame: _Waiting, chroma: object) -> Instruction:
        if frame.pre_roll:
            return ev.EmitProgress(frame.number)
        self._answered += 1
        return ev.EmitFrame(frame.number, chroma, frame.shot_start)

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
        self._phase = ClipPhase.STREAMING
        self._seek = None
        if number == self._expected or self._rewind_to(FrameNumber(number - 1)):
            return [ev.EmitProgress(number - 1)]
        start = self._shot_start_before(number)
        newest = self._past[-1].number if self._past else None
        if newest is None or newest >= number or (start is not None and start > newest):
            if start is None:
                return self._refuse(ErrorReason.SHOT_UNKNOWN, f"the start of the shot of frame {number} is not known")
            self._start_over(start)
        if self._expected == number:
            return [ev.EmitProgress(number - 1)]
        return [ev.EmitNeedFrames(self._expected, FrameNumber(number - 1))]

    def _shot_start_before(self, number: FrameNumber) -> FrameNumber | None:
        """The last known shot start at or before `number`."""
        if self._edit_list is not None:
            return max((start for start in self._edit_list if start <= number), default=None)
        return next((start for start in reversed(self._starts) if start <= number), None)

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

    def _forget(self, first: FrameNumber) -> None:
        """A new value for everything that remembers frames."""
        self._past = deque(maxlen=self._window + 1)
        self._starts = deque(maxlen=MAX_SHOT_STARTS)
        self._boundaries = set()
        self._seen_through = FrameNumber(first - 1)
        self._start_over(first)

    def _note_seen(self, frame: _Waiting) -> None:
        if frame.shot_start:
            self._shots += 1
        if frame.number == self._seen_through + 1:
            self._seen_through = frame.number
            if frame.shot_start:
                self._starts.append(frame.number)

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
"""Work comes back whenever it likes, also after the clip is gone."""

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
    ev.WorkFailed: _Handler(ClipMachine._fail, _ALWAYS),
}
