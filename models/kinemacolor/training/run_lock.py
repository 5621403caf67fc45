"""One training at a time in a run's folder: two would overwrite each other's checkpoints, and mix their logs."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from kinemacolor.models.file_lock import TakenError, held
from kinemacolor.training.errors import TrainingError

__all__ = ["alone_in"]

_LOCK = "run.lock"


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a run's folder; it is made if it is missing, and goes again if nothing came into it.

    Raises:
        TrainingError: Another one is there, or the folder cannot be made.
    """
    is_ours = not folder.exists()
    with contextlib.ExitStack() as stack:
        if is_ours:
            stack.callback(_remove_if_empty, folder)  # after the lock's file
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(held(folder / _LOCK))
        except TakenError as error:
            raise TrainingError(f"another training is at work in {folder}") from error
        except OSError as error:
            raise TrainingError(f"{folder}: no run can be kept there: {error.strerror}") from error
        yield


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()
