"""What a host has handles of: effects, clips, parameters, pictures; and the record of what the effect did with them."""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from kinemacolor.ofx.minihost.images import HostImage
from kinemacolor.ofx.minihost.properties import PropertySet
from kinemacolor.ofx.minihost.traits import RenderArguments

__all__ = ["Clip", "EffectObject", "Handles", "Param", "ParamSet", "ParamValue", "Record", "Source"]

_T = TypeVar("_T")
ParamValue = int | float | str | tuple[float, ...]
Source = Callable[[float], HostImage | None]
"""The picture of a clip at a time; None if it cannot be had."""


@dataclass
class Record:
    """All that is worth a look afterwards."""

    messages: list[tuple[str, str]] = field(default_factory=list)
    """Type and text."""
    persistent: str | None = None
    """The message that stands at the effect now."""
    progress: list[float] = field(default_factory=list)
    progress_ended: int = 0
    fetched: list[float] = field(default_factory=list)
    """Times at which a source picture was asked for."""
    violations: list[str] = field(default_factory=list)
    """What no effect may do."""
    errors: list[BaseException] = field(default_factory=list)
    """What went wrong in the host itself."""
    images_out: int = 0
    """Pictures that were handed out and not given back."""


class Handles:
    """Numbers for objects. A number that was never given out, or of an object of another kind, is a violation."""

    def __init__(self, record: Record) -> None:
        self._objects: dict[int, object] = {}
        self._record = record
        self._next = 0x1000

    def give(self, thing: object) -> int:
        """A new handle."""
        self._next += 16
        self._objects[self._next] = thing
        return self._next

    def take_back(self, handle: int) -> None:
        """The handle means nothing any more."""
        self._objects.pop(handle, None)

    def find(self, handle: int | None, kind: type[_T]) -> _T:
        """The object of a handle; `LookupError` if there is none."""
        found = self._objects.get(handle or 0)
        if not isinstance(found, kind):
            self._record.violations.append(f"{handle} is no handle of a {kind.__name__}")
            raise KeyError(handle)
        return found


@dataclass
class Param:
    """One parameter; in an instance it has a value."""

    name: str
    type: str
    properties: PropertySet
    handle: int = 0
    properties_handle: int = 0
    value: ParamValue | Callable[[float], ParamValue] | None = None
    """None: the default; a function of time: animated."""

    def value_at(self, time: float) -> ParamValue:
        """The value, from the default if nothing was set."""
        if callable(self.value):
            return self.value(time)
        if self.value is not None:
            return self.value
        count = {"OfxParamTypeDouble2D": 2, "OfxParamTypeRGB": 3}.get(self.type, 1)
        numbers = [self.properties.get("OfxParamPropDefault", index) for index in range(count)]
        if isinstance(numbers[0], str | int) and count == 1:
            return numbers[0]
        floats = tuple(float(number) for number in numbers if isinstance(number, int | float))
        return floats if count > 1 else floats[0]


@dataclass
class ParamSet:
    """The parameters of an effect, in order."""

    by_name: dict[str, Param] = field(default_factory=dict)
    handle: int = 0


@dataclass
class Clip:
    """A socket of an effect."""

    name: str
    properties: PropertySet
    handle: int = 0
    properties_handle: int = 0
    source: Source | None = None


@dataclass
class EffectObject:
    """A descriptor or an instance."""

    properties: PropertySet
    params: ParamSet
    clips: dict[str, Clip] = field(default_factory=dict)
    handle: int = 0
    properties_handle: int = 0
    is_instance: bool = False
    rendering: RenderArguments | None = None
    """How the frame is asked for that is being rendered."""


def store(where: int | None, value: ParamValue | ctypes.c_void_p, kind: type) -> None:
    """Write one value to where the effect wants it; `LookupError` for NULL."""
    if not where:
        raise LookupError("NULL")
    kind.from_address(where).value = value.value if isinstance(value, ctypes.c_void_p) else value  # type: ignore[attr-defined]
