"""Where the host's clip lies in its media file: learned from pictures that can only be one frame. Pure."""

__all__ = ["OffsetGuess"]

_WITNESSES = 2
_KEPT = 64


class OffsetGuess:
    """What to add to a host's frame number to get that of the media file.

    A clip that is slowed down or played backwards has no such number. Its pictures contradict each other, and after
    that nothing is believed any more.
    """

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._is_refuted = False

    @property
    def offset(self) -> int | None:
        """None: not known, or there is none."""
        return self._offset if len(self._numbers) >= _WITNESSES and not self._is_refuted else None

    @property
    def _offset(self) -> int:
        number, found = next(iter(self._numbers.items()))
        return found - number

    def note(self, number: int, found: int) -> None:
        """A picture that can only be one frame.

        Args:
            number: By the host's count.
            found: In the media file.
        """
        if self._numbers and found - number != self._offset:
            self._is_refuted = True
        if len(self._numbers) < _KEPT:
            self._numbers[number] = found
