"""Guides by the shots of an edit list: which of them a frame is coloured by, and what tells them apart. Pure."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from kinemacolor.wire.frame import FrameNumber, GuideFrame
from kinemacolor.wire.guides import guide_hash, guides_of_shot


@dataclass(frozen=True, slots=True)
class GuidedShot:
    """A shot that has guides; equal to another of the same frames whose guides say the same."""

    start: FrameNumber
    end: FrameNumber | None
    """Not in the shot any more; None: it lasts to the end of the clip."""
    guide_hash: str
    guides: tuple[GuideFrame, ...] = field(compare=False, repr=False)
    """At least one, in the order of their frames."""


def guided_shots(guides: Sequence[GuideFrame], shot_starts: Sequence[FrameNumber]) -> tuple[GuidedShot, ...]:
    """The shots that have guides, in order.

    Args:
        guides: in the order of their frames, none before the first shot.
        shot_starts: the edit list, strictly increasing.
    """
    found: list[GuidedShot] = []
    for guide in guides:
        if not found or (found[-1].end is not None and guide.frame_number >= found[-1].end):
            start, end = _shot_of(guide.frame_number, shot_starts)
            mine = guides_of_shot(guides, start, end)
            found.append(GuidedShot(start, end, guide_hash(mine), mine))
    return tuple(found)


def guided_shot_at(shots: Sequence[GuidedShot], number: FrameNumber) -> GuidedShot | None:
    """The shot with guides that contains a frame; None: its shot has no guides."""
    return next((shot for shot in shots if shot.start <= number and (shot.end is None or number < shot.end)), None)


def _shot_of(number: FrameNumber, shot_starts: Sequence[FrameNumber]) -> tuple[FrameNumber, FrameNumber | None]:
    after = bisect_right(shot_starts, number)
    return shot_starts[after - 1], shot_starts[after] if after < len(shot_starts) else None
