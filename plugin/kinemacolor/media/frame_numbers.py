"""Names of image sequences: `name.%04d.png`, `name.####.dpx`, `name.@@@@.tif`, and the numbers that exist on disk."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kinemacolor.media.errors import SourceError

__all__ = ["IMAGE_SUFFIXES", "SequencePattern", "expand", "first_gap", "parse_pattern", "sequence_pattern"]

IMAGE_SUFFIXES = (".png", ".tif", ".tiff", ".dpx")

_MARK = re.compile(r"%(?:0(?P<width>\d+))?d|(?P<run>#+|@+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SequencePattern:
    """A folder and the parts of a file name around its number."""

    folder: Path
    prefix: str
    digits: int
    """Numbers are padded with zeros to this many digits; longer ones keep all of theirs."""
    suffix: str

    def path(self, number: int) -> Path:
        """The file of one frame."""
        return self.folder / f"{self.prefix}{number:0{self.digits}d}{self.suffix}"

    def __str__(self) -> str:
        return str(self.folder / f"{self.prefix}%0{self.digits}d{self.suffix}")


def parse_pattern(path: Path) -> SequencePattern | None:
    """The pattern that a path spells, by the last mark in its file name; None if there is no mark.

    `%04d` and `####` mean four digits at least, `%d` and `#` one. Only names of pictures (png, tif, tiff, dpx) are
    patterns; in others these characters are ordinary.
    """
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        return None
    marks = list(_MARK.finditer(path.name))
    if not marks:
        return None
    mark = marks[-1]
    digits = len(mark["run"]) if mark["run"] else int(mark["width"] or 1)
    prefix, suffix = path.name[: mark.start()], path.name[mark.end() :]
    return SequencePattern(folder=path.parent, prefix=prefix, digits=max(digits, 1), suffix=suffix)


def sequence_pattern(path: Path) -> SequencePattern | None:
    """The pattern to read from: as `parse_pattern`, but a file that exists under this very name is just that file."""
    return None if path.is_file() else parse_pattern(path)


def expand(pattern: SequencePattern) -> tuple[int, ...]:
    """All numbers that exist on disk, ascending.

    Raises:
        SourceError: the folder cannot be read, or no file fits the pattern.
    """
    form = re.compile(re.escape(pattern.prefix) + r"(\d+)" + re.escape(pattern.suffix))
    try:
        names = [entry.name for entry in pattern.folder.iterdir()]
    except OSError as error:
        raise SourceError(f"{pattern.folder}: {(error.strerror or str(error)).lower()}") from error
    matches = [match for match in map(form.fullmatch, names) if match]
    # a name of another padding ("00012" for four digits) belongs to another sequence
    found = sorted(int(match[1]) for match in matches if match[1] == f"{int(match[1]):0{pattern.digits}d}")
    if not found:
        raise SourceError(f"{pattern}: no file fits this pattern")
    return tuple(found)


def first_gap(numbers: Iterable[int], wanted: range) -> int | None:
    """The first number of `wanted` that does not exist."""
    existing = frozenset(numbers)
    return next((number for number in wanted if number not in existing), None)
