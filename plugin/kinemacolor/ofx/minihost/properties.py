"""Property sets of a host: names with a list of values each, and an eye on what the effect asks for."""

import ctypes
from collections.abc import Mapping

from kinemacolor.ofx.minihost.traits import Property

__all__ = ["PropertySet"]

Stored = Property | ctypes.c_void_p


class PropertySet:
    """Values by name and index. `LookupError` for what is not there or is refused."""

    def __init__(self, values: Mapping[str, tuple[Stored, ...]] | None = None, refused: frozenset[str] = frozenset()):
        self.values: dict[str, list[Stored]] = {name: list(each) for name, each in (values or {}).items()}
        self._refused = refused
        self._kept: dict[tuple[str, int], ctypes.Array[ctypes.c_char]] = {}

    def put(self, name: str, index: int, value: Stored) -> None:
        """Set one value; missing ones before it are a `LookupError`."""
        if name in self._refused:
            raise LookupError(name)
        stored = self.values.setdefault(name, [])
        if index > len(stored):
            raise LookupError(f"{name}[{index}]")
        stored[index : index + 1] = [value]

    def get(self, name: str, index: int = 0) -> Stored:
        """One value."""
        if name in self._refused:
            raise LookupError(name)
        return self.values[name][index]

    def c_string(self, name: str, index: int) -> int:
        """Address of a text, valid until the same one is asked for again."""
        text = self.get(name, index)
        if not isinstance(text, str):
            raise KeyError(f"{name} is no text")
        buffer = ctypes.create_string_buffer(text.encode("utf-8", "surrogateescape"))
        self._kept[name, index] = buffer
        return ctypes.addressof(buffer)

    def texts(self, name: str) -> list[str]:
        """All values of a text property; empty if there are none."""
        return [str(value) for value in self.values.get(name, [])]

    def copy(self) -> "PropertySet":
        """Another set with the same values."""
        return PropertySet({name: tuple(values) for name, values in self.values.items()}, self._refused)
