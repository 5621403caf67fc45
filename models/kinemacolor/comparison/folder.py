"""The folder of a comparison: nothing appears under its own name before everything is there, the page last.

Files are written into a hidden folder inside and moved at the end. Of an earlier comparison exactly those files are
removed then that its mark names; whatever else lies in the folder is a person's and stays.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from kinemacolor.comparison.errors import ComparisonError, ComparisonUsageError
from kinemacolor.comparison.mark import FILES, FOLDERS, PAGE, Mark, new_mark, read_mark, write_mark

__all__ = ["OutputFolder", "output_folder"]

_WORKING = ".unfinished-"
_LOCK = ".publishing"
"""A folder that is there while one comparison moves its files: making it is one step on every file system."""


class OutputFolder:
    """Where the files of one comparison are put.

    Args:
        folder: The hidden one; it must be there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, None] = {}

    @property
    def files(self) -> tuple[str, ...]:
        """Names of all that was written."""
        return tuple(self._files)

    def write(self, name: str, data: bytes | str) -> None:
        """Write one file; `name` is one of `FILES`, or a file in one of `FOLDERS`.

        Raises:
            ComparisonError: It cannot be written.
        """
        path = self._folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.encode() if isinstance(data, str) else data)
        except OSError as error:
            raise _unwritable(path.name, error) from error
        self._files[name] = None


@contextmanager
def output_folder(path: Path, overwrite: bool, sources: Sequence[Path] = ()) -> Iterator[OutputFolder]:
    """A folder to write into; its files appear when the block is left in order, and not at all if it fails.

    Args:
        path: The folder; it may be missing.
        overwrite: Replace an earlier comparison in it.
        sources: Files and folders that are compared on: they must not be parts of the comparison that is replaced.

    Raises:
        ComparisonUsageError: It holds something and may not be overwritten, or is a file.
        ComparisonError: It cannot be made or written to, or changed before the end.
    """
    made = not path.exists()
    try:
        before = _check(path, overwrite, sources)
        path.mkdir(parents=True, exist_ok=True)
        working = Path(tempfile.mkdtemp(prefix=_WORKING, dir=path))
    except OSError as error:
        raise _unwritable(path, error) from error
    done = False
    try:
        folder = OutputFolder(working)
        yield folder
        _publish(working, path, folder.files, before)
        done = True
    finally:
        shutil.rmtree(working, ignore_errors=True)
        if made and not done:
            with suppress(OSError):  # another comparison may be at work in it
                path.rmdir()


def _check(path: Path, overwrite: bool, sources: Sequence[Path]) -> Mark | None:
    """The mark of the comparison that is to be replaced; None: there is nothing in the folder."""
    if path.exists() and not path.is_dir():
        raise ComparisonUsageError(f"--out: expected a folder, found the file {path}")
    if not path.is_dir():
        return None
    if (path / _LOCK).exists():
        raise _locked(path)
    mark = read_mark(path)
    if mark is None:
        if any(not each.name.startswith(_WORKING) for each in path.iterdir()):
            raise ComparisonUsageError(f"--out: {path} is not empty and holds no comparison that could be replaced")
        return None
    if not overwrite:
        raise ComparisonUsageError(f"--out: {path} is not empty; --overwrite replaces an earlier comparison in it")
    parts = [path.resolve() / name for name in (*FOLDERS, *FILES)]
    for source in sources:
        if any(source.resolve().is_relative_to(part) for part in parts):
            raise ComparisonUsageError(f"--out: {source} is a part of the comparison in {path} that would be replaced")
    if (taken := _taken(path, FILES, mark)) is not None:
        raise ComparisonUsageError(f"--out: {taken} is not of the earlier comparison and would be replaced")
    return mark


def _taken(path: Path, files: Sequence[str], mark: Mark | None) -> Path | None:
    """What lies where a file or folder of a comparison belongs, and is none."""
    own = mark.files if mark is not None else ()
    for name in FOLDERS:
        folder = path / name
        if os.path.lexists(folder) and (mark is None or folder.is_symlink() or not folder.is_dir()):
            return folder
    for name in (*files, *own):
        file = path / name
        if os.path.lexists(file) and (name not in own or (file.is_dir() and not file.is_symlink())):
            return file
    return None


def _publish(working: Path, path: Path, files: Sequence[str], before: Mark | None) -> None:
    missing = [name for name in files if not (working / name).is_file()]
    if missing:
        raise ComparisonError(f"{working / missing[0]} has vanished; {path} is as it was")
    try:
        with _lock(path):
            if read_mark(path) != before:
                raise ComparisonError(f"another comparison was put into {path} in the meantime; it stays")
            if (taken := _taken(path, files, before)) is not None:
                raise ComparisonError(f"{taken} is not of the earlier comparison and would be replaced; it stays")
            _replace(working, path, files, before.files if before is not None else ())
    except OSError as error:
        raise _unwritable(path, error) from error


def _replace(working: Path, path: Path, files: Sequence[str], old: Sequence[str]) -> None:
    # Both lists, so that after a kill between here and the end whatever of them is there can be replaced.
    write_mark(path, new_mark((*old, *files)), working)
    for name in (PAGE, *old) if PAGE in old else old:
        (path / name).unlink(missing_ok=True)
    for name in sorted(files, key=lambda name: name == PAGE):
        if name == PAGE:
            write_mark(path, new_mark(files), working)
        (path / name).parent.mkdir(exist_ok=True)
        os.replace(working / name, path / name)
    for name in FOLDERS:
        with suppress(OSError):  # not empty, as a rule
            (path / name).rmdir()


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    try:
        (path / _LOCK).mkdir()
    except FileExistsError as error:
        raise _locked(path) from error
    try:
        yield
    finally:
        (path / _LOCK).rmdir()


def _locked(path: Path) -> ComparisonError:
    return ComparisonError(f"another comparison is being put into {path}; if none is at work, remove {path / _LOCK}")


def _unwritable(path: Path | str, error: OSError) -> ComparisonError:
    return ComparisonError(f"{path} cannot be written: {error.strerror or error}")
