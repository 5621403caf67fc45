"""One training at a time in a run's folder: two would overwrite each other's checkpoints, and mix their logs."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from kinemacolor.training.errors import TrainingError

__all__ = ["alone_in"]

_LOCK = "run.lock"
_NO_LOCKS = frozenset((errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS))
"""File systems without locks: there nobody but the user prevents two trainings at the same time."""


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a run's folder; it is made if it is missing, and goes again if nothing came into it.

    Raises:
        TrainingError: Another one is there, or the folder cannot be made.
    """
    path, is_ours = folder / _LOCK, not folder.exists()
    while (lock := _taken(path)) is None:
        pass  # whoever held it has just ended and taken it away
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        if is_ours:
            with contextlib.suppress(OSError):
                folder.rmdir()
        os.close(lock)


def _taken(path: Path) -> int | None:
    """The lock's handle; the system lets go of it when the process ends, however that happens."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TrainingError(f"{path.parent}: no run can be kept there: {error.strerror}") from error
    try:
        _lock(lock)
        if os.path.samestat(os.fstat(lock), path.stat()):
            return lock
    except FileNotFoundError:
        pass
    except OSError as error:
        os.close(lock)
        why = "another training is at work in" if isinstance(error, BlockingIOError) else f"{error.strerror}:"
        raise TrainingError(f"{why} {path.parent}") from error
    os.close(lock)
    return None


def _lock(handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
