"""Project files: what a person says of the colours of one film, in TOML; `docs/guides.md` has the keys."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from kinemacolor.media.errors import ProjectFileError
from kinemacolor.media.timecode import parse_timecode
from kinemacolor.render.guides import (
    DEFAULT_RADIUS,
    GuideOptions,
    HintOption,
    Measure,
    Origin,
    ReferenceOption,
    parse_colour,
    parse_measure,
)
from kinemacolor.wire.limits import MAX_FRAME_NUMBER, MAX_VARIANT

__all__ = ["Project", "read_project"]

_LARGEST_BYTES = 4 << 20
"""Of a file with the most hints that a clip may have, a quarter."""
_QUALITIES = ("draft", "standard", "high")

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What a file says; empty or None: nothing about it."""

    model: str = ""
    variant: int | None = None
    quality: str | None = None
    shots: Path | None = None
    shots_start: str | None = None
    guides: GuideOptions = field(default_factory=GuideOptions)


def read_project(path: Path) -> Project:
    """Read a project file. Names of files in it are seen from its folder.

    Raises:
        ProjectFileError: It cannot be read, or says something that cannot be meant; one line with the key at fault.
    """
    table = _Table(str(path), _parsed(path))
    table.refuse_others("model", "variant", "quality", "shots", "shots_start", "reference", "hint")
    return Project(
        model=table.take("model", _text) or "",
        variant=table.take("variant", _variant),
        quality=table.take("quality", _quality),
        shots=table.take("shots", lambda value: path.parent / _text(value)),
        shots_start=table.take("shots_start", lambda value: parse_timecode(_text(value))),
        guides=GuideOptions(
            tuple(_reference(entry, path.parent) for entry in table.entries("reference")),
            tuple(_hint(entry) for entry in table.entries("hint")),
        ),
    )


def _parsed(path: Path) -> Mapping[str, object]:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
        if len(data) > _LARGEST_BYTES:
            raise ProjectFileError(f"{path}: expected a project file, found more than {_LARGEST_BYTES >> 20} MB")
        return tomllib.loads(data.decode("utf-8-sig"))
    except OSError as error:
        raise ProjectFileError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ProjectFileError(f"{path}: is not in UTF-8") from error
    except (ValueError, RecursionError) as error:  # the parser has no kind of its own for huge numbers or deep nests
        raise ProjectFileError(f"{path}: is not TOML: {error}") from error


def _reference(entry: "_Table", folder: Path) -> ReferenceOption:
    entry.refuse_others("frame", "image")
    return ReferenceOption(
        origin=Origin(entry.name, True),
        frame=entry.need("frame", _frame),
        image=folder / entry.need("image", _text),
    )


def _hint(entry: "_Table") -> HintOption:
    entry.refuse_others("frame", "x", "y", "colour", "radius")
    radius = entry.take("radius", lambda value: _measure(value, 0.5))
    return HintOption(
        origin=Origin(entry.name, True),
        frame=entry.need("frame", _frame),
        x=entry.need("x", _measure),
        y=entry.need("y", _measure),
        colour=entry.need("colour", lambda value: parse_colour(_text(value))),
        radius=DEFAULT_RADIUS if radius is None else radius,
    )


class _Table:
    """One table of the file, with its name for messages, from which values are taken."""

    def __init__(self, name: str, values: Mapping[str, object]) -> None:
        self.name = name
        self._values = values

    def take(self, key: str, read: Callable[[object], _Value]) -> _Value | None:
        """The value of a key that may be missing."""
        if key not in self._values:
            return None
        try:
            return read(self._values[key])
        except ValueError as error:
            raise ProjectFileError(f"{self.name}: {key}: {error}") from error

    def need(self, key: str, read: Callable[[object], _Value]) -> _Value:
        """The value of a key that must be there."""
        value = self.take(key, read)
        if value is None:
            raise ProjectFileError(f"{self.name}: {key} is missing")
        return value

    def entries(self, key: str) -> list["_Table"]:
        """The tables of a `[[key]]`, in the order of the file."""
        found = self.take(key, lambda value: _tables(key, value)) or []
        return [_Table(f"{self.name}: {key} {place}", entry) for place, entry in enumerate(found, start=1)]

    def refuse_others(self, *known: str) -> None:
        """Nothing that was written may be without effect."""
        for key in self._values:
            if key not in known:
                raise ProjectFileError(f"{self.name}: unknown key {key!r}; there are: {', '.join(known)}")


# ---- TOML's values to ours: each raises ValueError with one line ----


def _tables(key: str, value: object) -> list[Mapping[str, object]]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ValueError(f"is written as [[{key}]]")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError(f"expected a text, found {value!r}")
    return value


def _whole(value: object, first: int, last: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not first <= value <= last:
        raise ValueError(f"expected a whole number from {first} to {last}, found {value!r}")
    return value


def _frame(value: object) -> int:
    return _whole(value, 0, MAX_FRAME_NUMBER)


def _variant(value: object) -> int:
    return _whole(value, 1, MAX_VARIANT)


def _quality(value: object) -> str:
    if value not in _QUALITIES:
        raise ValueError(f"expected one of {', '.join(_QUALITIES)}, found {value!r}")
    return str(value)


def _measure(value: object, largest: float = 1.0) -> Measure:
    if isinstance(value, str):
        return parse_measure(value, largest)
    # Written so that a NaN fails.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= largest:
        raise ValueError(f'expected a fraction from 0 to {largest:g}, or pixels such as "320px", found {value!r}')
    return Measure(float(value), False)
