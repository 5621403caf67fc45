"""Fault 26: links in the state folder that lead out of it are not followed: not to write, to read or to remove."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from box import Box, start
from film import Client, Film, refusals, snapshots
from streams import wait_until

FILM = Film(frames=60, cuts=())
Solo = Callable[[Film], dict[int, str]]
PATHS = pytest.mark.fault(26, "path traversal")
SECRET = "not yours"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Somebody else's folder."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_text(SECRET)
    return folder


def is_untouched(outside: Path) -> bool:
    return [path.name for path in outside.iterdir()] == ["secret"] and (outside / "secret").read_text() == SECRET


def coloured(box: Box, frames: int) -> Client:
    """A clip with a snapshot, whose server is gone."""
    client = Client(box.start(), FILM)
    client.open()
    client.play(range(frames))
    client.wait_durable(frames - 1, through=23)
    box.kill()
    return client


@PATHS
def test_a_clip_that_is_a_link_is_not_written_to(box: Box, outside: Path, solo: Solo) -> None:
    expected = solo(FILM)
    coloured(box, 26)
    [clip] = (box.states / "clips").iterdir()
    for path in clip.iterdir():
        path.unlink()
    clip.rmdir()
    clip.symlink_to(outside)
    client = Client(box.start(), FILM)
    client.open()
    client.play(range(FILM.frames))
    client.end()
    assert client.colours == expected
    wait_until(lambda: "snapshots cannot be written" in box.log)
    box.stop()
    assert is_untouched(outside)


@PATHS
def test_a_snapshot_that_is_a_link_is_neither_read_nor_written(box: Box, outside: Path, solo: Solo) -> None:
    """Not even if it is put there while the server runs, and leads to what it would take."""
    expected = solo(FILM)
    coloured(box, 26)
    stub = box.start()
    file = snapshots(box.states)[24]
    copy = outside.parent / "copy"
    copy.write_bytes(file.read_bytes())
    file.unlink()
    file.symlink_to(copy)
    partial = file.with_name(file.name.replace("24-", "48-", 1) + ".partial")
    partial.symlink_to(outside / "secret")
    client = Client(stub, FILM)
    assert not client.open(first=24).resumed
    assert "snapshot refused" in box.log
    client.connect(stub)
    client.fields = {"restart": True}
    client.open()
    client.play(range(FILM.frames))
    client.end()
    assert client.colours == expected
    assert partial.is_symlink() or not partial.exists()
    box.stop()
    assert is_untouched(outside)


class Bomb:
    """Leaves a trace where it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.trace), "w")


@pytest.mark.fault(27, "malicious snapshot or weights file")
def test_a_pickle_in_place_of_a_snapshot_is_refused_and_not_run(box: Box, tmp_path: Path, solo: Solo) -> None:
    client = coloured(box, 26)
    trace = tmp_path / "trace"
    for file in snapshots(box.states).values():
        file.write_bytes(pickle.dumps(Bomb(trace)))
    stub = box.start()
    client.connect(stub)
    opened = client.open(first=26, earliest=0)
    assert not opened.resumed
    assert len(refusals(box.log)) >= 1
    client.connect(stub)
    client.fields = {"restart": True}
    client.open()
    client.play(range(FILM.frames))
    assert client.colours == solo(FILM)
    assert not trace.exists()


@PATHS
@pytest.mark.parametrize("name", ["clips", "lock"])
def test_a_state_folder_with_a_link_in_it_is_refused(tmp_path: Path, outside: Path, name: str) -> None:
    states = tmp_path / "states"
    states.mkdir(mode=0o700)
    (states / name).symlink_to(outside if name == "clips" else outside / "made")
    status, said = start("--model", "tiny", "--listen", "127.0.0.1:0", "--state-dir", str(states))
    assert (status, said.count("\n")) == (3, 1), said
    assert "cannot use the state folder" in said
    assert is_untouched(outside)


@PATHS
def test_an_epoch_that_is_a_link_is_replaced(box: Box, outside: Path) -> None:
    box.states.mkdir(mode=0o700)
    (outside / "secret").write_text(str(2**60))
    for name in ("epoch", "epoch.partial"):
        (box.states / name).symlink_to(outside / "secret")
    epoch = Client(box.start(), FILM).open().epoch
    assert epoch < 2**60, "another's file was read"
    box.stop()
    assert (outside / "secret").read_text() == str(2**60)
    assert not (box.states / "epoch").is_symlink()


@PATHS
def test_what_is_dropped_is_dropped_inside(box: Box, outside: Path) -> None:
    client = coloured(box, 26)
    [clip] = (box.states / "clips").iterdir()
    (clip / "way out").symlink_to(outside)
    client = Client(box.start(), FILM, restart=True)
    client.open()
    client.play(range(3))
    client.end()
    wait_until(lambda: not os.path.lexists(clip))
    assert is_untouched(outside)
