"""One training at a time in a run's folder: two would overwrite each other's checkpoints, and mix their logs."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from kinemacolor.training.errors import TrainingError

__all__ = ["alone_in"]

_LOCK = "run.lock"


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a run's folder; it is made if it is missing, and goes again if nothing came into it.

    Raises:
        TrainingError: Another one is there, or the folder cannot be made.
    """
    path = folder / _LOCK
    while (lock := _taken(path)) is None:
        pass  # whoever held it has just ended and taken it away
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder.rmdir()
        os.close(lock)


def _taken(path: Path) -> int | None:
    """The lock's handle; the system lets go of it when the process ends, however that happens."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise TrainingError(f"{path.parent}: no run can be kept there: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock), path.stat()):
            return lock
    except FileNotFoundError:
        pass
    except BlockingIOError as error:
        os.close(lock)
        raise TrainingError(f"another training is at work in {path.parent}") from error
    os.close(lock)
    return None
