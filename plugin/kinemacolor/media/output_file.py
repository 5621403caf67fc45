"""The output while it is not yet whole: a hidden file beside the final name, moved there only when complete.

FFmpeg writes through `OutputFile.write`. When the disk is full, that call waits inside, so that neither the muxer nor
the encoder notices: nothing written before is touched and the render goes on where it stood.
"""

import errno
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kinemacolor.media.errors import DiskFullError, OutputError

__all__ = ["FULL_DISK", "DiskFullPolicy", "OutputFile", "check_writable", "sync_folder", "write_all"]

FULL_DISK = frozenset((errno.ENOSPC, errno.EDQUOT))


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskFullPolicy:
    """What to do when there is no room left."""

    wait_seconds: float = 0.0
    """How long to wait for room before giving up, in total for each time the disk is full; 0 gives up at once."""
    poll_seconds: float = 5.0
    """How often to try again."""
    on_wait: Callable[[float], bool] | None = None
    """Called before every wait with the seconds waited so far; False gives up. May raise (Ctrl-C)."""
    sleep: Callable[[float], None] = time.sleep


def check_writable(path: Path, *, overwrite: bool) -> None:
    """Refuse an output that cannot be made. A link of that name is what `overwrite` replaces, not what it points to.

    Raises:
        OutputError: No such folder, no right to write there, a folder of that name, or a file not to be replaced.
    """
    folder = path.parent
    if not folder.is_dir():
        raise OutputError(f"{path}: the folder {folder} does not exist")
    if path.is_dir():
        raise OutputError(f"{path} is a folder")
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} is no ordinary file")
    if os.path.lexists(path) and not overwrite:  # a link to nothing has the name too
        raise OutputError(f"{path} exists; -y replaces it")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: {_why_not_writable(folder)}")


def _why_not_writable(folder: Path) -> str:
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        return f"the disk of {folder} is read-only"
    return f"no right to write in {folder}"


def write_all(fd: int, data: bytes, position: int, policy: DiskFullPolicy, path: Path) -> None:
    """Write all of `data` at a position, waiting for room as the policy says.

    Args:
        fd: Open for writing.
        data: What to write.
        position: Where in the file.
        policy: What to do when the disk is full.
        path: Of the file, for messages.

    Raises:
        DiskFullError: Still no room after the policy's time.
        OutputError: Any other failure of the file system.
    """
    rest, waits = memoryview(data), _Waits(policy)
    while rest:
        try:
            written = os.pwrite(fd, rest, position)
        except OSError as error:
            if error.errno not in FULL_DISK:
                raise OutputError(f"{path}: writing failed: {error.strerror}") from error
            if not waits.wait():
                raise DiskFullError(f"{path}: no room left after {position} bytes ({error.strerror})") from error
            continue
        rest = rest[written:]
        position += written


class _Waits:
    """The waits of one operation for room."""

    def __init__(self, policy: DiskFullPolicy) -> None:
        self._policy = policy
        self._waited = 0.0

    def wait(self) -> bool:
        """Wait a while; False, at once, if the policy says that it has been long enough."""
        policy, waited = self._policy, self._waited
        if waited >= policy.wait_seconds or (policy.on_wait is not None and not policy.on_wait(waited)):
            return False
        pause = min(policy.poll_seconds, policy.wait_seconds - waited)
        policy.sleep(pause)
        self._waited += pause
        return True


class OutputFile:
    """A seekable file that becomes `path` on `commit` and leaves nothing behind on `discard`.

    Raises:
        DiskFullError: No room for another file after the policy's time.
        OutputError: It cannot be made.
    """

    def __init__(self, path: Path, *, overwrite: bool, policy: DiskFullPolicy) -> None:
        check_writable(path, overwrite=overwrite)
        self.path = path
        self._overwrite = overwrite
        self._policy = policy
        self._temporary = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.part")
        self._position = 0
        self._size = 0
        self.closed = False
        """PyAV asks this before it writes the trailer of an abandoned file."""
        self.interruption: BaseException | None = None
        """A KeyboardInterrupt or SystemExit that came while FFmpeg was writing; to be raised by the sink."""
        self._fd = self._create()

    def _create(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        waits = _Waits(self._policy)
        while True:
            try:
                return os.open(self._temporary, flags, 0o666)
            except OSError as error:
                if error.errno not in FULL_DISK:
                    raise OutputError(f"{self.path}: cannot be created: {error.strerror}") from error
                if not waits.wait():
                    raise DiskFullError(f"{self.path}: no room left for a new file ({error.strerror})") from error

    @property
    def name(self) -> str:
        """The final name, for messages of FFmpeg."""
        return str(self.path)

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._size

    def writable(self) -> bool:
        """Always; PyAV asks."""
        return True

    def seekable(self) -> bool:
        """Always; mov and mp4 patch sizes at the end."""
        return True

    def tell(self) -> int:
        """Where the next byte goes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move; returns the new position."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def write(self, data: bytes) -> int:
        """As `append`, for PyAV.

        Raises:
            DiskFullError: As `append`.
            OutputError: As `append`, or an interruption (see `interruption`).
        """
        try:
            return self.append(data)
        except Exception:
            raise
        except BaseException as error:
            # PyAV lets only Exceptions through a file object and swallows a Ctrl-C, so it is kept for the sink.
            self.interruption = error
            raise OutputError(f"{self.path}: interrupted") from error

    def append(self, data: bytes) -> int:
        """Write all of `data`, waiting for room as the policy says.

        Raises:
            DiskFullError: Still no room after the policy's time.
            OutputError: Any other failure of the file system.
        """
        write_all(self._fd, data, self._position, self._policy, self.path)
        self._position += len(data)
        self._size = max(self._size, self._position)
        return len(data)

    def read_at(self, offset: int, size: int) -> bytes:
        """Bytes already written."""
        return os.pread(self._fd, size, offset)

    def commit(self) -> None:
        """Make the bytes durable, then let the file appear under its name.

        Raises:
            DiskFullError: No room for what the system still held back.
            OutputError: The name was taken meanwhile, or the file system failed.
        """
        try:
            os.fsync(self._fd)
            os.close(self._fd)
            self.closed = True
            self._publish()
            sync_folder(self.path.parent)
        except OSError as error:
            kind = DiskFullError if error.errno in FULL_DISK else OutputError
            raise kind(f"{self.path}: cannot be completed: {error.strerror}") from error

    def _publish(self) -> None:
        if self._overwrite:
            os.replace(self._temporary, self.path)
            return
        # A link, unlike a rename, fails if somebody made the name meanwhile.
        try:
            os.link(self._temporary, self.path)
        except FileExistsError:
            raise OutputError(f"{self.path} was made by somebody else meanwhile; -y replaces it") from None
        except OSError:
            os.rename(self._temporary, self.path)  # a file system without links (FAT)
            return
        os.unlink(self._temporary)

    def discard(self) -> None:
        """Remove what was written. Does nothing after `commit`; never raises."""
        if not self.closed:
            self.closed = True
            os.close(self._fd)
        self._temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable.

    Raises:
        OSError: The file system failed.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems cannot; the file itself is already durable.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)
