"""States on the device, in RAM and on disk: the same values wherever they have been."""

import gc
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from streams import END, Stream, connect, frame, open_clip
from torch import Tensor

from kinemacolor.models.registry import load_model
from kinemacolor.server.state_tiers import KeptState, StateTiers
from kinemacolor.v1 import colorize_pb2_grpc as pb_grpc

CPU, GPU = torch.device("cpu"), torch.device("cuda")  # of the GPU only the name: its states here are CPU tensors
SIZE = 4 * 10


@dataclass(frozen=True)
class State:
    memory: Tensor

    @property
    def nbytes(self) -> int:
        return self.memory.nbytes

    def tensors(self) -> dict[str, Tensor]:
        return {"memory": self.memory}


def restore(tensors: Mapping[str, Tensor]) -> State:
    return State(tensors["memory"].clone())


def value(number: int) -> State:
    return State(torch.arange(10, dtype=torch.float32) + number)


def keep(tiers: StateTiers, count: int) -> list[KeptState]:
    return [tiers.keep(value(number), restore) for number in range(count)]


def is_same(state: object, number: int) -> bool:
    assert isinstance(state, State)
    return torch.equal(state.memory, value(number).memory)


@pytest.mark.parametrize(("device", "ram"), [(CPU, 0), (GPU, 2 * SIZE), (GPU, 0)])
def test_states_come_back_as_they_were(tmp_path: Path, device: torch.device, ram: int) -> None:
    with StateTiers(device, 2 * SIZE, ram, tmp_path) as tiers:
        kept = keep(tiers, 7)
        assert sum(state.nbytes for state in kept) <= 2 * SIZE
        for number in (0, 6, 3, 0, 5, 1, 2, 4):
            assert is_same(restore(kept[number].tensors()), number)
            assert is_same(tiers.load(kept[number]), number)
            assert kept[number].nbytes == SIZE
            assert sum(state.nbytes for state in kept) <= 2 * SIZE
        assert tiers.moved_up >= 5
    assert list(tmp_path.iterdir()) == []


def test_the_states_used_last_stay(tmp_path: Path) -> None:
    with StateTiers(CPU, 3 * SIZE, 0, tmp_path) as tiers:
        kept = keep(tiers, 3)
        tiers.load(kept[0])
        kept.append(tiers.keep(value(3), restore))
        assert [state.nbytes > 0 for state in kept] == [True, False, True, True]


def test_a_state_that_nobody_needs_leaves_nothing(tmp_path: Path) -> None:
    with StateTiers(CPU, SIZE, 0, tmp_path) as tiers:
        kept = keep(tiers, 4)
        (folder,) = tmp_path.iterdir()
        assert len(list(folder.iterdir())) == 3
        kept.clear()
        gc.collect()
        assert list(folder.iterdir()) == []


def test_a_state_may_be_let_go_while_another_is_moved(tmp_path: Path) -> None:
    kept: list[KeptState] = []

    def restore_and_let_go(tensors: Mapping[str, Tensor]) -> State:
        kept.clear()
        return restore(tensors)

    with StateTiers(CPU, SIZE, 0, tmp_path) as tiers:
        first = tiers.keep(value(0), restore_and_let_go)
        kept += keep(tiers, 3)
        assert is_same(tiers.load(first), 0)
        tiers.load(first)
        (folder,) = tmp_path.iterdir()
        assert list(folder.iterdir()) == []


def test_the_size_of_a_state_is_known_while_one_is_restored(tmp_path: Path) -> None:
    """With many guides that takes seconds, in which the server's loop must not stand still."""
    sizes: list[int] = []

    def restore_slowly(tensors: Mapping[str, Tensor]) -> State:
        asking = threading.Thread(target=lambda: sizes.append(other.nbytes), daemon=True)
        asking.start()
        asking.join(10)
        return restore(tensors)

    with StateTiers(CPU, SIZE, 0, tmp_path) as tiers:
        first = tiers.keep(value(0), restore_slowly)
        other = tiers.keep(value(1), restore)
        assert is_same(tiers.load(first), 0)
    assert sizes == [SIZE]


def test_what_a_killed_server_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "states-old").mkdir()
    (tmp_path / "states-old" / "1.safetensors").write_bytes(b"x")
    (tmp_path / "clips").mkdir()
    with StateTiers(CPU, SIZE, 0, tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == ["clips"]


def test_a_disk_that_takes_nothing_costs_memory_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    gone = tmp_path / "gone"
    with caplog.at_level(logging.WARNING), StateTiers(CPU, SIZE, 0, gone) as tiers:
        kept = keep(tiers, 5)
        assert all(is_same(tiers.load(state), number) for number, state in enumerate(kept))
    assert len(caplog.records) == 1


def test_a_real_state_survives_the_disk(tmp_path: Path) -> None:
    model = load_model("tiny")
    lightness = torch.linspace(0, 100, 32 * 64).view(1, 1, 32, 64)
    proposals = [model.propose(lightness.roll(shift, dims=3))[0] for shift in range(6)]

    def colours(tiers: StateTiers) -> list[Tensor]:
        kept, found = None, []
        for proposal in proposals:
            result = model.step(model.init_state() if kept is None else tiers.load(kept), proposal)
            kept = tiers.keep(result.state, model.restore_state)
            tiers.keep(result.state, model.restore_state)  # pushes the other one out
            found.append(result.ab)
        return found

    with StateTiers(CPU, 1 << 30, 0, tmp_path) as roomy, StateTiers(CPU, 1, 0, tmp_path) as narrow:
        expected, found = colours(roomy), colours(narrow)
        assert narrow.moved_up == len(proposals) - 1
    assert all(torch.equal(one, other) for one, other in zip(expected, found, strict=True))


def run_clips(server: Any, clips: int, frames: int) -> tuple[dict[int, list[bytes]], float]:
    """Colour clips at the same time, frame by frame; the answers, and the longest wait for one in seconds."""
    answers: dict[int, list[bytes]] = {}
    waits: list[float] = []

    def run(number: int) -> None:
        with connect(server.address) as stub:
            answers[number] = colours(stub, number, frames, waits)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(clips)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    return answers, max(waits)


def colours(stub: pb_grpc.ColorizeServiceStub, number: int, frames: int, waits: list[float]) -> list[bytes]:
    stream = Stream(stub)
    stream.opened(open_clip(f"clip{number}", restart=True))
    answers = []
    for index in range(frames):
        started = time.monotonic()
        answers.append(stream.color(frame(index, seed=number)).ab)
        waits.append(time.monotonic() - started)
    stream.send(END)
    stream.take("clip_ended")
    return answers


@pytest.mark.fault(18, "100 clips, 8 states")
@pytest.mark.parametrize(
    ("clips", "slots", "frames"),
    [pytest.param(16, 2, 6, id="fast"), pytest.param(100, 8, 30, id="full", marks=pytest.mark.slow)],
)
def test_more_clips_than_there_is_room_for_finish_with_the_bytes_of_their_solo_runs(
    start_server: Callable[..., Any],
    clips: int,
    slots: int,
    frames: int,
    record_property: Callable[[str, object], None],
) -> None:
    """All at once, with memory for a few states; then one after the other."""
    narrow = start_server("--max-clips", str(clips), "--device-states", str(slots * state_bytes()))
    answers, wait = run_clips(narrow, clips, frames)
    assert narrow.stop() == 0
    figure = f"{clips} clips, room for {slots} states: longest wait for an answer {wait * 1000:.0f} ms"
    record_property("figure", figure)
    assert "moved_up" in narrow.log, "states left the memory and came back"
    with connect(start_server().address) as stub:
        for number in range(clips):
            assert colours(stub, number, frames, []) == answers[number]
    assert wait < 30


def state_bytes() -> int:
    """Of `tiny` at the size of these pictures, padded."""
    model = load_model("tiny")
    result = model.step(model.init_state(), model.propose(torch.zeros(1, 1, 32, 64))[0])
    return result.state.nbytes
