"""What the engine makes of a clip's guides and of its variant, and whose confidence it sends."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from kinemacolor.colour.encoding import Transfer
from kinemacolor.colour.lightness import lightness_table
from kinemacolor.models.api import Guide, HintSpot, ModelSpec, ModelState, Opening, Proposal, StepResult, finish
from kinemacolor.models.networks.tiny import TinyColorizer, TinyState
from kinemacolor.server import engine as engine_module
from kinemacolor.server.config import ServerConfig
from kinemacolor.server.device_jobs import ProposeJob, StepJob
from kinemacolor.server.device_worker import DeviceWorker
from kinemacolor.server.engine import ClipSetup, Engine, TimedProposal, UnsupportedError
from kinemacolor.server.events import Event, RunPropose, RunStep, StepDone, WorkFailed, WorkWaits
from kinemacolor.server.guided_shots import guided_shots
from kinemacolor.server.open_request import ClipSettings
from kinemacolor.server.shot_starts import ShotStarts
from kinemacolor.server.state_tiers import StateTiers, Tier
from kinemacolor.wire.codec import encode_luma
from kinemacolor.wire.frame import FrameNumber, Geometry, GuideFrame, HintPoint
from kinemacolor.wire.reasons import ErrorReason

WIDTH, HEIGHT = 10, 6
PADDED = (8, 12)
RANDOM = np.random.default_rng(1908)
LUMA = RANDOM.integers(0, 65536, (HEIGHT, WIDTH)).astype(np.uint16)
AB = RANDOM.integers(-32768, 32768, (2, HEIGHT, WIDTH)).astype(np.int16)
HINT = HintPoint(0.25, 1.0, 0.5, 30.0, -20.5)
PICTURE = GuideFrame(FrameNumber(3), LUMA, AB)
HINTED = GuideFrame(FrameNumber(7), LUMA, None, (HINT,))
STARTS = (FrameNumber(0), FrameNumber(5), FrameNumber(9))
TABLE = lightness_table(Transfer.SRGB)


class Recorder:
    """A model that takes everything and remembers, for the test, what it was given."""

    def __init__(self, spec: ModelSpec, sure: float | None = None) -> None:
        self.spec, self.device, self.dtype = spec, torch.device("cpu"), torch.float32
        self.sure = sure
        self.given: list[tuple[Guide, ...]] = []

    def propose(self, lightness: Tensor) -> list[Proposal]:
        return [
            Proposal(light, torch.zeros(2, *PADDED), confidence=torch.full((1, *PADDED), 0.2)) for light in lightness
        ]

    def with_variant(self, variant: int) -> "Recorder":
        return self

    def init_state(self, guides: Sequence[Guide] = ()) -> ModelState:
        self.given.append(tuple(guides))
        return TinyState()

    def opening(self, guides: Sequence[Guide] = ()) -> Opening:
        yield
        return self.init_state(guides)

    def step(self, state: ModelState, proposal: Proposal) -> StepResult:
        confidence = None if self.sure is None else torch.full((1, *PADDED), self.sure)
        return StepResult(state, proposal.ab, confidence)

    def restore_state(self, tensors: Mapping[str, Tensor], start: ModelState | None = None) -> ModelState:
        return TinyState(tensors["memory"], None if start is None else start.tensors().get("guide"))


def settings(*guides: GuideFrame, **fields: object) -> ClipSettings:
    shots = guided_shots(guides, STARTS)
    plain = ClipSettings("tiny", Geometry(WIDTH, HEIGHT), Transfer.SRGB, STARTS, want_confidence=False)
    return replace(plain, guided_shots=shots, **fields)  # type: ignore[arg-type]


@pytest.fixture
def engine() -> Engine:
    return Engine(ServerConfig(device="cpu", threads=1))


def stepped(engine: Engine, setup: ClipSetup, number: int, state: ModelState | None = None) -> bytes:
    """The confidence of one frame."""
    [timed] = engine.propose(setup, [encode_luma(LUMA)], [0])
    assert isinstance(timed, TimedProposal)
    return engine.step(setup, FrameNumber(number), state, timed)[1].confidence


def padded(planes: np.ndarray) -> np.ndarray:
    bottom, right = PADDED[0] - HEIGHT, PADDED[1] - WIDTH
    return np.pad(planes, (*[(0, 0)] * (planes.ndim - 2), (0, bottom), (0, right)), mode="edge")


def test_a_state_begins_with_the_guides_of_its_shot_and_no_others(engine: Engine) -> None:
    setup = engine.setup(settings(PICTURE, HINTED))
    recorder = Recorder(setup.model.spec)
    setup = replace(setup, model=recorder)
    for number in (0, 4, 5, 8, 9, 1000):
        stepped(engine, setup, number)
    stepped(engine, setup, 6, state=TinyState())
    assert [[guide.ab is not None for guide in guides] for guides in recorder.given] == [[True], [False], [], []]


def test_the_start_of_a_shot_is_made_once_for_all_who_want_it(engine: Engine) -> None:
    """Back to its first frame, the same guides in another clip, a state from the disk: what it costs is paid once."""
    setup = engine.setup(settings(PICTURE, HINTED))
    recorder = Recorder(setup.model.spec)
    setup = replace(setup, model=recorder)
    first = finish(engine.opening(setup, FrameNumber(0)))
    again = replace(engine.setup(settings(PICTURE)), model=recorder)
    assert finish(engine.opening(again, FrameNumber(4))) is first
    engine.restore(setup, FrameNumber(3), {"memory": torch.zeros(2, 2, 3)})
    assert len(recorder.given) == 1
    other = replace(engine.setup(settings(PICTURE, transfer=Transfer.LINEAR)), model=recorder)
    assert finish(engine.opening(other, FrameNumber(0))) is not first, "its lightness is another"


def test_starts_are_kept_within_a_bound_and_the_newest_always() -> None:
    starts = ShotStarts(100)
    made = [TinyState(torch.zeros(10)) for _ in range(4)]
    for number, start in enumerate(made[:2]):
        starts.put(number, start)
    assert starts.get(0) is made[0]
    starts.put(2, made[2])
    assert [starts.get(number) for number in range(3)] == [made[0], None, made[2]]
    assert starts.nbytes == 80
    starts.put(3, TinyState(torch.zeros(1000)))
    assert [starts.get(number) is None for number in range(4)] == [True, True, True, False]


def test_starts_make_room_but_for_the_one_that_is_about_to_be_used() -> None:
    starts = ShotStarts(1000)
    assert starts.make_room() == 0
    for number in range(3):
        starts.put(number, TinyState(torch.zeros(10)))
    starts.get(0)
    assert (starts.make_room(), starts.nbytes) == (2, 40)
    assert [starts.get(number) is None for number in range(3)] == [False, True, True]


def test_other_clips_get_their_turn_while_a_shot_is_begun(engine: Engine) -> None:
    """A picture with hints in 256 colours takes ten seconds at 448 x 256, and stood in everybody's way."""

    class Slow(Recorder):
        def opening(self, guides: Sequence[Guide] = ()) -> Opening:
            for _ in range(50):
                said.append("part")
                yield
            return self.init_state(guides)

    said: list[str] = []
    done = threading.Event()
    guided = engine.setup(settings(PICTURE))
    guided = replace(guided, model=Slow(guided.model.spec))
    plain = engine.setup(settings())
    [proposal] = engine.propose(plain, [encode_luma(LUMA)], [0])

    def reply(name: str, number: int) -> Callable[[Event], None]:
        def take(event: Event) -> None:
            assert isinstance(event, StepDone)
            said.append(name)
            if name == "guided":
                done.set()
            elif number < 9:
                worker.step(step(plain, number + 1, event.state))

        return take

    def step(setup: ClipSetup, number: int, state: object = None) -> StepJob:
        run = RunStep(FrameNumber(number), 1, state, proposal)
        return StepJob(setup, run, reply("plain" if setup is plain else "guided", number))

    with StateTiers(torch.device("cpu"), 1 << 20, 0) as tiers, DeviceWorker(engine, tiers) as worker:
        worker.step(step(guided, 0))
        worker.step(step(plain, 0))
        assert done.wait(60)
    assert said.count("part") == 50
    assert said.count("plain") == 10
    assert said.index("guided") == len(said) - 1
    last = max(place for place, what in enumerate(said) if what == "plain")
    assert last < 25, "one piece of the other clip's work after each part"


def test_a_start_that_nobody_wants_any_more_is_not_gone_on_with(engine: Engine) -> None:
    entered, goes_on, gone = threading.Event(), threading.Event(), threading.Event()

    class Held(Recorder):
        def opening(self, guides: Sequence[Guide] = ()) -> Opening:
            entered.set()
            assert goes_on.wait(60)
            yield
            raise AssertionError("gone on with")

    guided = engine.setup(settings(PICTURE))
    guided = replace(guided, model=Held(guided.model.spec))
    [proposal] = engine.propose(guided, [encode_luma(LUMA)], [0])
    answers: list[Event] = []
    with StateTiers(torch.device("cpu"), 1 << 20, 0) as tiers, DeviceWorker(engine, tiers) as worker:
        worker.step(StepJob(guided, RunStep(FrameNumber(0), 1, None, proposal), answers.append))
        assert entered.wait(60)
        worker.forget(guided)
        goes_on.set()
        worker.propose(ProposeJob(guided, RunPropose(FrameNumber(1), 1, encode_luma(LUMA), None), lambda _: gone.set()))
        assert gone.wait(60)
    assert answers == []


def test_who_waits_is_told_now_and_then(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client takes three minutes of silence for a lost server, and would begin anew, for ever."""

    class Slow(Recorder):
        def opening(self, guides: Sequence[Guide] = ()) -> Opening:
            for _ in range(4):
                clock["now"] += 3_000_000_000
                yield
            return self.init_state(guides)

    clock = {"now": 100_000_000_000}
    monkeypatch.setattr("kinemacolor.server.device_worker.time.perf_counter_ns", lambda: clock["now"])
    at = {"queued_ns": clock["now"]}
    first, second = (engine.setup(settings(guide)) for guide in (PICTURE, replace(PICTURE, luma=LUMA // 2)))
    model = Slow(first.model.spec)
    first, second = (replace(setup, model=model) for setup in (first, second))
    third = engine.setup(settings())
    [proposal] = engine.propose(first, [encode_luma(LUMA)], [0])
    heard: dict[int, list[Event]] = {id(setup): [] for setup in (first, second, third)}
    with StateTiers(torch.device("cpu"), 1 << 20, 0) as tiers:
        worker = DeviceWorker(engine, tiers)
        for setup in (first, second):
            worker.step(StepJob(setup, RunStep(FrameNumber(3), 2, None, proposal), heard[id(setup)].append, **at))
        for number in (0, 1):
            run = RunPropose(FrameNumber(number), 2, encode_luma(LUMA), None)
            worker.propose(ProposeJob(third, run, heard[id(third)].append, **at))
        while worker._bulk:
            worker._next_work()()
            worker._tell_who_waits()
    said = {key: [type(event) for event in events] for key, events in heard.items()}
    assert said[id(first)] == [WorkWaits, WorkWaits, StepDone]
    assert said[id(second)].count(StepDone) == 1
    assert said[id(second)].count(WorkWaits) >= 3, "it waits for the end of the first one, too"
    assert said[id(third)][0] is WorkWaits, "and a frame that waits for the frame network"
    assert heard[id(first)][0] == WorkWaits(2)


class OnceFull(Recorder):
    """Finds no memory for its second step, once."""

    steps = 0

    def opening(self, guides: Sequence[Guide] = ()) -> Opening:
        for _ in range(3):
            yield
        return self.init_state(guides)

    def step(self, state: ModelState, proposal: Proposal) -> StepResult:
        self.steps += 1
        if self.steps == 2:
            raise torch.OutOfMemoryError("out of memory")
        return StepResult(TinyState(torch.zeros(2, 2, 3)), proposal.ab)


@pytest.mark.fault(19, "no memory on the device")
def test_a_start_that_has_to_be_made_again_for_want_of_memory_is_made_in_parts(engine: Engine) -> None:
    """In one piece nobody could come between, and the watchdog would take it for a device that hangs."""
    setup = engine.setup(settings(PICTURE))
    model = OnceFull(setup.model.spec)
    setup = replace(setup, model=model)
    [proposal] = engine.propose(setup, [encode_luma(LUMA)], [0])
    answers: list[Event] = []
    with StateTiers(torch.device("cpu"), 1 << 20, 1 << 20) as tiers:
        worker = DeviceWorker(engine, tiers)
        state: object = None
        for number in (0, 1):
            worker.step(StepJob(setup, RunStep(FrameNumber(number), 1, state, proposal), answers.append))
            pieces = 0
            while worker._bulk:
                worker._next_work()()
                pieces += 1
            assert isinstance(answers[-1], StepDone)
            state = answers[-1].state
            engine._starts.put("another", TinyState(torch.zeros(4)))  # so that the clip's own start is not the newest
    assert len(answers) == 2
    assert pieces >= 5, "the step, the four parts of the start with the step behind the last"


class Starving(Recorder):
    """Finds no memory for the last part of a start as long as `is_full` says so."""

    is_full: Callable[[], bool]
    begun = 0

    def opening(self, guides: Sequence[Guide] = ()) -> Opening:
        self.begun += 1
        yield
        if self.is_full():
            raise torch.OutOfMemoryError("out of memory")
        return self.init_state(guides)


@pytest.mark.parametrize("frees", [True, False])
@pytest.mark.fault(19, "no memory on the device")
def test_states_leave_the_device_before_the_start_of_a_shot_is_given_up(engine: Engine, frees: bool) -> None:
    guided = engine.setup(settings(PICTURE))
    model = Starving(guided.model.spec)
    guided = replace(guided, model=model)
    [proposal] = engine.propose(guided, [encode_luma(LUMA)], [0])
    answers: list[Event] = []
    with StateTiers(torch.device("cpu"), 1 << 20, 1 << 20) as tiers:
        other = tiers.keep(TinyState(torch.zeros(8)), guided.model.restore_state)
        model.is_full = lambda: not frees or other.tier is Tier.DEVICE
        worker = DeviceWorker(engine, tiers)
        worker.step(StepJob(guided, RunStep(FrameNumber(0), 1, None, proposal), answers.append))
        for _ in range(4):
            worker._next_work()()
            if answers:
                break
        assert other.tier is not Tier.DEVICE
    [answer] = answers
    if frees:
        assert isinstance(answer, StepDone)
    else:
        assert isinstance(answer, WorkFailed)
        assert answer.reason is ErrorReason.OUT_OF_MEMORY
    assert model.begun == 2


def test_a_guide_reaches_the_model_in_its_units(engine: Engine) -> None:
    setup = engine.setup(settings(PICTURE, HINTED))
    recorder = Recorder(setup.model.spec)
    setup = replace(setup, model=recorder)
    assert setup.padded == PADDED
    stepped(engine, setup, 0)
    stepped(engine, setup, 5)
    [picture], [hinted] = recorder.given
    for guide in (picture, hinted):
        assert guide.lightness.dtype is torch.float32
        np.testing.assert_array_equal(guide.lightness.numpy(), padded(TABLE[LUMA])[np.newaxis])
    assert picture.ab is not None
    assert picture.ab.dtype is torch.float32
    np.testing.assert_array_equal(picture.ab.numpy(), padded(AB.astype(np.float64) / 256))
    assert (picture.hints, hinted.ab) == ((), None)
    assert hinted.hints == (HintSpot(x_px=2.5, y_px=5.5, radius_px=3.0, a=30.0, b=-20.5),)


def test_a_hint_at_the_far_border_is_in_the_picture_and_not_in_its_padding(engine: Engine) -> None:
    corner = replace(HINTED, hints=(HintPoint(1.0, 1.0, 0.0, 1.0, 2.0),))
    setup = engine.setup(settings(corner))
    recorder = Recorder(setup.model.spec)
    stepped(engine, replace(setup, model=recorder), 5)
    [guide] = recorder.given[0]
    assert (guide.hints[0].x_px, guide.hints[0].y_px) == (WIDTH - 0.5, HEIGHT - 0.5)


@pytest.mark.parametrize(("sure", "expected"), [(None, 51), (0.8, 204)])
def test_the_confidence_is_that_of_the_step_if_it_has_one(engine: Engine, sure: float | None, expected: int) -> None:
    setup = engine.setup(settings())
    recorder = Recorder(setup.model.spec, sure)
    asked = replace(setup, model=recorder, want_confidence=True)
    assert stepped(engine, asked, 0) == bytes([expected]) * (WIDTH * HEIGHT)
    assert stepped(engine, replace(setup, model=recorder), 0) == b""


def test_clips_of_a_variant_share_batches_and_clips_of_two_do_not(engine: Engine) -> None:
    jobs = [job(engine.setup(settings(*guides, variant=variant))) for guides, variant in GUIDES_AND_VARIANTS]
    assert jobs[0].can_share_a_batch_with(jobs[1])
    assert jobs[2].can_share_a_batch_with(jobs[3])
    assert not jobs[0].can_share_a_batch_with(jobs[2])
    assert not jobs[2].can_share_a_batch_with(jobs[4])
    assert jobs[0].setup.model is engine.model("tiny")


GUIDES_AND_VARIANTS = [((), 1), ((PICTURE,), 1), ((), 2), ((HINTED,), 2), ((), 3)]


def job(setup: ClipSetup) -> ProposeJob:
    return ProposeJob(setup, RunPropose(FrameNumber(0), 1, b"", None), lambda event: None)


@pytest.mark.parametrize(
    ("less", "guides", "variant", "why"),
    [
        ({"takes_references": False}, (PICTURE,), 1, "model tiny takes no references"),
        ({"takes_hints": False}, (HINTED,), 1, "model tiny takes no hints"),
        ({"takes_hints": False}, (replace(PICTURE, hints=(HINT,)),), 1, "model tiny takes no hints"),
        ({"variants": 1}, (), 2, "model tiny: expected a variant of 1 to 1, found 2"),
    ],
)
def test_what_a_model_has_not_is_refused(
    monkeypatch: pytest.MonkeyPatch, less: dict[str, object], guides: tuple[GuideFrame, ...], variant: int, why: str
) -> None:
    spec = replace(TinyColorizer().spec, **less)  # type: ignore[arg-type]
    monkeypatch.setattr(engine_module, "load_model", lambda name, **how: Recorder(spec))
    engine = Engine(ServerConfig(device="cpu", threads=1))
    engine.setup(settings())
    with pytest.raises(UnsupportedError, match=f"^{why}$"):
        engine.setup(settings(*guides, variant=variant))


def test_a_confidence_that_a_model_has_not_is_refused_and_never_empty(engine: Engine) -> None:
    with pytest.raises(UnsupportedError, match=r"^model tiny does not say how sure it is$"):
        engine.setup(settings(want_confidence=True))
