"""Killed at any step of an import: old weights, new ones, or a line that says to import again, which mends it."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from kinemacolor.models import library
from kinemacolor.models.errors import CheckpointError, NotInstalledError
from kinemacolor.models.library import import_weights, verify_installed
from kinemacolor.models.networks.lai import Lai

_KILLED = -signal.SIGKILL


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two files of weights."""
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        found.append(tmp_path / f"{seed}.pth")
        torch.save(Lai().state_dict(), found[-1])
    return found


def import_until(step: int, file: Path, folder: Path) -> int:
    """In a process of its own, which is killed where it touches the folder for the so-manieth time: its exit status."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = step

    def touch(*arguments: Any) -> None:
        nonlocal left
        if any(str(folder) in str(argument) for argument in arguments):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sync = os.fsync

    def fsync(handle: int) -> None:
        touch(folder)
        sync(handle)

    os.fsync = fsync
    sys.addaudithook(lambda event, arguments: touch(*arguments))  # opening, renaming, deleting, changing rights
    status = 1
    try:
        import_weights("lai", file)
        status = 0
    finally:
        os._exit(status)


def state() -> str:
    """Whose weights are there, or what is said."""
    try:
        return verify_installed("lai").imported_from
    except NotInstalledError:
        return "none"
    except CheckpointError as error:
        return "mixed" if str(error).endswith("import it again") else str(error)


@pytest.mark.parametrize("old", [True, False], ids=["over others", "first"])
def test_an_import_that_is_killed_leaves_what_is_whole_or_what_is_noticed(
    tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch, old: bool
) -> None:
    seen = []
    for step in range(1000):
        folder = tmp_path / f"models{step}"
        monkeypatch.setenv("KINEMACOLOR_MODELS", str(folder))
        if old:
            import_weights("lai", files[0])
        ended = import_until(step, files[1], folder)
        seen.append(state())
        import_weights("lai", files[1])
        assert state() == "2.pth"
        if ended != _KILLED:
            assert ended == 0
            break
    assert seen[-1] == "2.pth"
    before = "1.pth" if old else "none"
    first = next(place for place, one in enumerate(seen) if one != before)
    assert first > 6, "nothing of the old is touched before the new is safe"
    assert [one for one in seen[first:] if one not in ("2.pth", "mixed")] == []
    assert seen.count("mixed") <= 3, "between the two renames alone"


def test_what_a_killed_import_left_is_swept_away_by_a_later_one(
    tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "models"
    monkeypatch.setenv("KINEMACOLOR_MODELS", str(folder))
    folder.mkdir()
    old, young, others = (folder / f".{name}.part" for name in ("lai.safetensors.1", "lai.json.2", "eccv16.json.3"))
    for part in (old, young, others):
        part.write_bytes(b"half")
    for part in (old, others):
        os.utime(part, (time.time() - 2 * 86400,) * 2)
    import_weights("lai", files[0])
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [others.name, young.name, "lai.json", "lai.safetensors"]
    )


@pytest.mark.parametrize("renames", [0, 1])
def test_a_rename_that_fails_leaves_the_old_or_what_is_noticed(
    tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    monkeypatch.setenv("KINEMACOLOR_MODELS", str(tmp_path / "models"))
    import_weights("lai", files[0])
    rename, left = os.replace, renames

    def fail(*arguments: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(28, "No space left on device")
        rename(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(library.os, "replace", fail)
        with pytest.raises(OSError, match="No space"):
            import_weights("lai", files[1])
    assert state() == ("mixed" if renames else "1.pth")
    assert not list((tmp_path / "models").glob(".*"))
    import_weights("lai", files[1])
    assert state() == "2.pth"
