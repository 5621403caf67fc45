"""The folder in which a server keeps what must outlive it: one folder, one server.

    lock                  held by the server that lives, freed by the system however it dies
    epoch                 the first stream number that no server of this folder has given away yet
    clips/CLIP/FILE       snapshots

A file gets its name only when all of its bytes are on the disk, and the name is on the disk before anybody hears of it.

The folder itself may be a link. One inside is not followed, neither to write nor to read: it leads to what is not ours.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from kinemacolor.server.dependency import ClipDependencies
from kinemacolor.server.snapshot_file import MAX_FILE_BYTES
from kinemacolor.server.snapshot_index import Stored
from kinemacolor.wire.frame import ClipKey, FrameNumber

DEPENDENCY_CHARS = 16
"""Of the dependency hash in a file's name; the header has all of it."""
STATE_VARIABLE = "KINEMACOLOR_STATE"

_SUFFIX = ".safetensors"
_TEMPORARY = ".partial"
_EPOCH_BYTES = 64
_BLOCK_BYTES = 4096
"""The least that a file takes of a disk."""


class StateFolderError(Exception):
    """The folder cannot be used; the text is one line for a person."""


class FolderTakenError(StateFolderError):
    """Another server lives in the folder."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One snapshot as its name tells it."""

    stored: Stored
    modified: float
    """Seconds since the epoch."""


class StateFolder:
    """A locked state folder; a context manager.

    Args:
        path: made if it is not there, open to its owner only.

    Raises:
        FolderTakenError: another server uses it.
        StateFolderError: it cannot be made, or others can write to it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._make(self._clips)
            _check_private(path)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StateFolderError(f"cannot use the state folder {path}: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise FolderTakenError(f"another server uses the state folder {path}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        os.close(self._lock)

    @property
    def _clips(self) -> Path:
        return self.path / "clips"

    def _make(self, folder: Path) -> None:
        """Make a folder below the state folder, and that one too if somebody has removed it; durably."""
        for step in (self.path, self._clips, folder):
            if step != self.path:
                _check_no_link(step)
            if not step.is_dir():
                step.mkdir(mode=0o700)
                _sync_folder(step.parent)

    # ---- snapshots ----

    def clip_names(self) -> list[str]:
        """The clips that have a folder."""
        return sorted(entry.name for entry in os.scandir(self._clips) if entry.is_dir(follow_symlinks=False))

    def files(self, clip_name: str) -> list[FoundFile]:
        """The snapshots of a clip, oldest file first; what a killed server has left half written is removed."""
        found: list[FoundFile] = []
        for entry in os.scandir(self._clips / clip_name):
            stored = _stored_of(entry) if entry.is_file(follow_symlinks=False) else None
            if stored is not None:
                found.append(FoundFile(stored, entry.stat(follow_symlinks=False).st_mtime))
            elif entry.name.endswith(_TEMPORARY):
                os.unlink(entry.path)
        return sorted(found, key=lambda file: (file.modified, file.stored))

    def has_clip(self, clip_name: str) -> bool:
        """True if the clip has a folder."""
        folder = self._clips / clip_name
        return folder.is_dir() and not folder.is_symlink()

    def stage(self, clip_name: str, stored: Stored, data: bytes) -> Path:
        """Write a snapshot under a temporary name, through to the disk.

        Raises:
            OSError: it cannot be written; nothing is left behind.
        """
        folder = self._clips / clip_name
        self._make(folder)
        temporary = folder / (_file_name(stored) + _TEMPORARY)
        try:
            _write_through(temporary, data)
        except OSError:
            self.discard(temporary)
            raise
        return temporary

    def publish(self, staged: Path) -> None:
        """Give a staged snapshot its name; durable after `sync_clip`.

        Raises:
            OSError: its folder is gone.
        """
        os.rename(staged, staged.with_name(staged.name.removesuffix(_TEMPORARY)))

    def discard(self, staged: Path) -> None:
        """Remove a staged snapshot, and its folder if nothing else is in it."""
        with contextlib.suppress(OSError):
            staged.unlink()
            staged.parent.rmdir()

    def sync_clip(self, clip_name: str) -> None:
        """Make the names of a clip's snapshots durable.

        Raises:
            OSError: the disk refuses.
        """
        _sync_folder(self._clips / clip_name)

    def read(self, clip_name: str, stored: Stored) -> bytes:
        """The bytes of a snapshot, at most MAX_FILE_BYTES + 1 of them.

        Raises:
            OSError: it cannot be read.
        """
        _check_no_link(self._clips / clip_name)
        return _read(self._clips / clip_name / _file_name(stored), MAX_FILE_BYTES + 1)

    def remove(self, clip_name: str, stored: Stored) -> None:
        """Remove a snapshot, if it is there."""
        with contextlib.suppress(OSError):
            (self._clips / clip_name / _file_name(stored)).unlink()

    def remove_clip(self, clip_name: str) -> None:
        """Remove all snapshots of a clip."""
        shutil.rmtree(self._clips / clip_name, ignore_errors=True)

    # ---- epochs ----

    def reserve_epochs(self, least: int, count: int) -> int:
        """Take `count` numbers that no server of this folder has had, none below `least`; returns the first.

        Raises:
            OSError: the reservation is not durable.
        """
        path = self.path / "epoch"
        try:
            free = int(_read(path, _EPOCH_BYTES).decode("ascii"))
        except ValueError:
            free = 0
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ELOOP):  # a link is replaced, as what is damaged is
                raise
            free = 0
        first = max(free, least)
        temporary = path.with_suffix(_TEMPORARY)
        _write_through(temporary, str(first + count).encode())
        os.rename(temporary, path)
        _sync_folder(self.path)
        return first


def clip_name(key: ClipKey, dependencies: ClipDependencies) -> str:
    """The folder of a clip with certain settings: fit for every file system, whatever the key."""
    return f"{name_prefix(key)}{dependencies.clip_hash()[:DEPENDENCY_CHARS]}"


def name_prefix(key: ClipKey) -> str:
    """How the folders of a clip begin, whatever its settings."""
    return hashlib.sha256(key.encode()).hexdigest()[:32] + "-"


def default_folder() -> Path:
    """Where a server keeps its states if it is not told.

    Raises:
        StateFolderError: there is no home folder.
    """
    if os.environ.get(STATE_VARIABLE):
        return Path(os.environ[STATE_VARIABLE])
    platform_base = "~/Library/Application Support" if sys.platform == "darwin" else "~/.local/state"
    base = Path(os.environ.get("XDG_STATE_HOME") or platform_base)
    try:
        return base.expanduser() / "kinemacolor" / "snapshots"
    except RuntimeError as error:
        raise StateFolderError(f"this user has no home folder; set {STATE_VARIABLE}") from error


def _check_private(path: Path) -> None:
    """Whoever can write here can choose colours."""
    found = path.stat()
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o022:
        raise StateFolderError(f"others can write to the state folder {path}; it must be yours alone (chmod 700)")


def _file_name(stored: Stored) -> str:
    return f"{stored.next_frame:019d}-{stored.shot_start:019d}-{stored.dependency}{_SUFFIX}"


def _stored_of(entry: "os.DirEntry[str]") -> Stored | None:
    """What a file's name says, or None for a file that is none of ours."""
    numbers = entry.name.removesuffix(_SUFFIX).split("-")
    if not entry.name.endswith(_SUFFIX) or len(numbers) != 3 or not all(map(str.isdecimal, numbers[:2])):
        return None
    return Stored(
        next_frame=FrameNumber(int(numbers[0])),
        shot_start=FrameNumber(int(numbers[1])),
        dependency=numbers[2],
        nbytes=disk_bytes(entry.stat(follow_symlinks=False).st_size),
    )


def disk_bytes(size: int) -> int:
    """What a file of `size` bytes takes of a disk."""
    return -(-size // _BLOCK_BYTES) * _BLOCK_BYTES


def _check_no_link(path: Path) -> None:
    """Raise OSError if something stands there that leads elsewhere."""
    if path.is_symlink():
        raise OSError(errno.ELOOP, "a link inside it is not followed", str(path))


def _read(path: Path, most_bytes: int) -> bytes:
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW), "rb") as file:
        return file.read(most_bytes)


def _write_through(path: Path, data: bytes) -> None:
    """Write a new file; what has its name goes, and what that leads to stays as it is."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    """A new name is durable only when its folder is."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
