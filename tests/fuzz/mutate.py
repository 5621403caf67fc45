"""Damage to bytes, seeded: what a bad disk, a bad line and a bad person do to a file or a message."""

from collections.abc import Callable, Sequence
from random import Random

_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 1 << 20, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 33)
_WIDE_EDGES = (*_EDGES, (1 << 62) + 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
_MOST_DAMAGES = 4
_LARGEST_RUN = 64


class Mutator:
    """Makes one damaged input after the other out of good ones.

    Args:
        corpus: Good inputs, none of them empty.
        seed: The same seed gives the same row of inputs.
    """

    def __init__(self, corpus: Sequence[bytes], seed: int) -> None:
        self.corpus = tuple(corpus)
        self.random = Random(seed)
        self._damages: tuple[Callable[[bytearray], None], ...] = (
            self._flip_bit,
            self._set_byte,
            self._set_number,
            self._set_varint,
            self._cut,
            self._drop,
            self._insert,
            self._repeat,
            self._splice,
        )

    def next(self) -> bytes:
        """A damaged input: one to four things are wrong with it."""
        data = bytearray(self.random.choice(self.corpus))
        for _ in range(self.random.randint(1, _MOST_DAMAGES)):
            self.random.choice(self._damages)(data)
        return bytes(data)

    # ---- ways of damage; each takes empty data, too ----

    def _place(self, data: bytearray) -> int:
        """Where, from 0 to the end; in half of the cases among the first bytes, where formats have their lengths."""
        end = len(data) if self.random.random() < 0.5 else min(len(data), _LARGEST_RUN)
        return self.random.randint(0, end)

    def _flip_bit(self, data: bytearray) -> None:
        if data:
            data[self._place(data) % len(data)] ^= 1 << self.random.randrange(8)

    def _set_byte(self, data: bytearray) -> None:
        if data:
            data[self._place(data) % len(data)] = self.random.randrange(256)

    def _set_number(self, data: bytearray) -> None:
        """A length field that lies: 2, 4 or 8 bytes, either order."""
        width = self.random.choice((2, 4, 8))
        value = self.random.choice(_WIDE_EDGES) % (1 << (8 * width))
        place = self._place(data)
        data[place : place + width] = value.to_bytes(width, self.random.choice(("little", "big")))

    def _set_varint(self, data: bytearray) -> None:
        """As protobuf writes lengths and numbers."""
        value, written = self.random.choice(_WIDE_EDGES), bytearray()
        while value > 0x7F:
            written.append(value & 0x7F | 0x80)
            value >>= 7
        written.append(value)
        place = self._place(data)
        data[place : place + self.random.choice((1, len(written)))] = written

    def _cut(self, data: bytearray) -> None:
        del data[self._place(data) :]

    def _drop(self, data: bytearray) -> None:
        place = self._place(data)
        del data[place : place + self.random.randint(1, _LARGEST_RUN)]

    def _insert(self, data: bytearray) -> None:
        place = self._place(data)
        data[place:place] = self.random.randbytes(self.random.randint(1, _LARGEST_RUN))

    def _repeat(self, data: bytearray) -> None:
        place = self._place(data)
        data[place:place] = data[place : place + self.random.randint(1, _LARGEST_RUN)]

    def _splice(self, data: bytearray) -> None:
        """The end is another's."""
        other = self.random.choice(self.corpus)
        data[self._place(data) :] = other[self.random.randint(0, len(other)) :]
