"""Where the shots of a render begin if the user says it: a list of shots in place of cut detection."""

from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

from kinemacolor.media.shot_list import shots_in_film
from kinemacolor.render.film import Film
from kinemacolor.render.report import plural

__all__ = ["EditList", "read_edit_list"]


@dataclass(frozen=True, slots=True)
class EditList:
    """The first frames of all shots of a film."""

    starts: tuple[int, ...]
    """Increasing; the first is the film's first frame."""
    note: str
    """What is to be said once about it."""

    def start_of(self, number: int) -> int:
        """The first frame of the shot that contains `number`."""
        return self.starts[bisect_right(self.starts, number) - 1]

    def end_of(self, number: int) -> int | None:
        """The frame behind the shot that contains `number`; None: it is the last shot."""
        behind = bisect_right(self.starts, number)
        return self.starts[behind] if behind < len(self.starts) else None


def read_edit_list(path: Path, film: Film, start: str | None) -> EditList:
    """The shots of a film by a list; frames of the list are those of the file, also if the film is deinterlaced.

    Args:
        path: The list.
        film: The film.
        start: What timecode an EDL has at the film's first frame; None: the film's own.

    Raises:
        ShotListError: It cannot be read or does not fit the film.
        SourceError: The film cannot be read.
    """
    found = shots_in_film(path, film.extent, start)
    assumed = ", which is taken to begin where the film does" if found.start_is_assumed else ""
    note = f"{plural(len(found.shots), 'shot')} by {path}{assumed}; cuts are not detected"
    return EditList(tuple(shot.first * film.pictures_per_frame for shot in found.shots), note)
