"""The folder of the store: which clips it has, how large they are, and who uses them.

    KEY.chroma (-wal, -shm)   a clip, see `clip_file`
    KEY.lock                  locked by everybody who has the clip open
    KEY.refused               a file that was damaged or foreign, moved aside; the first to go when room is needed
    lock                      held for moments, by whoever opens, moves or removes a file

A file is moved or removed only while nobody has it open. Names of other kinds are never touched.
"""

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kinemacolor.store.clip_file import ClipFile, parts_of
from kinemacolor.store.errors import UnusableStoreError

__all__ = ["DEFAULT_MAX_BYTES", "Entry", "OpenClip", "StoreFolder", "default_folder"]

DEFAULT_MAX_BYTES = 40 * 10**9
"""Two films of two hours at the standard size and 24 frames a second."""
_CLIP, _REFUSED = ".chroma", ".refused"
_NAME = re.compile(r"[0-9a-f]{32}\.(chroma|refused)", re.ASCII)
_LOCK_SECONDS = 10.0
_LOCK_POLL_SECONDS = 0.02


def default_folder() -> Path:
    """$XDG_CACHE_HOME/kinemacolor/chroma, or the same below ~/.cache."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    # The specification says that a relative path is to be ignored.
    base = Path(cache) if os.path.isabs(cache) else Path.home() / ".cache"
    return base / "kinemacolor" / "chroma"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the store."""

    path: Path
    bytes: int
    used: float
    """Seconds since the epoch."""

    @property
    def key(self) -> str:
        """Of the clip."""
        return self.path.stem

    @property
    def is_refused(self) -> bool:
        """True: it was moved aside, and nothing is read from it."""
        return self.path.suffix == _REFUSED


class OpenClip:
    """A clip's file, open and marked as in use until `close`."""

    def __init__(self, file: ClipFile, lock: int) -> None:
        self.file = file
        self._lock = lock

    def close(self) -> None:
        """Close it; it counts as used now."""
        if self._lock < 0:
            return
        try:
            self.file.close()
            with contextlib.suppress(OSError):
                os.utime(self.file.path)
        finally:
            os.close(self._lock)
            self._lock = -1


class StoreFolder:
    """A folder of clips.

    Args:
        path: Made when the first clip is opened.
        max_bytes: What all files together may take.
    """

    def __init__(self, path: Path, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self.path = path
        self.max_bytes = max_bytes

    def open_clip(self, key: str, label: str) -> OpenClip:
        """Open a clip's file, a new one if there is none.

        Raises:
            RefusedFileError: It is damaged, of another version, or none of ours.
            UnusableStoreError: The folder or the file cannot be used.
        """
        with self._translated():
            self.path.mkdir(parents=True, exist_ok=True)
        with self._mutex():
            lock = _lock_file(self._lock_path(key), fcntl.LOCK_SH)
            try:
                return OpenClip(ClipFile(self._clip_path(key), label), lock)
            except BaseException:
                os.close(lock)
                raise

    def move_aside(self, key: str) -> Path:
        """Give a clip's file another name, so that a new one can be begun; returns that name.

        Raises:
            UnusableStoreError: Somebody else has it open.
        """
        target = self._clip_path(key).with_suffix(_REFUSED)
        with self._mutex(), self._alone(key) as is_alone:
            if not is_alone:
                raise UnusableStoreError(f"{self._clip_path(key)}: is in use by another process")
            file, *rest = parts_of(self._clip_path(key))
            file.replace(target)
            for part in rest:
                part.unlink(missing_ok=True)
        return target

    def remove(self, entry: Entry) -> bool:
        """Remove a file; False if somebody has it open.

        Raises:
            UnusableStoreError: It cannot be removed.
        """
        with self._mutex(), self._alone(entry.key) as is_alone:
            if not is_alone:
                return False
            for part in parts_of(entry.path):
                part.unlink(missing_ok=True)
            if not self._clip_path(entry.key).exists():
                self._lock_path(entry.key).unlink(missing_ok=True)
            return True

    def entries(self) -> list[Entry]:
        """All files, those first that are to go first.

        Raises:
            UnusableStoreError: The folder cannot be read.
        """
        found = []
        if self.path.exists() and not self.path.is_dir():
            raise UnusableStoreError(f"{self.path}: is no folder")
        with self._translated():
            for path in self.path.iterdir() if self.path.is_dir() else ():
                if _NAME.fullmatch(path.name):
                    found.append(_entry(path))
        return sorted((entry for entry in found if entry), key=lambda entry: (not entry.is_refused, entry.used))

    def make_room(self, key: str, wanted: int) -> int:
        """Remove the files that were not used for the longest time until `wanted` bytes are free, or none is left.

        Args:
            key: Of the clip that needs the room; its own file stays.
            wanted: Free bytes, that clip's own file counted as free.

        Returns:
            Bytes that the other files take now.

        Raises:
            UnusableStoreError: The folder cannot be read or changed.
        """
        others = [entry for entry in self.entries() if entry.key != key or entry.is_refused]
        taken = sum(entry.bytes for entry in others)
        for entry in others:
            if taken + wanted <= self.max_bytes:
                break
            if self.remove(entry):
                taken -= entry.bytes
        return taken

    # ---- names and locks ----

    def _clip_path(self, key: str) -> Path:
        return self.path / f"{key}{_CLIP}"

    def _lock_path(self, key: str) -> Path:
        return self.path / f"{key}.lock"

    @contextmanager
    def _mutex(self) -> Iterator[None]:
        give_up = time.monotonic() + _LOCK_SECONDS
        with self._translated():
            while True:
                with contextlib.suppress(BlockingIOError):
                    lock = _lock_file(self.path / "lock", fcntl.LOCK_EX)
                    break
                if time.monotonic() > give_up:
                    raise UnusableStoreError(f"{self.path}: another process does not let go of it")
                time.sleep(_LOCK_POLL_SECONDS)
            try:
                yield
            finally:
                os.close(lock)

    @contextmanager
    def _alone(self, key: str) -> Iterator[bool]:
        """Only inside `_mutex`, so that nobody opens the clip meanwhile."""
        try:
            lock = _lock_file(self._lock_path(key), fcntl.LOCK_EX)
        except BlockingIOError:
            yield False
            return
        try:
            yield True
        finally:
            os.close(lock)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UnusableStoreError(f"{self.path}: {(error.strerror or str(error)).lower()}") from error


def _lock_file(path: Path, kind: int) -> int:
    """A descriptor that holds the lock until it is closed.

    Raises:
        BlockingIOError: Somebody else holds it.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _entry(path: Path) -> Entry | None:
    """None if it has just gone."""
    try:
        sizes = [part.stat().st_size for part in parts_of(path) if part.exists()]
        return Entry(path, sum(sizes), path.stat().st_mtime)
    except FileNotFoundError:
        return None
