"""The colours of shots with references and hints: a session with the server for each that is in use."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

from kinemacolor.ofx.session.live import Connection, LiveColours, LiveSettings
from kinemacolor.ofx.session.values import Asked
from kinemacolor.wire.frame import GuideFrame
from kinemacolor.wire.guides import guide_hash

__all__ = ["GuidedLives"]

_KEPT = 3
"""Each may hold as much as the one of the clip without guides; the one unused for longest is begun again."""


class GuidedLives:
    """For one thread at a time.

    Args:
        connection: To the server.
        settings: Of the clip; its shot and its guides are filled in here.
    """

    def __init__(self, connection: Connection, settings: LiveSettings) -> None:
        self._connection, self._settings = connection, settings
        self._kept: OrderedDict[tuple[int, str], LiveColours] = OrderedDict()

    def of(self, first: int, guides: Sequence[GuideFrame], like: LiveColours | None = None) -> LiveColours:
        """That of the shot that begins with a frame and has these guides.

        Args:
            first: The shot's first frame.
            guides: In the order of their frames.
            like: Knows pictures of the clip already.
        """
        key = (first, guide_hash(guides))
        if key not in self._kept:
            live = LiveColours(self._connection, self.settings_of(first, guides))
            if like is not None:
                live.learn(like)
            self._kept[key] = live
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)[1].close()
        self._kept.move_to_end(key)
        return self._kept[key]

    def settings_of(self, first: int, guides: Sequence[GuideFrame]) -> LiveSettings:
        """Of the shot. A server needs to know of no other shot: its colours do not depend on them."""
        return replace(self._settings, shot_starts=(first,), guides=tuple(guides))

    def note(self, asked: Asked) -> None:
        """Remember a picture whose colour nobody wants."""
        for live in self._kept.values():
            live.note(asked)

    def close(self) -> None:
        """Leave the server."""
        for live in self._kept.values():
            live.close()
