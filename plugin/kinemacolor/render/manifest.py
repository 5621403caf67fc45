"""The manifest of an unfinished output: one JSON object a line, each with its own checksum. Pure: lines and values.

    begin   what the parts were made of and with; always the first line
    part    one finished part: which, its file, its SHA-256, and what its frames count in the report
    end     how many frames the whole output has; the parts are all there

A part's line is written after its file is durable. A line that was cut off or changed is no line: the part that it
told of is made again.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, cast

from kinemacolor.media.quality import LumaSum
from kinemacolor.media.types import Part

VERSION = 1
_ODD_NAMES = "surrogatepass"
"""Names of files may hold bytes that are no characters; JSON is read in the same way."""

MadeOf = Mapping[str, str]
"""Everything that decides a byte of the output: what it is called, and its value, both for a person too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """The first line."""

    made_of: MadeOf

    @property
    def identity(self) -> str:
        """SHA-256 of `made_of`; every other line carries it."""
        return hashlib.sha256(_canonical(dict(self.made_of))).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A finished part and what its frames count."""

    part: Part
    shots: int
    """Shots that begin in it; the output's first frame begins one."""
    limited_samples: int
    """Chroma samples that lost saturation to fit the gamut."""

    @property
    def luma(self) -> LumaSum:
        """What the encoder cost."""
        return LumaSum(self.part.luma_squares, self.part.luma_samples, self.part.luma_frames)


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The last line."""

    frames: int
    truncated: str | None = None
    """Why the input ended early, if it did."""


Line = Begin | Record | End


def encode_line(line: Line, identity: str) -> bytes:
    """A line of the manifest, with its end of line."""
    if isinstance(line, Begin):
        values: dict[str, object] = {"line": "begin", "version": VERSION, "made_of": dict(line.made_of)}
    elif isinstance(line, Record):
        values = {"line": "part", **asdict(line.part)}
        values |= {"shots": line.shots, "limited_samples": line.limited_samples}
    else:
        values = {"line": "end", "frames": line.frames, "truncated": line.truncated}
    values["made_of_sha256"] = identity
    return json.dumps(values | {"crc32": _check(values)}, ensure_ascii=False).encode(errors=_ODD_NAMES) + b"\n"


def read_lines(data: Iterable[bytes]) -> Iterator[Line]:
    """The good lines of a manifest; nothing at all if the first is not a good `begin`.

    A line that is damaged, cut off, of another version or of another output is left out.
    """
    begin: Begin | None = None
    for raw in data:
        values = _values(raw)
        if begin is None:
            begin = _begin(values)
            if begin is None:
                return
            yield begin
        elif values is not None and values.get("made_of_sha256") == begin.identity:
            line = _record_or_end(values)
            if line is not None:
                yield line


def differences(before: MadeOf, now: MadeOf) -> str | None:
    """The first thing in which two outputs differ, in words; None if there is none. Names that `now` lacks are free."""
    for name, value in now.items():
        if before.get(name) != value:
            return f"{name} was {before.get(name, 'not known')} and is {value}"
    return None


def _values(raw: bytes) -> dict[str, object] | None:
    try:
        values = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(values, dict):
        return None
    check = values.pop("crc32", None)
    return values if check == _check(values) else None


def _begin(values: dict[str, object] | None) -> Begin | None:
    if values is None or values.get("line") != "begin" or values.get("version") != VERSION:
        return None
    made_of = values.get("made_of")
    return Begin(made_of=made_of) if isinstance(made_of, dict) else None


def _record_or_end(values: dict[str, object]) -> Record | End | None:
    if values.get("line") == "end":
        frames, truncated = values.get("frames"), values.get("truncated")
        if isinstance(frames, int) and (truncated is None or isinstance(truncated, str)):
            return End(frames=frames, truncated=truncated)
        return None
    shots, limited = values.get("shots"), values.get("limited_samples")
    known = {field.name: values.get(field.name) for field in fields(Part)}
    if not isinstance(shots, int) or not isinstance(limited, int):
        return None
    if not all(isinstance(known[field.name], cast(type, field.type)) for field in fields(Part)):
        return None
    return Record(part=Part(**cast(dict[str, Any], known)), shots=shots, limited_samples=limited)


def _check(values: dict[str, object]) -> str:
    return f"{zlib.crc32(_canonical(values)):08x}"


def _canonical(values: dict[str, object] | dict[str, str]) -> bytes:
    return json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode(errors=_ODD_NAMES)
