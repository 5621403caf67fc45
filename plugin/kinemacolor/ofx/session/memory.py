"""What a session remembers: the pictures it has seen and the colours it has given, both bounded in bytes."""

from collections import OrderedDict
from typing import Generic, TypeVar

from kinemacolor.ofx.session.values import Colour
from kinemacolor.picture.proxy import Proxy
from kinemacolor.store.prints import LumaHash

__all__ = ["KeptColours", "SeenPictures"]

_Value = TypeVar("_Value")


class _Bounded(Generic[_Value]):
    """Values by frame number; the ones unused for longest go first."""

    def __init__(self, limit_bytes: int) -> None:
        self._values: OrderedDict[int, tuple[LumaHash, _Value, int]] = OrderedDict()
        self._limit, self._bytes = limit_bytes, 0

    def __len__(self) -> int:
        return len(self._values)

    def _put(self, number: int, luma: LumaHash, value: _Value, size: int) -> None:
        self.forget(number)
        self._values[number] = (luma, value, size)
        self._bytes += size
        while self._bytes > self._limit and len(self._values) > 1:
            self.forget(next(iter(self._values)))

    def forget(self, number: int) -> None:
        """Drop what is known of a frame."""
        if number in self._values:
            self._bytes -= self._values.pop(number)[2]

    def _get(self, number: int) -> tuple[LumaHash, _Value] | None:
        if number not in self._values:
            return None
        self._values.move_to_end(number)
        luma, value, _ = self._values[number]
        return luma, value


class SeenPictures(_Bounded[Proxy]):
    """The lumas of frames that the host has shown.

    Args:
        limit_bytes: Of all lumas; one stays in any case.
    """

    def add(self, number: int, luma_hash: LumaHash, luma: Proxy) -> bool:
        """Note a picture; False if another one was seen at that number before: the footage has changed."""
        known = self._get(number)
        self._put(number, luma_hash, luma, luma.nbytes)
        return known is None or known[0] == luma_hash

    def learn(self, other: "SeenPictures") -> None:
        """Note what another one has seen, as if it had been seen here."""
        for number, (luma_hash, luma, _) in other._values.items():
            self.add(number, luma_hash, luma)

    def at(self, number: int) -> Proxy | None:
        """The picture of a frame, if it was seen and is not forgotten."""
        known = self._get(number)
        return None if known is None else known[1]


class KeptColours(_Bounded[Colour]):
    """The colours of frames that were asked for.

    Args:
        limit_bytes: Of all colours; one stays in any case.
    """

    def put(self, number: int, luma_hash: LumaHash, colour: Colour) -> None:
        """Keep a colour."""
        self._put(number, luma_hash, colour, colour.ab.nbytes)

    def of(self, number: int, luma_hash: LumaHash) -> Colour | None:
        """The colour of exactly this picture."""
        known = self._get(number)
        return known[1] if known is not None and known[0] == luma_hash else None
