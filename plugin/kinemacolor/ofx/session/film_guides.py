"""References and hints of a clip whose media file is known: which frames of the file they change.

Nobody looks through the whole film for that: a cut shows in two neighbouring frames, so the shot of a guide is found
from its frame on, backward and forward. It is the shot that an analysis and a render find.
"""

import os
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from kinemacolor.media.errors import SourceError
from kinemacolor.ofx.session.film_frames import FilmFrames
from kinemacolor.picture.proxy import Proxy
from kinemacolor.render.footage import Footage
from kinemacolor.render.guide_frames import read_guides
from kinemacolor.render.guides import GuideOptions, ShownPicture
from kinemacolor.store.dependency import GuidedShot
from kinemacolor.wire.frame import GuideFrame
from kinemacolor.wire.guides import guide_hash
from kinemacolor.wire.shots import is_cut

__all__ = ["FilmGuides", "GuidedStretch", "picture_versions"]

_KEPT = 4
"""Of what was said; one that is dragged with the mouse is another one each time."""
_SHOTS = 64


@dataclass(frozen=True, slots=True, eq=False)
class GuidedStretch:
    """A shot that has guides, and these."""

    shot: GuidedShot
    guides: tuple[GuideFrame, ...]


def picture_versions(options: GuideOptions) -> tuple[tuple[int, ...], ...]:
    """Of the references' files: one that changes on disk says something else."""
    versions: list[tuple[int, ...]] = []
    for said in options.references:
        try:
            state = os.stat(said.image)
        except (OSError, ValueError):
            versions.append(())  # who reads it says why
            continue
        versions.append((state.st_mtime_ns, state.st_size, state.st_ino))
    return tuple(versions)


class FilmGuides:
    """For one thread at a time.

    Args:
        footage: The film.
        frames: Its frames.
    """

    def __init__(self, footage: Footage, frames: FilmFrames) -> None:
        self._footage, self._frames = footage, frames
        self._known: OrderedDict[object, tuple[GuidedStretch, ...]] = OrderedDict()
        self._extents: list[tuple[int, int]] = []

    def stretches(self, options: GuideOptions) -> Sequence[GuidedStretch]:
        """The shots that something is said of, in order.

        Args:
            options: By the numbers of the file.

        Raises:
            UsageError: It cannot be meant, together or for this film.
            SourceError: A picture or the film cannot be read.
        """
        if not options:
            return ()
        key = (options, picture_versions(options))
        if key not in self._known:
            self._known[key] = self._found(options)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]

    def _found(self, options: GuideOptions) -> tuple[GuidedStretch, ...]:
        footage = self._footage
        # Pictures that the host has turned are not the file's: whoever points at a place sees them as they are stored.
        asked = read_guides(options, footage.film, footage.geometry, ShownPicture.as_stored(footage.film.info))
        shots: dict[tuple[int, int], list[GuideFrame]] = {}
        for frame in sorted(asked.origins):
            shots.setdefault(self._extent_of(frame), []).append(asked.guide(frame, self._luma))
        return tuple(
            GuidedStretch(GuidedShot(first, last, guide_hash(guides)), tuple(guides))
            for (first, last), guides in sorted(shots.items(), key=lambda item: item[0])
        )

    def _extent_of(self, frame: int) -> tuple[int, int]:
        """The first and the last frame of a frame's shot."""
        edit_list = self._footage.edit_list
        if edit_list is not None:
            behind = edit_list.end_of(frame)
            return edit_list.start_of(frame), self._footage.film.last_number if behind is None else behind - 1
        known = next((extent for extent in self._extents if extent[0] <= frame <= extent[1]), None)
        if known is None:
            known = self._end(frame, -1), self._end(frame, 1)
            self._extents = [*self._extents[1 - _SHOTS :], known]
        return known

    def _end(self, frame: int, step: int) -> int:
        """The last frame of the shot in one direction."""
        luma = self._luma(frame)
        while (beside := self._frames.at(frame + step)) is not None:
            if is_cut(*((beside, luma) if step < 0 else (luma, beside))):
                break
            frame, luma = frame + step, beside
        return frame

    def _luma(self, frame: int) -> Proxy:
        luma = self._frames.at(frame)
        if luma is None:
            raise SourceError(f"{self._footage.film.path}: frame {frame} cannot be read")
        return luma
