"""Which frame of a clip a picture is: the rules by which a stored colour may be shown, and whether it is final. Pure.

In this order:
  1. The asker knows the frame's number in the clip (a file render does; a host does whose media offset is known): it
     is that frame if the luma is that frame's, byte for byte. Final.
  2. The luma occurs once in the clip, of which every frame is known. Final.
  3. The luma occurs more than once (held frames, black, 3:2 pulldown): changes of the picture on both sides of it, each
     of which happens once in the clip, say the same place. Final. One side is not enough: of a clip that is slowed down
     the two sides contradict each other, one alone would be believed. Else it is the frame nearest to where the picture
     was expected, provisional: all look the same, but the network's memory may have coloured them differently.
  4. The picture is alike: the same as a frame but for rounding, as a host has it that converted the film to R'G'B'. It
     is the frame at the asker's number if that one is alike, or the only one that is, in a clip of which every frame is
     known. Final. Else the nearest of those that are, provisional.
  5. The picture looks like a frame (re-encoded, graded): the most similar one, always provisional.

What is not found is coloured by the server, or not at all. No rule ever calls another frame's colour final: a final
answer rests on luma that is equal, or equal but for rounding, and where that is not enough on the frame's own number or
on its neighbours.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from kinemacolor.store.look import LOOK_BYTES, Look, Looks
from kinemacolor.store.prints import LumaHash
from kinemacolor.store.thumb import Thumb, are_alike

__all__ = ["SAME_LOOK", "ClipIndex", "Located", "Picture", "Query", "Rule", "ThumbsOf", "locate"]

SAME_LOOK = 0.08
"""Largest distance of two looks of one picture: docs/store.md has what it lets through and what it misses."""


_MOST_LOOKS = 256
"""Frames that look the same and are compared cell by cell; if there are more, none of them is the only one."""


class Rule(Enum):
    """How a frame was found."""

    NUMBER = "number"
    UNIQUE_LUMA = "unique luma"
    NEIGHBOURS = "neighbours"
    SAME_LUMA = "same luma"
    """Provisional: other frames have the same luma."""
    ALIKE_NUMBER = "alike, at its number"
    ALIKE = "the only one alike"
    ONE_OF_ALIKE = "one of several alike"
    """Provisional."""
    LOOK = "look"
    """Provisional: it only looks the same."""

    @property
    def is_final(self) -> bool:
        """False: the colour is to be marked as provisional and never stored or written to a film."""
        return self in (Rule.NUMBER, Rule.UNIQUE_LUMA, Rule.NEIGHBOURS, Rule.ALIKE_NUMBER, Rule.ALIKE)


@dataclass(frozen=True, slots=True)
class Picture:
    """What is known of one frame of a clip."""

    number: int
    luma: LumaHash
    look: Look | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A picture of which somebody wants the colour."""

    luma: LumaHash
    look: Look | None = None
    thumb: Thumb | None = None
    """None: a picture that is only alike is not wanted."""
    number: int | None = None
    """By the asker's count."""
    offset: int | None = None
    """What to add to that number to get the clip's; None: not known."""
    around: Mapping[int, LumaHash] = field(default_factory=dict)
    """Lumas beside it, by distance in frames (-1: the one before), of frames that the asker knows to lie so in the
    same footage."""

    @property
    def expected(self) -> int | None:
        """The clip's number of the picture, if the asker knows it."""
        return self.number + self.offset if self.number is not None and self.offset is not None else None


@dataclass(frozen=True, slots=True)
class Located:
    """An answer."""

    number: int
    """In the clip."""
    rule: Rule


class ClipIndex:
    """The pictures of a clip at one size.

    Args:
        pictures: In any order.
        extent: The first and the last frame of the whole clip; None: not known.
    """

    def __init__(self, pictures: Sequence[Picture], extent: tuple[int, int] | None) -> None:
        self._luma_at = {picture.number: picture.luma for picture in pictures}
        self._numbers: dict[LumaHash, list[int]] = {}
        for number in sorted(self._luma_at):
            self._numbers.setdefault(self._luma_at[number], []).append(number)
        seen = sorted((picture.number, picture.look) for picture in pictures if picture.look is not None)
        looks = np.frombuffer(b"".join(look for _, look in seen), np.uint8).reshape(-1, LOOK_BYTES)
        self.looks = Looks(np.array([number for number, _ in seen], np.int64), looks)
        self.is_complete = extent is not None and all(number in self._luma_at for number in _range(extent))
        """Whether every frame of the clip is known, so that a luma that occurs once here occurs once in it."""

    def luma_at(self, number: int) -> LumaHash | None:
        """The luma of a frame; None if it is not known."""
        return self._luma_at.get(number)

    def numbers_of(self, luma: LumaHash) -> Sequence[int]:
        """The frames with this luma, in order."""
        return self._numbers.get(luma, ())


ThumbsOf = Callable[[Sequence[int]], Mapping[int, Thumb]]


def locate(index: ClipIndex, query: Query, thumbs_of: ThumbsOf = lambda numbers: {}) -> Located | None:
    """Find the frame that a picture is; None if there is none.

    Args:
        index: Of the clip.
        query: The picture.
        thumbs_of: The thumbs of frames, of those that are known; asked for few, and only if no luma is equal.
    """
    expected = query.expected
    if expected is not None and index.luma_at(expected) == query.luma:
        return Located(expected, Rule.NUMBER)
    candidates = index.numbers_of(query.luma)
    if not candidates:
        return _alike(index, query, thumbs_of) or _by_look(index, query, expected)
    if len(candidates) == 1 and index.is_complete:
        return Located(candidates[0], Rule.UNIQUE_LUMA)
    fitting = [number for number in candidates if _fits(index, query, number)]
    pinned = _pinned(index, query)
    if pinned in fitting and index.is_complete:
        return Located(pinned, Rule.NEIGHBOURS)
    return Located(_nearest(fitting or candidates, expected, query.number), Rule.SAME_LUMA)


def _fits(index: ClipIndex, query: Query, number: int) -> bool:
    return all(index.luma_at(number + distance) == luma for distance, luma in query.around.items())


def _pinned(index: ClipIndex, query: Query) -> int | None:
    """The number that both sides say; None if one says nothing, or they contradict each other or themselves."""
    shown = {**query.around, 0: query.luma}
    before: set[int] = set()
    after: set[int] = set()
    for distance, luma in shown.items():
        following = shown.get(distance + 1)
        if following is None or following == luma:
            continue
        place = _only_change(index, luma, following)
        if place is not None:
            (before if distance < 0 else after).add(place - distance)
    return next(iter(before)) if len(before) == 1 and before == after else None


def _only_change(index: ClipIndex, luma: LumaHash, following: LumaHash) -> int | None:
    """The number of the one frame with `luma` after which one with `following` comes; None if there are several."""
    places = [number for number in index.numbers_of(luma) if index.luma_at(number + 1) == following]
    return places[0] if len(places) == 1 else None


def _alike(index: ClipIndex, query: Query, thumbs_of: ThumbsOf) -> Located | None:
    thumb, expected = query.thumb, query.expected
    if thumb is None:
        return None
    near = _nearest_looks(index, query)
    asked = [*near, *([expected] if expected is not None and expected not in near else [])]
    alike = [number for number, found in thumbs_of(asked).items() if are_alike(found, thumb)]
    if expected in alike:
        return Located(expected, Rule.ALIKE_NUMBER)
    if not alike:
        return None
    if len(alike) == 1 and len(near) < _MOST_LOOKS and index.is_complete:
        return Located(alike[0], Rule.ALIKE)
    return Located(_nearest(sorted(alike), expected, query.number), Rule.ONE_OF_ALIKE)


def _nearest_looks(index: ClipIndex, query: Query) -> list[int]:
    """The frames that look the same, the most similar first."""
    if query.look is None or not index.looks.numbers.size:
        return []
    distances = index.looks.distances(query.look)
    order = np.argsort(distances, kind="stable")[:_MOST_LOOKS]
    same: list[int] = index.looks.numbers[order][distances[order] <= SAME_LOOK].tolist()
    return same


def _by_look(index: ClipIndex, query: Query, expected: int | None) -> Located | None:
    if query.look is None or not index.looks.numbers.size:
        return None
    distances = index.looks.distances(query.look)
    least = float(distances.min())
    if least > SAME_LOOK:
        return None
    nearest = index.looks.numbers[distances == least].tolist()
    return Located(_nearest(nearest, expected, query.number), Rule.LOOK)


def _nearest(numbers: Sequence[int], expected: int | None, asked: int | None) -> int:
    """The number nearest to where the picture should be, the earlier of two; the first if nobody says where."""
    target = expected if expected is not None else asked
    return min(numbers, key=lambda number: (abs(number - target), number)) if target is not None else numbers[0]


def _range(extent: tuple[int, int]) -> range:
    return range(extent[0], extent[1] + 1)
