"""Frames before the one that is wanted: where they come from, and where their shot begins."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from kinemacolor.ofx.session.memory import SeenPictures
from kinemacolor.picture.proxy import Proxy
from kinemacolor.store.prints import luma_hash
from kinemacolor.wire.shots import is_cut

__all__ = ["Past", "PastOf", "Walk", "walk_back"]


class Past(Protocol):
    """Gives earlier frames."""

    def at(self, number: int) -> Proxy | None:
        """The luma of a frame, or None if nobody can say."""


class PastOf:
    """What was seen, and what the host shows of other times if it can.

    Args:
        seen: Of the session.
        fetch: Asks the host for a frame; None: it cannot. May raise to stop.
    """

    def __init__(self, seen: SeenPictures, fetch: Callable[[int], Proxy | None] | None) -> None:
        self._seen, self._fetch = seen, fetch

    def at(self, number: int) -> Proxy | None:
        """The luma of a frame."""
        known = self._seen.at(number)
        if known is not None or self._fetch is None:
            return known
        luma = self._fetch(number)
        if luma is not None:
            self._seen.add(number, luma_hash(luma), luma)
        return luma


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """Frames that lead up to one that is wanted."""

    first: int
    """The number of the first of them; that of the wanted frame if there is none."""
    frames: tuple[Proxy, ...]
    begins_shot: bool
    """Whether the first one, or the wanted frame if there is none, begins a shot for certain."""


def walk_back(
    number: int,
    luma: Proxy,
    past: Past,
    *,
    at_most: int,
    is_start: Callable[[int], bool],
    is_enough: Callable[[int], bool] = lambda first: False,
    detects: bool = True,
) -> Walk:
    """Collect frames backwards until it is clear where the shot begins.

    Args:
        number: The frame that is wanted.
        luma: Its picture.
        past: Where the frames come from.
        at_most: Frames to look at.
        is_start: Whether a frame begins a shot whatever it shows.
        is_enough: Whether the frames from this one on are enough, wherever the shot begins.
        detects: Whether a cut begins a shot.
    """
    frames: list[Proxy] = []
    first, shown = number, luma
    while not is_start(first):
        before = past.at(first - 1) if len(frames) < at_most and not is_enough(first) else None
        if before is None:
            return Walk(first, tuple(reversed(frames)), False)
        if detects and is_cut(before, shown):
            break
        frames.append(before)
        first, shown = first - 1, before
    return Walk(first, tuple(reversed(frames)), True)
