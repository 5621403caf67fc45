"""What a media file says about itself that a host does not hand on."""

import os
from collections import OrderedDict
from pathlib import Path

from kinemacolor.colour.encoding import Matrix
from kinemacolor.media.probe import probe
from kinemacolor.ofx.pixels.form import HostMatrix

__all__ = ["FilmTags"]

_KEPT = 16
_MATRICES = {
    Matrix.BT709: HostMatrix.BT709,
    Matrix.BT470BG: HostMatrix.BT601_625,
    Matrix.SMPTE170M: HostMatrix.BT601,
    Matrix.BT2020_NCL: HostMatrix.BT2020,
}

_Version = tuple[Path, int, int]


class FilmTags:
    """Reads each version of a file once. For one thread at a time."""

    def __init__(self) -> None:
        self._kept: OrderedDict[_Version, HostMatrix | None] = OrderedDict()

    def matrix(self, path: Path) -> HostMatrix | None:
        """The matrix that the renderer takes for a file; None: one that hosts have no name for.

        Raises:
            SourceError: It cannot be read.
        """
        version = _version(path)
        if version not in self._kept:
            self._kept[version] = _MATRICES.get(probe(path).encoding.matrix)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[version]


def _version(path: Path) -> _Version:
    try:
        state = os.stat(path)
    except OSError:  # a sequence's pattern, or no file; `probe` knows
        return path, 0, 0
    return path, state.st_mtime_ns, state.st_size
