"""The folder that outlives a server: one owner, numbers that only grow."""

from collections.abc import Callable
from pathlib import Path

import pytest
from box import start

from kinemacolor.server import epochs as epochs_module
from kinemacolor.server.config import parse_bytes
from kinemacolor.server.epochs import Epochs
from kinemacolor.server.state_folder import FolderTakenError, StateFolder, StateFolderError


def test_two_servers_cannot_share_a_folder(tmp_path: Path) -> None:
    with StateFolder(tmp_path), pytest.raises(FolderTakenError, match="another server uses"):
        StateFolder(tmp_path)
    with StateFolder(tmp_path):
        pass


@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(StateFolderError, match="others can write"):
        StateFolder(tmp_path)


def test_only_the_owner_can_read_what_is_made(tmp_path: Path) -> None:
    with StateFolder(tmp_path / "new" / "states") as folder:
        folder.reserve_epochs(1, 1)
    made = list((tmp_path / "new" / "states").rglob("*"))
    assert made
    assert all(path.stat().st_mode & 0o077 == 0 for path in [*made, tmp_path / "new" / "states"])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def set_seconds(seconds: int) -> None:
        monkeypatch.setattr(epochs_module.time, "time_ns", lambda: seconds * 1_000_000_000)

    return set_seconds


def test_stream_numbers_grow_over_servers_also_if_the_clock_is_set_back(
    tmp_path: Path, clock: Callable[[int], None]
) -> None:
    taken = []
    for seconds in (1_000_000, 2_000_000, 5, 2_000_000):
        clock(seconds)
        with StateFolder(tmp_path) as folder:
            numbers = Epochs(folder)
            taken += [numbers.take() for _ in range(3)]
    assert taken == sorted(set(taken))


def test_stream_numbers_grow_also_if_the_folder_is_lost(tmp_path: Path, clock: Callable[[int], None]) -> None:
    clock(1_000_000)
    with StateFolder(tmp_path / "a") as folder:
        before = Epochs(folder).take()
    clock(1_000_001)
    with StateFolder(tmp_path / "b") as folder:
        assert Epochs(folder).take() > before


@pytest.mark.parametrize("damage", ["", "no number", "12\n\0"])
def test_a_damaged_reservation_does_not_stop_a_server(tmp_path: Path, damage: str) -> None:
    (tmp_path / "epoch").write_text(damage)
    with StateFolder(tmp_path) as folder:
        assert Epochs(folder).take() > 1_000_000


def test_a_folder_that_cannot_be_used_is_said_in_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    file = tmp_path / "file"
    file.touch()
    with StateFolder(tmp_path / "taken"):
        for folder, text in [(file, "cannot use the state folder"), (tmp_path / "taken", "another server uses")]:
            status, stderr = start("--model", "tiny", "--listen", "127.0.0.1:0", "--state-dir", str(folder))
            assert (status, stderr.count("\n")) == (3, 1), stderr
            assert text in stderr


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("4096", 4096), ("20k", 20480), ("500M", 500 << 20), ("4G", 4 << 30)]
)
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["-1", "4Q", "", "G", "1.5G", "٣"])
def test_a_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a number of bytes such as 4G"):
        parse_bytes(text)


def test_a_wrong_size_is_said_in_one_line() -> None:
    status, stderr = start("--model", "tiny", "--snapshot-bytes", "much")
    assert status == 2
    assert stderr.splitlines()[-1].endswith("expected a number of bytes such as 4G, found 'much'")


def test_a_private_server_keeps_no_states_unless_it_is_told(short_folder: Path, tmp_path: Path) -> None:
    listen = ("--model", "tiny", "--listen", f"unix:{short_folder}/s", "--exit-with-stdin")
    states = tmp_path / "states"
    states.mkdir(mode=0o700)
    status, stderr = start(*listen, environment={"KINEMACOLOR_STATE": str(states)})
    assert status == 0, stderr
    assert not list(states.iterdir())
    assert start(*listen, "--state-dir", str(states))[0] == 0
    assert (states / "lock").exists()
