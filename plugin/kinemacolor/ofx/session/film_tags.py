"""What a media file says about itself that a host does not hand on: its colour encoding, and its version."""

import os
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from kinemacolor.colour.encoding import ColourEncoding
from kinemacolor.media.probe import probe
from kinemacolor.ofx.helper.effect import EffectError

__all__ = ["FilmTags", "Tags"]

_KEPT = 16
_FRESH_SECONDS = 1.0
"""A file that was looked at so lately is not looked at again: it may lie on a slow share."""


@dataclass(frozen=True, slots=True)
class Tags:
    """Of one version of a file."""

    version: tuple[int, ...]
    encoding: ColourEncoding
    """What the renderer takes for it."""


@dataclass(frozen=True, slots=True)
class _Seen:
    tags: Tags
    at: float


class FilmTags:
    """Reads each version of a file once. For one thread at a time."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Path, _Seen] = OrderedDict()

    def known(self, path: Path) -> Tags | None:
        """What was read of a file a moment ago; None: it has to be looked at."""
        seen = self._kept.get(path)
        return seen.tags if seen is not None and time.monotonic() - seen.at < _FRESH_SECONDS else None

    def read(self, path: Path) -> Tags:
        """Look at a file, which may take long.

        Raises:
            EffectError: Its name is none.
            SourceError: It cannot be read.
        """
        version, seen = _version(path), self._kept.get(path)
        if seen is None or seen.tags.version != version:
            try:
                seen = _Seen(Tags(version, probe(path).encoding), 0.0)
            except (OSError, ValueError) as error:
                raise EffectError(f"Media file: {error.strerror if isinstance(error, OSError) else error}") from error
        self._kept[path] = _Seen(seen.tags, time.monotonic())
        self._kept.move_to_end(path)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return seen.tags


def _version(path: Path) -> tuple[int, ...]:
    """Of a file; of a sequence that of its folder. Empty: there is neither, as `probe` then says."""
    for place in (path, path.parent):
        try:
            state = os.stat(place)
        except (OSError, ValueError):
            continue
        return state.st_mtime_ns, state.st_size, state.st_ino
    return ()
