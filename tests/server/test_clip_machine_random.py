"""Random event sequences against the laws of the clip machine.

The 'networks' are pure functions of lumas, so the right colour of every frame is known without the machine: a state
is the tuple of the lumas of its shot so far. Whatever is sent, lost, sought or superseded in between, an answer is
either that colour or there is none.
"""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from kinemacolor.server import events as ev
from kinemacolor.server.clip_machine import ClipMachine
from kinemacolor.server.events import ClipPhase

FILM_CUTS = frozenset({0, 7, 8, 19, 30, 55})
WINDOW = 4


def luma(number: int) -> bytes:
    return b"%d" % number


def shot_start(number: int) -> int:
    return max(cut for cut in FILM_CUTS if cut <= number)


def right_colour(number: int) -> tuple[bytes, ...]:
    return tuple(luma(frame) for frame in range(shot_start(number), number + 1))


@dataclass
class World:
    """A client that obeys the contract, a device that is slow, and a list of what has come back."""

    machine: ClipMachine = field(default_factory=lambda: ClipMachine(window=WINDOW))
    proposals: list[ev.RunPropose] = field(default_factory=list)
    steps: list[ev.RunStep] = field(default_factory=list)
    next_number: int = 0
    pre_roll_through: int = -1
    unanswered: list[int] = field(default_factory=list)
    in_stream: bool = False
    waits_for_seek: bool = False

    def feed(self, event: ev.Event) -> None:
        for instruction in self.machine.handle(event):
            self.take(instruction)
        self.check()

    def take(self, instruction: ev.Instruction) -> None:
        match instruction:
            case ev.RunPropose():
                self.proposals.append(instruction)
            case ev.RunStep():
                current = [step for step in self.steps if step.generation == instruction.generation]
                assert not current, "two steps of one clip at a time"
                self.steps.append(instruction)
            case ev.EmitFrame(number, chroma, is_start):
                assert chroma == right_colour(number)
                assert is_start == (number in FILM_CUTS)
                assert self.unanswered.pop(0) == number
            case ev.EmitProgress(through):
                if self.unanswered and self.unanswered[0] == through:
                    self.unanswered.pop(0)
                else:
                    self.waits_for_seek = False
                    self.next_number = through + 1
            case ev.EmitNeedFrames(first, last):
                self.waits_for_seek = False
                self.next_number, self.pre_roll_through = first, last
            case ev.EmitOpened(resume_from, resumed):
                assert resumed or resume_from in FILM_CUTS
                self.next_number = resume_from
            case ev.RefuseStream(reason, _, _):
                raise AssertionError(f"an obedient client was refused: {reason}")
            case ev.EmitEnded() | ev.ReleaseClip() | ev.EmitFrameError():
                raise AssertionError("not asked for")

    def check(self) -> None:
        assert self.machine.waiting <= WINDOW
        assert self.machine.waiting == len(self.unanswered)
        assert len(self.machine.states) <= WINDOW + 1
        for state in self.machine.states:
            assert state == right_colour(int(state[-1]))  # type: ignore[index]

    # ---- what may happen ----

    def attach(self, wanted: int) -> None:
        if self.in_stream:
            return
        first = wanted if self.can_resume_at(wanted) else shot_start(wanted)
        self.in_stream = True
        self.feed(ev.StreamAttached(first))
        self.pre_roll_through = wanted - 1

    def can_resume_at(self, wanted: int) -> bool:
        return any(int(state[-1]) == wanted - 1 for state in self.machine.states)  # type: ignore[index]

    def lose(self) -> None:
        if self.in_stream:
            self.in_stream = self.waits_for_seek = False
            self.unanswered.clear()
            self.feed(ev.StreamLost())

    def send(self) -> None:
        if not self.in_stream or self.waits_for_seek or len(self.unanswered) >= WINDOW:
            return
        number = self.next_number
        self.next_number += 1
        self.unanswered.append(number)
        self.feed(ev.FrameArrived(number, luma(number), number <= self.pre_roll_through))

    def seek(self, number: int) -> None:
        if not self.in_stream or self.waits_for_seek or not self.knows_shot_of(number):
            return
        self.waits_for_seek = True
        self.feed(ev.SeekRequested(number))

    def knows_shot_of(self, number: int) -> bool:
        """Stay where the contract promises an answer: inside what this clip has shown the server since it opened."""
        return bool(self.machine.states) and shot_start(number) >= self.machine._line_start

    def propose(self, index: int) -> None:
        if self.proposals:
            job = self.proposals.pop(index % len(self.proposals))
            detected = job.previous_luma is not None and job.number in FILM_CUTS
            if job.previous_luma is not None:
                assert job.previous_luma == luma(job.number - 1)
            self.feed(ev.ProposalDone(job.number, job.generation, job.luma, detected))

    def step(self) -> None:
        if self.steps:
            job = self.steps.pop(0)
            state = (*(job.state or ()), job.proposal)  # type: ignore[misc]
            self.feed(ev.StepDone(job.number, job.generation, state, state))


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.just(0)),
        st.tuples(st.just("send"), st.just(0)),
        st.tuples(st.just("propose"), st.integers(0, 3)),
        st.tuples(st.just("propose"), st.integers(0, 3)),
        st.tuples(st.just("step"), st.just(0)),
        st.tuples(st.just("step"), st.just(0)),
        st.tuples(st.just("attach"), st.integers(0, 60)),
        st.tuples(st.just("lose"), st.just(0)),
        st.tuples(st.just("seek"), st.integers(0, 60)),
    ),
    min_size=20,
    max_size=200,
)


@given(ACTIONS)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_every_answer_is_the_colour_of_an_unbroken_run(actions: list[tuple[str, int]]) -> None:
    world = World()
    world.attach(0)
    for name, argument in actions:
        method = getattr(world, name)
        method(argument) if name in ("propose", "attach", "seek") else method()
    drain(world)
    assert not world.unanswered, "an accepted frame was never answered"


def drain(world: World) -> None:
    while world.proposals or world.steps:
        world.propose(0)
        world.step()


EVENTS = st.one_of(
    st.builds(ev.StreamAttached, st.integers(0, 9), st.booleans()),
    st.just(ev.StreamLost()),
    st.builds(ev.FrameArrived, st.integers(0, 9), st.sampled_from([b"a", b"b"]), st.booleans()),
    st.builds(ev.ShotChanged, st.integers(0, 9)),
    st.builds(ev.SeekRequested, st.integers(0, 9)),
    st.just(ev.EndRequested()),
    st.just("work"),
    st.builds(ev.Evicted, st.just("why")),
)


@given(st.lists(EVENTS, max_size=100))
@settings(max_examples=500, deadline=None, derandomize=True)
def test_any_client_gets_answers_in_order_or_an_end(events: list[ev.Event | str]) -> None:
    """No obedience at all: whatever comes, in whatever order, the machine never breaks and never reorders."""
    machine = ClipMachine(window=3)
    work: list[ev.Event] = []
    answered: list[int] = []
    for event in events:
        if event == "work":
            event = work.pop(0) if work else ev.StepDone(0, -1, None, None)
        if isinstance(event, str) or not allowed(machine, event):
            continue
        for instruction in machine.handle(event):
            note(instruction, work, answered)
        assert machine.waiting <= 3
        assert len(machine.states) <= 4


def allowed(machine: ClipMachine, event: ev.Event) -> bool:
    """The shell's own part of the bargain: no stream events without a stream, none at all after the end."""
    if isinstance(event, ev.ProposalDone | ev.StepDone | ev.WorkFailed):
        return True
    if machine.phase is ClipPhase.CLOSED:
        return False
    if isinstance(event, ev.Evicted):
        return True
    return (machine.phase is ClipPhase.DETACHED) == isinstance(event, ev.StreamAttached)


def note(instruction: ev.Instruction, work: list[ev.Event], answered: list[int]) -> None:
    match instruction:
        case ev.RunPropose(number, generation):
            work.append(ev.ProposalDone(number, generation, "p", number % 4 == 0))
        case ev.RunStep(number, generation):
            work.append(ev.StepDone(number, generation, number, number))
        case ev.EmitOpened() | ev.EmitNeedFrames():
            answered.clear()
        case ev.EmitProgress():
            answered.clear()
        case ev.EmitFrame(number, chroma, _):
            assert chroma == number
            assert not answered or number == answered[-1] + 1
            answered.append(number)
