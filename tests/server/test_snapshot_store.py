"""The snapshots of several clips in a real folder: who is kept, who goes, and what is not believed."""

import logging
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from kinemacolor.models.networks.tiny import TinyColorizer, TinyState
from kinemacolor.server import snapshot_store
from kinemacolor.server.dependency import ClipDependencies
from kinemacolor.server.events import Restored, SaveSnapshot
from kinemacolor.server.guided_shots import guided_shots
from kinemacolor.server.snapshot_index import Stored
from kinemacolor.server.snapshot_store import SnapshotClip, SnapshotStore
from kinemacolor.server.state_folder import StateFolder
from kinemacolor.wire.frame import Geometry, GuideFrame, HintPoint

SECONDS = 60
BLOCK = 4096
"""Every snapshot here takes one of the disk."""
KEEP = 100.0
MODEL = TinyColorizer()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def dependencies(**fields: object) -> ClipDependencies:
    known: dict[str, object] = {
        "model": "tiny",
        "weights_sha256": "ab" * 32,
        "code_sha256": "cd" * 32,
        "device_class": "cpu",
        "geometry": Geometry(8, 4),
        "transfer": 13,
        "shot_starts": None,
    }
    return ClipDependencies(**{**known, **fields})  # type: ignore[arg-type]


def clip(key: str = "clip", **fields: object) -> SnapshotClip:
    return SnapshotClip(key, dependencies(**fields))  # type: ignore[arg-type]


def state(number: int) -> TinyState:
    return TinyState(torch.full((2, 1, 2), float(number)))


def snapshot(after: int, shot: int = 0) -> SaveSnapshot:
    """After the frame before `after`, for a client that has the answers so far."""
    place = {"next_frame": after, "shot_start": shot, "needed": after, "expected": after}
    if after == shot:
        return SaveSnapshot(**place, state=None, luma=b"")  # type: ignore[arg-type]
    return SaveSnapshot(**place, state=state(after), luma=bytes([after % 256]) * 64)  # type: ignore[arg-type]


class SlowFolder(StateFolder):
    """On a disk that a test can hold up."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.gate, self.entered = threading.Event(), threading.Event()
        self.gate.set()

    def stage(self, clip_name: str, stored: Stored, data: bytes) -> Path:
        self.entered.set()
        assert self.gate.wait(SECONDS)
        return super().stage(clip_name, stored, data)

    def hold(self) -> None:
        self.gate.clear()
        self.entered.clear()


@contextmanager
def opened(
    path: Path, *, blocks: int = 1000, share: int = 1000, clock: Clock | None = None, folder: SlowFolder | None = None
) -> Iterator[SnapshotStore]:
    with (
        folder or StateFolder(path) as used,
        SnapshotStore(
            used,
            limit_bytes=blocks * BLOCK,
            share_bytes=share * BLOCK,
            keep_seconds=KEEP,
            clock=clock or Clock(),
        ) as store,
    ):
        yield store


def save(store: SnapshotStore, of: SnapshotClip, *saves: SaveSnapshot) -> None:
    for instruction in saves:
        store.save(of, instruction)
        assert store.flush(SECONDS)


def find(store: SnapshotStore, of: SnapshotClip, lowest: int = 0, highest: int = 10_000) -> Restored | None:
    found = store.find(of, lowest, highest).result(SECONDS)  # type: ignore[arg-type]
    return None if found is None else found.restored


def frames(path: Path) -> list[int]:
    return sorted(int(file.name.partition("-")[0]) for file in path.glob("clips/*/*"))


def file_of(path: Path, after: int) -> Path:
    [file] = path.glob(f"clips/*/{after:019d}-*")
    return file


def test_the_last_snapshot_in_reach_is_found_also_by_the_next_server(tmp_path: Path) -> None:
    for round_number in range(2):
        with opened(tmp_path) as store:
            if round_number == 0:
                save(store, clip(), snapshot(0), snapshot(24), snapshot(48))
            for lowest, highest, expected in [(0, 100, 48), (0, 47, 24), (24, 24, 24), (0, 23, 0), (25, 47, None)]:
                found = find(store, clip(), lowest, highest)
                assert (None if found is None else found.next_frame) == expected
            found = find(store, clip())
            assert found is not None
            assert torch.equal(found.state.tensors()["memory"], state(48).memory)  # type: ignore[attr-defined, arg-type]
            assert found.luma == bytes([48]) * 64


def test_a_snapshot_on_its_way_can_be_gone_on_from_and_is_not_promised(tmp_path: Path) -> None:
    folder = SlowFolder(tmp_path)
    with opened(tmp_path, folder=folder) as store:
        folder.hold()
        for after in (24, 48):
            store.save(clip(), snapshot(after))
            assert folder.entered.wait(SECONDS)
            found = find(store, clip())
            assert found is not None
            assert found.next_frame == after
        assert find(store, clip(transfer=8)) is None
        assert store.durable_through(clip(), 60) is None  # type: ignore[arg-type]
        folder.gate.set()
        assert store.flush(SECONDS)
        assert store.durable_through(clip(), 60) == 47  # type: ignore[arg-type]


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "other frame", "other clip", "gone", "huge"])
def test_what_is_not_the_snapshot_is_refused_once_and_removed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    other = clip("other", weights_sha256="ef" * 32)
    with opened(tmp_path) as store:
        save(store, clip(), snapshot(0), snapshot(24), snapshot(48))
        file, before = file_of(tmp_path, 48), file_of(tmp_path, 24)
        save(store, other, snapshot(72))
    data = file.read_bytes()
    if damage == "empty":
        file.write_bytes(b"")
    elif damage == "cut":
        file.write_bytes(data[:-10])
    elif damage == "flipped":
        file.write_bytes(data[:-10] + bytes([data[-10] ^ 4]) + data[-9:])
    elif damage == "other frame":
        shutil.copy(before, file)
    elif damage == "other clip":
        shutil.copy(file_of(tmp_path, 72), file)
    elif damage == "huge":
        os.truncate(file, 10 << 30)
    with opened(tmp_path) as store, caplog.at_level(logging.WARNING):
        if damage == "gone":
            file.unlink()
        for _ in range(2):
            found = find(store, clip())
            assert found is not None
            assert found.next_frame == 24
        assert not file.exists()
    [record] = caplog.records
    assert record.getMessage() == "snapshot refused, its frames will be computed again"
    assert "\n" not in record.why  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "other",
    [
        {"model": "kinema"},
        {"weights_sha256": "00" * 32},
        {"code_sha256": "00" * 32},
        {"device_class": "cuda"},
        {"geometry": Geometry(4, 8)},
        {"transfer": 8},
        {"shot_starts": (0,)},
        {"variant": 2},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_another_dependency_is_another_clip(tmp_path: Path, other: dict[str, object]) -> None:
    with opened(tmp_path) as store:
        save(store, clip(), snapshot(0), snapshot(24))
        assert find(store, clip(**other)) is None


def test_guides_of_one_shot_leave_the_others_snapshots(tmp_path: Path) -> None:
    starts = (0, 100, 200)
    luma = np.zeros((4, 8), np.uint16)
    guides = guided_shots([GuideFrame(150, luma, None, (HintPoint(0.5, 0.5, 0.0, 9.0, 9.0),))], starts)  # type: ignore[arg-type]
    before, after = clip(shot_starts=starts), clip(shot_starts=starts, guided_shots=guides)
    with opened(tmp_path) as store:
        for shot in starts:
            save(store, before, snapshot(shot, shot), snapshot(shot + 24, shot))
        for lowest, highest, expected in [(0, 99, 24), (101, 199, None), (100, 100, None), (200, 299, 224)]:
            found = find(store, after, lowest, highest)
            assert (None if found is None else found.next_frame) == expected


def test_an_edit_list_that_changes_one_shot_leaves_the_others_snapshots(tmp_path: Path) -> None:
    before, after = clip(shot_starts=(0, 100, 200)), clip(shot_starts=(0, 150, 200))
    with opened(tmp_path) as store:
        for shot in (0, 100, 200):
            save(store, before, snapshot(shot, shot), snapshot(shot + 24, shot))
        assert find(store, after, 0, 199) is None, "both shots end elsewhere now"
        found = find(store, after, 200)
        assert found is not None
        assert found.next_frame == 224


def test_old_snapshots_get_sparse_and_those_near_the_client_stay(tmp_path: Path) -> None:
    with opened(tmp_path, share=8) as store:
        save(store, clip(), *(snapshot(number) for number in range(0, 40 * 24 + 1, 24)))
        kept = frames(tmp_path)
        assert len(kept) == 8
        assert (kept[0], kept[-1]) == (0, 960)
        assert store.durable_through(clip(), 961) == 959  # type: ignore[arg-type]


def test_what_a_client_may_rely_on_is_never_thinned(tmp_path: Path) -> None:
    """It has read nothing after frame 30, so a crash may take it back to there, however little room there is."""
    with opened(tmp_path, share=1) as store:
        for after in range(0, 241, 24):
            place = snapshot(after)
            save(store, clip(), SaveSnapshot(after, 0, place.state, place.luma, min(30, after), after))  # type: ignore[arg-type]
        assert frames(tmp_path) == list(range(24, 241, 24))


def test_the_clip_that_was_used_last_stays(tmp_path: Path) -> None:
    clock = Clock()
    with opened(tmp_path, blocks=4, clock=clock) as store:
        for name in ("a", "b"):
            save(store, clip(name), snapshot(0), snapshot(24))
            clock.now += 10 * KEEP
        assert find(store, clip("a")) is not None
        clock.now += 10 * KEEP
        save(store, clip("c"), snapshot(0))
        assert [find(store, clip(name)) is not None for name in ("a", "b", "c")] == [True, False, True]


@pytest.mark.parametrize("attached", [True, False])
def test_a_clip_that_may_come_back_is_not_dropped_for_a_new_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, attached: bool
) -> None:
    clock = Clock()
    with opened(tmp_path, blocks=2, clock=clock) as store, caplog.at_level(logging.WARNING):
        if attached:
            store.attach(clip("old"))
        save(store, clip("old"), snapshot(0), snapshot(24))
        clock.now += 10 * KEEP if attached else KEEP / 2
        save(store, clip("new"), snapshot(0), snapshot(24))
        assert find(store, clip("new")) is None
        assert find(store, clip("old")) is not None
        [record] = caplog.records
        assert "cannot be written" in record.getMessage()
        store.detach(clip("old"))
        clock.now += 2 * KEEP
        save(store, clip("new"), snapshot(48))
        assert frames(tmp_path) == [48]


def test_a_dropped_clip_does_not_come_back_from_the_queue(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        for after in range(0, 2400, 24):
            store.save(clip(), snapshot(after))
            store.drop(clip().key)
        assert store.flush(SECONDS)
        assert find(store, clip()) is None
    assert frames(tmp_path) == []


def test_a_state_that_would_be_refused_when_it_is_read_is_not_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_store, "MAX_FILE_BYTES", 200)
    with opened(tmp_path) as store:
        save(store, clip(), snapshot(24))
        assert store.durable_through(clip(), 60) is None  # type: ignore[arg-type]
    assert frames(tmp_path) == []


def test_a_slow_disk_costs_old_states_and_no_shot_starts(tmp_path: Path) -> None:
    folder = SlowFolder(tmp_path)
    with opened(tmp_path, folder=folder) as store:
        folder.hold()
        store.save(clip(), snapshot(24))
        assert folder.entered.wait(SECONDS)
        for after in range(48, 240, 24):
            store.save(clip(), snapshot(after))
        for cut in (300, 301, 302):
            store.save(clip(), snapshot(cut, cut))
        folder.gate.set()
        assert store.flush(SECONDS)
    assert frames(tmp_path) == [24, 192, 216, 300, 301, 302]


def test_half_written_files_of_a_dead_server_are_removed(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        save(store, clip(), snapshot(24))
    torn = file_of(tmp_path, 24)
    torn = torn.with_name(torn.name.replace(f"{24:019d}", f"{48:019d}", 1) + ".partial")
    torn.write_bytes(b"half")
    with opened(tmp_path) as store:
        found = find(store, clip())
        assert found is not None
        assert found.next_frame == 24
    assert not torn.exists()
