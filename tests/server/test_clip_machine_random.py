"""Random event sequences against the laws of the clip machine and of the snapshots.

The 'networks' are pure functions of lumas, so the right colour of every frame is known without the machine: a state
is the tuple of the lumas of its shot so far. Whatever is sent, lost, sought, killed, put away or read back in between,
an answer is either that colour or there is none.
"""

from collections import deque
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from kinemacolor.server import events as ev
from kinemacolor.server.clip_machine import ClipMachine
from kinemacolor.server.events import ClipPhase
from kinemacolor.server.snapshot_index import Snapshots, Stored, added, latest, seen, thinned
from kinemacolor.wire.reasons import ErrorReason

FILM_CUTS = frozenset({0, 7, 8, 19, 30, 150})
FRAMES = 220
WINDOW = 4
BUDGET = 9
"""Snapshots for which the disk has room besides those that a client may rely on."""


def luma(number: int) -> bytes:
    return b"%d" % number


def shot_start(number: int) -> int:
    return max(cut for cut in FILM_CUTS if cut <= number)


def right_colour(number: int) -> tuple[bytes, ...]:
    return tuple(luma(frame) for frame in range(shot_start(number), number + 1))


def dependency(_: int) -> str:
    return "same"


@dataclass
class Disk:
    """Snapshots that are durable, and those that are on their way."""

    pending: deque[ev.SaveSnapshot] = field(default_factory=deque)
    index: Snapshots = ()
    content: dict[Stored, ev.SaveSnapshot] = field(default_factory=dict)

    def sync(self) -> None:
        if self.pending:
            save = self.pending.popleft()
            stored = Stored(save.next_frame, save.shot_start, "same", 1)
            room = thinned(
                self.index, needed=save.needed, expected=save.expected, budget=BUDGET - 1, dependency_of=dependency
            )
            self.index = added(room.kept, stored).kept
            self.content[stored] = save

    def find(self, lowest: int, highest: int) -> ev.Restored | None:
        stored = latest(self.index, lowest, highest, dependency)
        if stored is None:
            return None
        save = self.content[stored]
        return ev.Restored(save.next_frame, save.shot_start, save.state, save.luma)


@dataclass
class World:
    """A client that obeys the contract, a device and a disk that are slow, and a server that dies now and then."""

    machine: ClipMachine = field(default_factory=lambda: ClipMachine(window=WINDOW))
    disk: Disk = field(default_factory=Disk)
    proposals: list[ev.RunPropose] = field(default_factory=list)
    steps: list[ev.RunStep] = field(default_factory=list)
    searches: list[ev.FindSnapshot] = field(default_factory=list)
    next_number: int = 0
    wanted: int = 0
    """The first frame whose answer the client has not got."""
    promised: int | None = None
    """What the last answer said of `durable_through`, while the client goes on from there."""
    unanswered: list[int] = field(default_factory=list)
    in_stream: bool = False
    waits_for_seek: bool = False
    resumed: bool = False

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
            case ev.EmitFrame(number, chroma, shot):
                assert chroma == right_colour(number)
                assert instruction.shot_start == (number in FILM_CUTS)
                assert self.unanswered.pop(0) == number
                self.note(number, shot)
                durable = latest(self.disk.index, 1, number, dependency)
                self.promised = None if durable is None else durable.next_frame - 1
                self.wanted = number + 1
            case ev.EmitProgress(through, None):
                self.waits_for_seek = False
                self.next_number = through + 1
            case ev.EmitProgress(through, shot):
                assert self.unanswered.pop(0) == through
                self.note(through, shot)
            case ev.EmitNeedFrames(first, last):
                assert last == self.wanted - 1
                self.waits_for_seek = False
                self.next_number = first
            case ev.EmitOpened(resume_from, resumed):
                self.next_number, self.resumed = resume_from, resumed
            case ev.SaveSnapshot():
                assert instruction.state is None or instruction.state == right_colour(instruction.next_frame - 1)
                assert instruction.shot_start == shot_start(max(instruction.next_frame - 1, instruction.shot_start))
                self.disk.pending.append(instruction)
            case ev.FindSnapshot():
                self.searches.append(instruction)
            case ev.RefuseStream(reason, _, _):
                assert reason is ErrorReason.SHOT_UNKNOWN, f"an obedient client was refused: {reason}"
                self.gone()
            case ev.EmitEnded() | ev.EmitFrameError():
                raise AssertionError("not asked for")

    def note(self, number: int, shot: int | None) -> None:
        assert shot == shot_start(number)
        assert not seen(self.disk.index, number, shot).dropped, "the truth contradicts a snapshot"

    def check(self) -> None:
        assert self.machine.waiting <= WINDOW
        assert self.machine.waiting == len(self.unanswered)
        assert len(self.machine.states) <= WINDOW + 1
        for state in self.machine.states:
            assert state == right_colour(int(state[-1]))  # type: ignore[index]

    def gone(self) -> None:
        self.in_stream = self.waits_for_seek = False
        self.unanswered.clear()

    # ---- what may happen ----

    def open(self, reach: int) -> None:
        """Go on at `wanted`; the client still has the frames since the last durable one, or `reach` frames."""
        if self.in_stream:
            return
        relies = self.promised is not None and reach % 2 == 0
        earliest = self.promised + 1 if relies and self.promised is not None else max(self.wanted - reach, 0)
        self.attach(self.wanted, earliest)
        assert self.resumed or not relies, "a promise was broken"
        if self.resumed:
            assert earliest <= self.next_number <= self.wanted
        elif self.wanted not in FILM_CUTS:
            self.lose()
            self.attach(shot_start(self.wanted), shot_start(self.wanted))

    def attach(self, first: int, earliest: int, restart: bool = False) -> None:
        self.in_stream = True
        if restart:
            self.disk = Disk()
        self.feed(ev.StreamAttached(first, restart, earliest, None if restart else self.disk.find(earliest, first)))

    def restart(self) -> None:
        if not self.in_stream:
            self.promised = None
            self.attach(shot_start(self.wanted), 0, restart=True)

    def lose(self) -> None:
        if self.in_stream:
            self.gone()
            self.feed(ev.StreamLost())

    def crash(self) -> None:
        """SIGKILL: what is not durable is gone."""
        self.gone()
        self.machine = ClipMachine(window=WINDOW)
        self.disk.pending.clear()
        for work in (self.proposals, self.steps, self.searches):
            work.clear()

    def put_away(self) -> None:
        """No stream for a long time."""
        self.lose()
        self.feed(ev.Evicted("idle", keeps_snapshots=True))
        self.machine = ClipMachine(window=WINDOW)
        for work in (self.proposals, self.steps, self.searches):
            work.clear()

    def send(self) -> None:
        if not self.in_stream or self.waits_for_seek or len(self.unanswered) >= WINDOW or self.next_number >= FRAMES:
            return
        number = self.next_number
        self.next_number += 1
        self.unanswered.append(number)
        self.feed(ev.FrameArrived(number, luma(number), number < self.wanted))

    def seek(self, number: int) -> None:
        if self.in_stream and not self.waits_for_seek:
            self.work()  # the client has read its answers
            self.waits_for_seek, self.promised, self.wanted = True, None, number
            self.feed(ev.SeekRequested(number))

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

    def sync(self, snapshots: int) -> None:
        for _ in range(snapshots):
            self.disk.sync()

    def found(self) -> None:
        if self.searches:
            search = self.searches.pop(0)
            self.feed(ev.SnapshotFound(search.generation, self.disk.find(search.lowest, search.highest)))

    def run(self, frames: int) -> None:
        for _ in range(frames):
            self.send()
            self.work()

    def work(self) -> None:
        while self.proposals or self.steps or self.searches:
            self.found()
            self.propose(0)
            self.step()


def action(name: str, *arguments: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.tuples(st.just(name), *arguments)


ACTIONS = st.lists(
    st.one_of(
        *[action("send")] * 3,
        *[action("propose", st.integers(0, 3))] * 3,
        *[action("step")] * 3,
        *[action("run", st.sampled_from((1, 5, 30, 60, 90)))] * 5,
        *[action("sync", st.integers(1, 8))] * 4,
        *[action("open", st.integers(0, 60))] * 5,
        *[action("found")] * 2,
        action("lose"),
        *[action("crash")] * 2,
        action("put_away"),
        action("restart"),
        action("seek", st.integers(0, FRAMES - 1)),
    ),
    min_size=40,
    max_size=120,
)


@given(ACTIONS)
@settings(max_examples=400, deadline=None, derandomize=True)
def test_every_answer_is_the_colour_of_an_unbroken_run(actions: list[tuple[str, int]]) -> None:
    world = World()
    world.open(0)
    for name, *arguments in actions:
        getattr(world, name)(*arguments)
    world.work()
    assert not world.unanswered, "an accepted frame was never answered"
    assert not world.waits_for_seek, "a seek was never answered"


def test_the_random_client_comes_past_everything() -> None:
    """Guards the test above: one scripted life in which each thing that it checks does happen."""
    world = World()
    world.open(0)
    world.run(140)
    world.sync(99)
    world.run(1)
    assert world.promised == 125
    world.crash()
    world.open(0)
    assert (world.resumed, world.next_number, world.wanted) == (True, 126, 141)
    world.run(30)
    world.seek(90)
    world.work()
    assert world.next_number == 78
    world.run(13)
    assert world.wanted == 91
    world.put_away()
    world.sync(99)
    assert 54 not in {stored.next_frame for stored in world.disk.index}, "there was never too little room"
    world.open(1)
    assert (world.resumed, world.next_number) == (True, 91)


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
