"""Lists of shots as comma-separated values: a column of first frames, or first and last. Text to values and back; pure.

Rules
  * A header is optional; with one, columns are found by name and the others do not matter. First frames: `first`,
    `start`, `first frame`, `start frame`. Last frames: `last`, `last frame`; or `end`, `end frame`.
  * `last` is included. What `end` means differs from program to program: if one shot ends where the next begins, ends
    are not included, else they are. So it is for two columns without a header.
  * A list of PySceneDetect (`list-scenes`: columns Scene Number and Start Frame, and often a line of all cuts above
    them) counts from 1, whatever the number of the film's first frame. That of versions before 0.6 begins with 0 and is
    refused: its ends mean something else, too.
  * Commas, semicolons or tabs; empty lines and lines that begin with # are skipped.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from kinemacolor.media.shots import Counting, ListedShot, Shot, ShotList

__all__ = ["read_table", "write_table"]

_FIRST = ("first", "first_frame", "start", "start_frame")
_LAST = ("last", "last_frame")
_END = ("end", "end_frame")
_SCENE_NUMBER, _SCENE_START, _SCENE_END = "scene_number", "start_frame", "end_frame"
_LONGEST_NUMBER = 15
"""Digits: more are no frame of any film, and would take time to read."""


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the numbers stand, and what they mean."""

    first: int
    last: int | None
    counts_from: int = 0
    counting: Counting = Counting.FRAMES
    may_exclude: bool = False
    """Whether ends may be the frames behind the shots."""


def read_table(text: str) -> ShotList:
    """The shots of a list.

    Raises:
        ValueError: One line that names the line at fault.
    """
    rows = list(_rows(text))
    if len(rows) > 1 and _is_scene_header(rows[1]):
        del rows[0]  # the line of all cuts
    if not rows:
        raise ValueError("it lists no shots")
    has_header = not all(cell.isdecimal() for cell in rows[0].cells if cell)
    columns = _named_columns(rows[0]) if has_header else _plain_columns(rows[0])
    shots = [_shot(row, columns) for row in (rows[1:] if has_header else rows)]
    if not shots:
        raise ValueError("it has a header, but lists no shots")
    excluded = columns.may_exclude and any(before.last == shot.first for before, shot in pairwise(shots))
    return ShotList(shots=tuple(_included(shot) if excluded else shot for shot in shots), counting=columns.counting)


def write_table(shots: Sequence[Shot]) -> str:
    """The list with columns first and last, both included."""
    return "".join(f"{line}\n" for line in ("first,last", *(f"{shot.first},{shot.last}" for shot in shots)))


def _rows(text: str) -> Iterator[_Row]:
    lines = text.splitlines(keepends=True)
    content = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    mark = next((mark for mark in ",;\t" if mark in content), ",")
    reader = csv.reader(lines, delimiter=mark)
    while True:
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(f"line {reader.line_num}: {error}") from error
        if any(cells) and not cells[0].startswith("#"):
            yield _Row(reader.line_num, tuple(cells))


def _word(cell: str) -> str:
    """`Start Frame` -> `start_frame`."""
    return "_".join(re.findall(r"[a-z0-9]+", cell.lower()))


def _is_scene_header(row: _Row) -> bool:
    return {_SCENE_NUMBER, _SCENE_START} <= {_word(cell) for cell in row.cells}


def _named_columns(header: _Row) -> _Columns:
    words = [_word(cell) for cell in header.cells]
    if _is_scene_header(header):
        last = _index(words, (_SCENE_END,))
        return _Columns(words.index(_SCENE_START), last, counts_from=1, counting=Counting.FROM_FIRST)
    first = _index(words, _FIRST)
    if first is None:
        raise ValueError(
            f"line {header.line}: expected frame numbers, or a header with a column `first` or `start`; "
            f"found {', '.join(repr(cell) for cell in header.cells[:4])}"
        )
    last, end = _index(words, _LAST), _index(words, _END)
    return _Columns(first, end if last is None else last, may_exclude=last is None)


def _plain_columns(row: _Row) -> _Columns:
    count = len(row.cells)
    if count > 2:
        raise ValueError(f"line {row.line}: expected one or two columns or a header, found {count} columns")
    return _Columns(0, 1 if count > 1 else None, may_exclude=True)


def _index(words: Sequence[str], names: Sequence[str]) -> int | None:
    return next((words.index(name) for name in names if name in words), None)


def _shot(row: _Row, columns: _Columns) -> ListedShot:
    label = row.cells[columns.first] if columns.first < len(row.cells) else ""
    first = _frame(row, columns.first, columns.counts_from)
    last = None if columns.last is None else _frame(row, columns.last, columns.counts_from)
    return ListedShot(line=row.line, label=label, first=first, last=last)


def _frame(row: _Row, column: int, counts_from: int) -> int:
    cell = row.cells[column] if column < len(row.cells) else ""
    if not (cell.isdecimal() and cell.isascii() and len(cell) <= _LONGEST_NUMBER):
        raise ValueError(f"line {row.line}: expected a frame number, found {cell!r}")
    if int(cell) < counts_from:
        raise ValueError(f"line {row.line}: frames are counted from {counts_from} here, found {cell}")
    return int(cell) - counts_from


def _included(shot: ListedShot) -> ListedShot:
    """With the last frame instead of the one behind it."""
    return ListedShot(
        line=shot.line, label=shot.label, first=shot.first, last=None if shot.last is None else shot.last - 1
    )
