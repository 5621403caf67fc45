"""The hub and the device thread in one process, over an engine that a test can hold up or make fail."""

import asyncio
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import grpc
import numpy as np
import pytest
import torch

from kinemacolor.server import events as ev
from kinemacolor.server.config import ServerConfig
from kinemacolor.server.device_jobs import ProposeJob
from kinemacolor.server.device_worker import DeviceWorker
from kinemacolor.server.engine import Chroma, ClipSetup, Engine, TimedProposal
from kinemacolor.server.events import ClipPhase
from kinemacolor.server.hub import Clip, ClipHub
from kinemacolor.server.open_request import ClipSettings, OpenRequest, check_open
from kinemacolor.server.session import Session
from kinemacolor.server.state_tiers import StateTiers
from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire.errors import WireError, status_code
from kinemacolor.wire.frame import FrameNumber
from kinemacolor.wire.reasons import ErrorReason

WIDTH, HEIGHT, WINDOW = 8, 4, 4
SECONDS = 60
CONFIG = ServerConfig(device="cpu", default_model="tiny", window=WINDOW)
POISON = b"\xff" * (2 * WIDTH * HEIGHT)
Result = TypeVar("Result")


class TestEngine(Engine):
    """The real engine with a gate before the frame network and before opening, and a luma that it cannot stand."""

    __test__ = False

    def __init__(self) -> None:
        super().__init__(CONFIG)
        self.gate = threading.Event()
        self.open_gate = threading.Event()
        self.open_gate.set()
        self.entered = threading.Event()
        self.proposed: list[bytes] = []
        self.sizes: tuple[int, ...] = (1,)
        self.spoil: Callable[[Chroma], Chroma] = lambda chroma: chroma
        self.poisoned: Callable[[], None] = lambda: None

    def setup(self, settings: ClipSettings) -> ClipSetup:
        assert self.open_gate.wait(SECONDS)
        return super().setup(settings)

    def batch_sizes(self, setup: ClipSetup) -> tuple[int, ...]:
        return self.sizes

    def propose(self, setup, lumas, waited_us) -> list[TimedProposal]:  # type: ignore[no-untyped-def]
        self.entered.set()
        assert self.gate.wait(SECONDS)
        self.proposed += lumas
        if POISON in lumas:
            self.poisoned()
            raise RuntimeError("something is wrong with this")
        return super().propose(setup, lumas, waited_us)

    def step(self, *arguments: object):  # type: ignore[no-untyped-def,override]
        state, chroma = super().step(*arguments)  # type: ignore[arg-type]
        return state, self.spoil(chroma)


def request(key: str = "clip", **fields: object) -> OpenRequest:
    geometry = pb.PlaneGeometry(width_px=WIDTH, height_px=HEIGHT)
    return check_open(pb.OpenClip(clip_key=key, geometry=geometry, transfer=pb.TRANSFER_SRGB, **fields))  # type: ignore[arg-type]


def luma(value: int) -> bytes:
    return bytes([value]) * (2 * WIDTH * HEIGHT)


@contextmanager
def running_worker(engine: TestEngine) -> Iterator[DeviceWorker]:
    with StateTiers(engine.device, 1 << 30, 1 << 30) as tiers, DeviceWorker(engine, tiers) as worker:
        try:
            yield worker
        finally:
            engine.gate.set()
            engine.open_gate.set()


def run(scenario: Callable[[ClipHub, TestEngine], Awaitable[None]]) -> None:
    async def with_deadline() -> None:
        engine = TestEngine()
        with running_worker(engine) as worker:
            await asyncio.wait_for(scenario(ClipHub(CONFIG, worker, "tiny"), engine), SECONDS)

    asyncio.run(with_deadline())


async def opened(hub: ClipHub, asked: OpenRequest) -> tuple[Clip, Session]:
    session = Session(limit=WINDOW)
    clip = await hub.open(asked, session)
    response = await session.next_response()
    assert response is not None
    assert response.WhichOneof("message") == "clip_opened"
    return clip, session


def test_frames_of_a_lost_stream_are_not_computed() -> None:
    """Else a client that comes and goes would fill the queue without a bound, and the others would wait for it."""

    async def scenario(hub: ClipHub, engine: TestEngine) -> None:
        for round_number in range(10):
            clip, session = await opened_while_busy(hub, engine, round_number)
            for number in range(WINDOW):
                hub.feed(clip, ev.FrameArrived(number, luma(10 * round_number + number)))
            if round_number == 0:
                await asyncio.to_thread(engine.entered.wait, SECONDS)
            if round_number < 9:
                hub.detach(clip, session)
        engine.gate.set()
        for _ in range(WINDOW):
            await session.next_response()
        wanted = {luma(90 + number) for number in range(WINDOW)}
        under_way = luma(0)
        assert set(engine.proposed) == {under_way, *wanted}

    run(scenario)


async def opened_while_busy(hub: ClipHub, engine: TestEngine, round_number: int) -> tuple[Clip, Session]:
    """The device is held up from the first frame on, so all opens but the first reuse what the first got."""
    if round_number == 0:
        return await opened(hub, request())
    session = Session(limit=WINDOW)
    clip = hub.find("clip")
    hub._attach(clip, replace(clip.request, restart=True), session, None)
    await session.next_response()
    return clip, session


def test_an_answer_that_cannot_be_told_ends_the_stream() -> None:
    async def scenario(hub: ClipHub, engine: TestEngine) -> None:
        engine.spoil = lambda chroma: replace(chroma, ab="no bytes")  # type: ignore[arg-type]
        engine.gate.set()
        clip, session = await opened(hub, request())
        hub.feed(clip, ev.FrameArrived(0, luma(1)))
        with pytest.raises(WireError) as caught:
            await session.next_response()
        assert caught.value.reason is ErrorReason.INTERNAL
        assert hub.clips == ()
        assert clip.machine.phase is ClipPhase.CLOSED

    run(scenario)


def test_a_frame_that_waited_for_an_hour_is_answered() -> None:
    async def scenario(hub: ClipHub, engine: TestEngine) -> None:
        engine.spoil = lambda chroma: replace(chroma, queue_us=3_600_000_000)
        engine.gate.set()
        clip, session = await opened(hub, request())
        hub.feed(clip, ev.FrameArrived(0, luma(1)))
        response = await session.next_response()
        assert response is not None
        assert response.color_frame.queue_us == 2**31 - 1

    run(scenario)


def test_a_drain_that_begins_while_a_clip_opens_refuses_it() -> None:
    async def scenario(hub: ClipHub, engine: TestEngine) -> None:
        engine.open_gate.clear()
        opening = asyncio.create_task(hub.open(request(), Session(limit=WINDOW)))
        await asyncio.sleep(0)
        hub.draining = True
        engine.open_gate.set()
        with pytest.raises(WireError) as caught:
            await opening
        assert caught.value.reason is ErrorReason.DRAINING
        assert hub.clips == ()

    run(scenario)


def test_the_default_model_and_its_name_are_the_same_setting() -> None:
    async def scenario(hub: ClipHub, engine: TestEngine) -> None:
        engine.gate.set()
        clip, session = await opened(hub, request())
        hub.feed(clip, ev.FrameArrived(0, luma(1)))
        await session.next_response()
        hub.detach(clip, session)
        again, _ = await opened(hub, request(model="tiny", first_frame=1))
        assert again is clip

    run(scenario)


def test_a_clip_that_is_restarted_with_other_settings_gets_a_newer_epoch() -> None:
    async def scenario(hub: ClipHub, engine: TestEngine) -> None:
        first, _ = await opened(hub, request())
        second, _ = await opened(hub, request(variant=2, restart=True))
        assert second.epoch > first.epoch

    run(scenario)


def test_answers_of_a_stream_that_lost_its_clip_are_dropped() -> None:
    """Their reader may never come; the newer stream computes them again."""

    async def scenario(hub: ClipHub, engine: TestEngine) -> None:
        engine.gate.set()
        clip, session = await opened(hub, request())
        for number in range(WINDOW):
            hub.feed(clip, ev.FrameArrived(number, luma(number)))
        while clip.machine.waiting:  # noqa: ASYNC110 - the machine is pure and has nothing to wait on
            await asyncio.sleep(0.001)
        await opened(hub, request(first_frame=WINDOW))
        with pytest.raises(WireError) as caught:
            await session.next_response()
        assert caught.value.reason is ErrorReason.SUPERSEDED

    run(scenario)


def test_one_bad_frame_does_not_spoil_its_batch() -> None:
    engine = TestEngine()
    events: dict[bytes, Future[ev.Event]] = {luma(1): Future(), POISON: Future(), luma(2): Future()}
    with running_worker(engine) as worker:
        setup = worker.call(lambda used: used.setup(request(model="tiny").settings)).result(SECONDS)
        engine.sizes = (1, 2)
        worker.propose(job(setup, luma(0), Future()))
        assert engine.entered.wait(SECONDS)
        for data, future in events.items():
            worker.propose(job(setup, data, future))
        engine.gate.set()
        kinds = [type(future.result(SECONDS)) for future in events.values()]
    assert kinds == [ev.ProposalDone, ev.WorkFailed, ev.ProposalDone]


class Watching(TestEngine):
    """Sees at each single frame whether what a failed batch had computed is still there."""

    __test__ = False

    def __init__(self) -> None:
        super().__init__()
        self.computed: list[weakref.ref[torch.Tensor]] = []
        self.still_there: list[bool] = []
        self.poisoned = self._compute_and_fail

    def propose(self, setup, lumas, waited_us) -> list[TimedProposal]:  # type: ignore[no-untyped-def]
        if len(lumas) == 1 and self.computed:
            self.still_there.append(self.computed[0]() is not None)
        return super().propose(setup, lumas, waited_us)

    def _compute_and_fail(self) -> None:
        planes = torch.zeros(8)
        self.computed.append(weakref.ref(planes))
        raise RuntimeError("the batch is too large")


def test_what_a_failed_batch_had_computed_is_gone_before_its_frames_run_alone() -> None:
    engine, futures = Watching(), [Future[ev.Event]() for _ in range(2)]
    with running_worker(engine) as worker:
        setup = worker.call(lambda used: used.setup(request(model="tiny").settings)).result(SECONDS)
        engine.sizes = (1, 2)
        worker.propose(job(setup, luma(0), Future()))
        assert engine.entered.wait(SECONDS)
        for data, future in zip((luma(1), POISON), futures, strict=True):
            worker.propose(job(setup, data, future))
        engine.gate.set()
        assert [type(future.result(SECONDS)) for future in futures] == [ev.ProposalDone, ev.WorkFailed]
    assert engine.still_there == [False, False]


def no_memory_of_torch() -> None:
    torch.empty(1 << 60, dtype=torch.uint8)


def no_memory_of_numpy() -> None:
    np.empty(1 << 60, dtype=np.uint8)


def no_memory_of_a_device() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory")


NO_MEMORY = [no_memory_of_torch, no_memory_of_numpy, no_memory_of_a_device]


@pytest.mark.parametrize("ask", NO_MEMORY)
def test_a_frame_without_memory_is_refused_and_not_grey(ask: Callable[[], None]) -> None:
    """The clip ends with the reason that clients make exit code 5 of; no chroma is sent for the frame."""

    async def scenario(hub: ClipHub, engine: TestEngine) -> None:
        engine.gate.set()
        engine.poisoned = ask
        clip, session = await opened(hub, request())
        hub.feed(clip, ev.FrameArrived(0, luma(1)))
        hub.feed(clip, ev.FrameArrived(1, POISON))
        responses = [await session.next_response() for _ in range(2)]
        assert [found and found.WhichOneof("message") for found in responses] == ["color_frame", "frame_error"]
        assert responses[1] is not None
        assert responses[1].frame_error.frame_number == 1
        assert responses[1].frame_error.reason == ErrorReason.OUT_OF_MEMORY.value
        with pytest.raises(WireError) as caught:
            await session.next_response()
        assert caught.value.reason is ErrorReason.OUT_OF_MEMORY
        assert status_code(caught.value.reason) is grpc.StatusCode.RESOURCE_EXHAUSTED

    run(scenario)


@pytest.mark.parametrize("ask", NO_MEMORY)
def test_a_model_without_memory_is_refused(ask: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TestEngine, "setup", lambda *_: ask())

    async def scenario(hub: ClipHub, engine: TestEngine) -> None:
        with pytest.raises(WireError, match="this server has no memory for model tiny at 8 x 4;") as caught:
            await hub.open(request(), Session(limit=WINDOW))
        assert caught.value.reason is ErrorReason.OUT_OF_MEMORY

    run(scenario)


def test_what_a_refused_clip_had_computed_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client may ask for a smaller size, which needs that memory."""
    computed: list[weakref.ref[np.ndarray]] = []

    def starve(*_: object) -> None:
        half = np.zeros(8)
        computed.append(weakref.ref(half))
        no_memory_of_torch()

    monkeypatch.setattr(TestEngine, "setup", starve)

    async def scenario(hub: ClipHub, engine: TestEngine) -> None:
        with pytest.raises(WireError) as caught:
            await hub.open(request(), Session(limit=WINDOW))
        assert caught.value.reason is ErrorReason.OUT_OF_MEMORY
        assert computed[0]() is None

    run(scenario)


def job(setup: ClipSetup, data: bytes, future: "Future[ev.Event]") -> ProposeJob:
    return ProposeJob(setup, ev.RunPropose(0, 1, data, None), future.set_result)


def test_a_person_goes_before_renders_and_does_not_stop_them() -> None:
    async def scenario(hub: ClipHub, engine: TestEngine) -> None:
        person, answers = await opened(hub, request("person", priority=pb.PRIORITY_INTERACTIVE))
        renders = [(await opened(hub, request(f"render-{index}")))[0] for index in range(4)]
        for index, clip in enumerate(renders):
            for number in range(WINDOW):
                hub.feed(clip, ev.FrameArrived(number, luma(10 * index + number)))
        await asyncio.to_thread(engine.entered.wait, SECONDS)
        for number in range(WINDOW):
            hub.feed(person, ev.FrameArrived(number, luma(100 + number)))
        engine.gate.set()
        for number in range(WINDOW):
            response = await answers.next_response()
            assert response is not None
            assert response.color_frame.frame_number == number
        # One frame was under way, and the turns of the person that come first are steps as well as proposals.
        seen = engine.proposed[: 2 + WINDOW]
        assert [value in seen for value in map(luma, range(100, 100 + WINDOW))] == [True] * WINDOW
        assert len(set(seen) - {luma(100 + number) for number in range(WINDOW)}) <= 2

    run(scenario)


def test_a_render_gets_its_turn_while_a_person_plays_on_end() -> None:
    engine = TestEngine()
    engine.gate.set()
    setup = engine.setup(request().settings)
    worker = DeviceWorker(engine, StateTiers(engine.device, 1 << 30, 1 << 30))
    ignore = lambda event: None  # noqa: E731
    worker.propose(ProposeJob(setup, ev.RunPropose(FrameNumber(0), 0, luma(1), None), ignore))
    for number in range(20):
        job = ProposeJob(setup, ev.RunPropose(FrameNumber(number), 0, luma(100 + number), None), ignore, True)
        worker.propose(job)
    for _ in range(10):
        worker._next_work()()
    assert engine.proposed.index(luma(1)) == 8


class Cramped(Engine):
    """The real engine on a device that has room for so many frames at a time, or for none while somebody is in."""

    __test__ = False

    def __init__(self, largest_batch: int = 1) -> None:
        super().__init__(CONFIG)
        self._max_batch = largest_batch
        self.room = largest_batch
        self.has_room: Callable[[], bool] = lambda: True
        self.asked: list[int] = []

    def propose(self, setup, lumas, waited_us) -> list[TimedProposal]:  # type: ignore[no-untyped-def]
        self.asked.append(len(lumas))
        if len(lumas) > self.room or not self.has_room():
            no_memory_of_a_device()
        return super().propose(setup, lumas, waited_us)


LITTLE_MEMORY = pytest.mark.fault(19, "no memory on the device")


@LITTLE_MEMORY
def test_batches_become_smaller_and_stay_so() -> None:
    engine = Cramped(largest_batch=4)
    engine.room = 2
    worker = DeviceWorker(engine, StateTiers(engine.device, 1 << 30, 1 << 30))
    setup = engine.setup(request().settings)
    assert engine.batch_sizes(setup) == (1, 2, 4)
    futures = [Future[ev.Event]() for _ in range(8)]
    for number, future in enumerate(futures):
        worker.propose(job(setup, luma(number), future))
    while not all(future.done() for future in futures):
        worker._next_work()()
    assert {type(future.result()) for future in futures} == {ev.ProposalDone}
    assert engine.asked == [4, 1, 1, 1, 1, 2, 2]


@LITTLE_MEMORY
def test_states_leave_the_device_before_a_frame_is_given_up(tmp_path: Path) -> None:
    engine, futures = Cramped(), [Future[ev.Event]() for _ in range(2)]
    with StateTiers(engine.device, 1 << 30, 1 << 30, tmp_path) as tiers:
        worker = DeviceWorker(engine, tiers)
        setup = engine.setup(request().settings)
        proposal = engine.propose(setup, [luma(1)], [0])[0]
        state = tiers.keep(engine.step(setup, FrameNumber(0), None, proposal)[0], setup.model.restore_state)
        assert state.nbytes > 0
        engine.asked.clear()
        engine.has_room = lambda: state.nbytes == 0
        for future in futures:
            worker.propose(job(setup, luma(1), future))
            worker._next_work()()
        assert [type(future.result(0)) for future in futures] == [ev.ProposalDone] * 2
        assert engine.asked == [1, 1, 1]
        assert tiers.load(state).nbytes > 0


@LITTLE_MEMORY
def test_the_clip_that_came_last_gives_way_to_those_before_it() -> None:
    async def scenario(hub: ClipHub, engine: Cramped) -> None:
        first, first_answers = await opened(hub, request("first"))
        second, second_answers = await opened(hub, request("second"))
        _, last_answers = await opened(hub, request("last"))
        engine.has_room = lambda: len(hub.clips) < 3
        for clip in (first, second):
            hub.feed(clip, ev.FrameArrived(0, luma(1)))
        for answers in (first_answers, second_answers):
            response = await answers.next_response()
            assert response is not None
            assert response.WhichOneof("message") == "color_frame"
        with pytest.raises(WireError) as caught:
            await last_answers.next_response()
        assert caught.value.reason is ErrorReason.OUT_OF_MEMORY
        assert hub.clips == (first, second)  # one clip too many gave way, and no other

    run_on(Cramped(), scenario)


@LITTLE_MEMORY
def test_the_clip_that_came_last_is_refused_if_it_is_the_one_that_finds_no_memory() -> None:
    async def scenario(hub: ClipHub, engine: Cramped) -> None:
        first, first_answers = await opened(hub, request("first"))
        last, last_answers = await opened(hub, request("last"))
        engine.has_room = lambda: False
        hub.feed(last, ev.FrameArrived(0, luma(1)))
        failed = await last_answers.next_response()
        assert failed is not None
        assert failed.frame_error.reason == pb.ERROR_REASON_OUT_OF_MEMORY
        with pytest.raises(WireError) as caught:
            await last_answers.next_response()
        assert caught.value.reason is ErrorReason.OUT_OF_MEMORY
        engine.has_room = lambda: True
        hub.feed(first, ev.FrameArrived(0, luma(1)))
        response = await first_answers.next_response()
        assert response is not None
        assert response.WhichOneof("message") == "color_frame"

    run_on(Cramped(), scenario)


def run_on(engine: Cramped, scenario: Callable[[ClipHub, Cramped], Awaitable[None]]) -> None:
    async def with_deadline() -> None:
        with StateTiers(engine.device, 1 << 30, 1 << 30) as tiers, DeviceWorker(engine, tiers) as worker:
            await asyncio.wait_for(scenario(ClipHub(CONFIG, worker, "tiny"), engine), SECONDS)

    asyncio.run(with_deadline())


@LITTLE_MEMORY
def test_a_clip_that_never_fits_does_not_empty_the_server() -> None:
    async def scenario(hub: ClipHub, engine: Cramped) -> None:
        greedy, greedy_answers = await opened(hub, request("greedy"))
        others = [(await opened(hub, request(f"other-{index}")))[0] for index in range(3)]
        engine.has_room = lambda: False
        hub.feed(greedy, ev.FrameArrived(0, luma(1)))
        failed = await greedy_answers.next_response()
        assert failed is not None
        assert failed.frame_error.reason == pb.ERROR_REASON_OUT_OF_MEMORY
        assert set(others[:2]) <= set(hub.clips)

    run_on(Cramped(), scenario)


@LITTLE_MEMORY
def test_nobody_gives_way_for_a_client_that_has_gone() -> None:
    async def scenario(hub: ClipHub, engine: Cramped) -> None:
        gone, session = await opened(hub, request("gone"))
        _, answers = await opened(hub, request("living"))
        failed = ev.WorkFailed(FrameNumber(0), gone.machine.generation, ErrorReason.OUT_OF_MEMORY, "")
        hub.detach(gone, session)
        hub._run_again(gone, failed, lambda: pytest.fail("nobody wants it"), 0)
        living = hub.find("living")
        hub.feed(living, ev.FrameArrived(0, luma(1)))
        response = await answers.next_response()
        assert response is not None
        assert response.WhichOneof("message") == "color_frame"

    run_on(Cramped(), scenario)


@LITTLE_MEMORY
def test_a_clip_that_comes_back_is_not_the_one_that_came_last() -> None:
    async def scenario(hub: ClipHub, engine: Cramped) -> None:
        first, session = await opened(hub, request("first"))
        second, _ = await opened(hub, request("second"))
        hub.detach(first, session)
        _, answers = await opened(hub, request("first"))
        assert first.epoch > second.epoch
        engine.has_room = lambda: len(hub.clips) < 2
        hub.feed(first, ev.FrameArrived(0, luma(1)))
        response = await answers.next_response()
        assert response is not None
        assert response.WhichOneof("message") == "color_frame"
        assert hub.clips == (first,)

    run_on(Cramped(), scenario)
