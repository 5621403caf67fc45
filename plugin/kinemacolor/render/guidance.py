"""What a person says of a film's colours as it goes to the server, and which shots it changes. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from kinemacolor.render.edit_list import EditList
from kinemacolor.store.dependency import GuidedShot
from kinemacolor.wire.frame import GuideFrame
from kinemacolor.wire.guides import guide_hash, guides_of_shot

__all__ = ["UNGUIDED", "Guidance", "guidance_of"]


@dataclass(frozen=True, slots=True)
class Guidance:
    """The guides of a clip."""

    guides: tuple[GuideFrame, ...] = ()
    """In the order of their frames."""
    shots: tuple[GuidedShot, ...] = ()
    """Those that have some, in order."""

    @property
    def hash(self) -> str:
        """Of all of it; empty: there is none."""
        return guide_hash(self.guides)

    def hash_of(self, shot_start: int) -> str:
        """Of the guides of the shot that begins there; empty: it has none."""
        return next((shot.guides for shot in self.shots if shot.first == shot_start), "")


UNGUIDED = Guidance()


def guidance_of(guides: Sequence[GuideFrame], edit_list: EditList) -> Guidance:
    """Guides, in the order of their frames, with the shots that they belong to."""
    shots = []
    for start in sorted({edit_list.start_of(guide.frame_number) for guide in guides}):
        end = edit_list.end_of(start)
        last = None if end is None else end - 1
        shots.append(GuidedShot(start, last, guide_hash(guides_of_shot(guides, start, end))))
    return Guidance(tuple(guides), tuple(shots))
