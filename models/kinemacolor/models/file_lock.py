"""A lock on a file that is there only while it is held: for work that two commands must not do at once."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["TakenError", "held"]

_NO_LOCKS = frozenset((errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS))
"""File systems without locks: there nobody but the user prevents two commands from doing the same."""


class TakenError(Exception):
    """Another process holds the lock."""


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock; the system lets go of it when the process ends, however that happens.

    Args:
        path: Of a file in a folder that exists; nothing else may have its name.

    Raises:
        TakenError: Another process holds it.
        OSError: The folder cannot be written to.
    """
    while (handle := _taken(path)) is None:
        pass  # whoever held it has just ended and taken the file away
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _taken(path: Path) -> int | None:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _lock(handle)
        if os.fstat(handle).st_nlink:
            return handle
    except BlockingIOError as error:
        os.close(handle)
        raise TakenError(path.name) from error
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None


def _lock(handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
