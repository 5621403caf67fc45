"""The frames of a media file as the network sees them, in any order.

They are decoded in stretches, because what is before a frame is wanted from its end to its beginning.
"""

from collections import OrderedDict

from kinemacolor.media.types import SourceFrame
from kinemacolor.picture.proxy import Proxy
from kinemacolor.render.footage import Footage

__all__ = ["FilmFrames"]

_STRETCH_FRAMES = 32


class FilmFrames:
    """For one thread at a time.

    Args:
        footage: The film.
        limit_bytes: Of the frames that are kept; one stretch stays in any case.

    Raises:
        SourceError: The film cannot be read.
    """

    def __init__(self, footage: Footage, limit_bytes: int = 128 << 20) -> None:
        self._footage = footage
        self._stretches: OrderedDict[int, dict[int, Proxy]] = OrderedDict()
        frame_bytes = 2 * footage.geometry.width_px * footage.geometry.height_px
        self._extent = footage.film.first_number, footage.film.last_number
        self._limit = max(1, limit_bytes // (_STRETCH_FRAMES * frame_bytes))

    def at(self, number: int) -> Proxy | None:
        """The luma of a frame; None if the film has none of that number.

        Raises:
            SourceError: The film cannot be read.
        """
        first, last = self._extent
        if not first <= number <= last:
            return None
        start = first + (number - first) // _STRETCH_FRAMES * _STRETCH_FRAMES
        if start not in self._stretches:
            self._stretches[start] = self._decoded(start)
            while len(self._stretches) > self._limit:
                self._stretches.popitem(last=False)
        self._stretches.move_to_end(start)
        return self._stretches[start].get(number)

    def _decoded(self, start: int) -> dict[int, Proxy]:
        frames: dict[int, Proxy] = {}
        with self._footage.film.open(start) as source:
            for item in source:
                if not isinstance(item, SourceFrame) or item.number < start:
                    continue
                if item.number >= start + _STRETCH_FRAMES:
                    break
                frames[item.number] = self._footage.make_proxy(item)
        return frames
