"""The folder of a comparison: nothing appears under its own name before everything is there, the page last.

Files are written into a hidden folder inside and moved at the end. What an earlier comparison left is replaced then,
and only that; other files in the folder are not touched.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kinemacolor.comparison.errors import ComparisonError, ComparisonUsageError

__all__ = ["PAGE", "OutputFolder", "output_folder"]

PAGE = "index.html"
_PARTS = ("videos", "sheets", "plots", "means.svg", "metrics.json", "metrics.csv", PAGE)
"""All that a comparison writes, the page last."""
_UNFINISHED = ".unfinished"


class OutputFolder:
    """Where the files of one comparison are put.

    Args:
        folder: The hidden one; it must be there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, data: bytes | str) -> None:
        """Write one file; `name` may have folders in front, the first part is one of `_PARTS`.

        Raises:
            ComparisonError: It cannot be written.
        """
        path = self._folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.encode() if isinstance(data, str) else data)
        except OSError as error:
            raise _unwritable(path.name, error) from error


@contextmanager
def output_folder(path: Path, overwrite: bool) -> Iterator[OutputFolder]:
    """A folder to write into; its files appear when the block is left in order, and not at all if it fails.

    Raises:
        ComparisonUsageError: It is not empty and may not be overwritten, or is a file.
        ComparisonError: It cannot be made or written to.
    """
    made = not path.exists()
    _check(path, overwrite)
    unfinished = path / _UNFINISHED
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
    except OSError as error:
        raise _unwritable(path, error) from error
    done = False
    try:
        yield OutputFolder(unfinished)
        _publish(unfinished, path)
        done = True
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        if made and not done and not any(path.iterdir()):
            path.rmdir()


def _check(path: Path, overwrite: bool) -> None:
    if path.exists() and not path.is_dir():
        raise ComparisonUsageError(f"--out: expected a folder, found the file {path}")
    if overwrite or not path.is_dir():
        return
    if any(each.name != _UNFINISHED for each in path.iterdir()):
        raise ComparisonUsageError(f"--out: {path} is not empty; --overwrite replaces an earlier comparison in it")


def _publish(unfinished: Path, path: Path) -> None:
    try:
        (path / PAGE).unlink(missing_ok=True)
        for name in _PARTS:
            _remove(path / name)
            if (unfinished / name).exists():
                os.replace(unfinished / name, path / name)
    except OSError as error:
        raise _unwritable(path, error) from error


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _unwritable(path: Path | str, error: OSError) -> ComparisonError:
    return ComparisonError(f"{path} cannot be written: {error.strerror or error}")
