"""The mark in a comparison's folder: it names the comparison's own files, and only those may ever be removed."""

import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

__all__ = ["FILES", "FOLDERS", "MARK", "PAGE", "Mark", "new_mark", "read_mark", "write_mark"]

PAGE = "index.html"
FOLDERS = ("videos", "sheets", "plots")
FILES = ("means.svg", "metrics.json", "metrics.csv", PAGE)
"""All that a comparison writes: these, and files in `FOLDERS`."""
MARK = ".kinemacolor-compare.json"

_KIND = "kinemacolor compare"


@dataclass(frozen=True, slots=True)
class Mark:
    """Of one comparison."""

    run: str
    """Random: two comparisons that wrote files of the same names are not the same."""
    files: tuple[str, ...]
    """Its files from the folder, with slashes."""


def new_mark(files: Iterable[str]) -> Mark:
    """The mark of a comparison that is being put into its folder."""
    return Mark(secrets.token_hex(8), tuple(dict.fromkeys(files)))


def read_mark(folder: Path) -> Mark | None:
    """The mark there; None if there is none, or one that no comparison wrote.

    Raises:
        OSError: It cannot be read.
    """
    try:
        found = json.loads((folder / MARK).read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("made by") != _KIND:
        return None
    run, files = found.get("run"), found.get("files")
    if not isinstance(run, str) or not isinstance(files, list) or not all(_is_ours(name) for name in files):
        return None
    return Mark(run, tuple(files))


def write_mark(folder: Path, mark: Mark, working: Path) -> None:
    """Put the mark there in one step.

    Args:
        folder: Of the comparison.
        mark: What it says.
        working: A folder on the same disk, for the file while it is written.

    Raises:
        OSError: It cannot be written.
    """
    text = json.dumps({"made by": _KIND, "run": mark.run, "files": list(mark.files)}, indent=1) + "\n"
    (working / MARK).write_text(text, encoding="utf-8")
    os.replace(working / MARK, folder / MARK)


def _is_ours(name: object) -> bool:
    """Whether a comparison may have written it: a mark that somebody has edited leads nowhere else."""
    if not isinstance(name, str) or "\0" in name:
        return False
    parts = PurePosixPath(name).parts
    if len(parts) == 1:
        return name in FILES
    return len(parts) == 2 and parts[0] in FOLDERS and parts[1] != ".." and name == "/".join(parts)
