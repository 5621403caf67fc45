"""Files that an evaluation writes; what fails is one line."""

from collections.abc import Callable
from pathlib import Path

from kinemacolor.evaluation.errors import EvaluationError

__all__ = ["make_folder", "write_text", "written"]


def write_text(path: Path, text: str) -> None:
    """Write a text file.

    Raises:
        EvaluationError: It cannot be written.
    """
    written(path, lambda: path.write_text(text, encoding="utf-8"))


def make_folder(path: Path) -> None:
    """Make a folder, unless it is there.

    Raises:
        EvaluationError: It cannot be made.
    """
    written(path, lambda: path.mkdir(parents=True, exist_ok=True))


def written(path: Path, write: Callable[[], object]) -> None:
    """Call `write`, which writes `path`.

    Raises:
        EvaluationError: It raised an OSError.
    """
    try:
        write()
    except OSError as error:
        raise EvaluationError(f"{path} cannot be written: {error.strerror or error}") from error
