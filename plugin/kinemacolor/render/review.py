"""Where in a film a person should help: from how sure the network was of each frame's colours. Pure.

Rules
  * A confidence plane is looked at in 32 x 32 spots. Of a frame are kept its mean, the share of its spots that are
    unsure, and of each of 8 x 8 cells the least sure patch of 3 x 3 spots, and which one that is: 152 bytes, 26 MB for
    two hours. A thing is seen where it lies across the borders of cells, too.
  * What is kept is smoothed over five frames of a shot, for what flickers by grain needs no help.
  * Of each shot comes first the frame whose mean is lowest; then frames in which something is unsure that was surer,
    there and all around, on the shot's frames before: a thing that has come in. They lie some frames apart.
  * Nothing is listed where every patch is surer than UNSURE.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_PLACES", "UNSURE", "ConfidenceLog", "Frames", "Place", "Review", "review"]

UNSURE = 0.55
"""Below it a colour is unsure. In `kinema` it is an expected error of 13.6 CIELAB units; of thirteen clips of old and
new film one cell in five is below it and the median is 0.62."""
MAX_PLACES = 200
"""The longest list: three times what one render takes (MAX_GUIDES)."""

_CELLS = 8
_SPOTS = 4
"""Spots of a cell, each way."""
_FINE = _CELLS * _SPOTS
_PATCH = 3
"""Spots of a patch, each way: a tenth of the picture, about as large as a face in a medium shot."""
_SMOOTHED = 5
_PLACES_OF_SHOT = 5
_APART_FRAMES = 12
_NEWLY = 0.05
"""How far below UNSURE, and how much less sure than before, all around, something is that has come in."""
_MOST = 0.5
"""From this share of the picture on, single points are too little help."""
_NO_SHOT = -1

_WHOLE = 255 * _SMOOTHED
"""Sums of five codes are smoothed confidences without rounding; this one is sure."""
_UNSURE_SUM = round(UNSURE * _WHOLE)

_Bytes = NDArray[np.uint8]
_Floats = NDArray[np.float32]
_Sums = NDArray[np.int16]
_Cell = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames `first` to `last`, both included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A frame on which help gains something, and where in it most. Confidences are 0 to 1, smoothed over time."""

    frame: int
    seconds: float
    """As it was logged; not a number: unknown."""
    shot: Frames
    """The frames of its shot that were coloured."""
    confidence: float
    """Of the whole frame."""
    x: float
    y: float
    """A spot in the least sure region, in fractions of the film's own picture, from the left and upper edge."""
    region_confidence: float
    unsure_share: float
    """Of the picture."""
    need: float
    """How far below UNSURE the frame is, 0 to 1, in the mean of all cells; of a further one in its shot: news."""

    @property
    def suggestion(self) -> str:
        """What helps: `reference` or `hint`."""
        return "reference" if self.unsure_share >= _MOST else "hint"


@dataclass(frozen=True, slots=True)
class Review:
    """What is to be said of a film."""

    places: tuple[Place, ...]
    """The neediest first."""
    left_out: int
    """Places beyond the longest list."""
    unknown: tuple[Frames, ...]
    """Frames of which nobody said how sure they are, in order."""


@dataclass(slots=True)
class _Columns:
    """What is kept, one row a frame."""

    shots: NDArray[np.int64]
    """First frame of the shot; `_NO_SHOT`: nothing is known of this frame."""
    seconds: NDArray[np.float64]
    means: _Floats
    """0 to 1."""
    shares: _Floats
    """Unsure ones of the spots, 0 to 1."""
    least: _Bytes
    """(N, 8, 8), of the least sure patch in each cell; 255 = sure."""
    spots: _Bytes
    """(N, 8, 8), the middle of that patch, among the spots of its cell row by row."""

    @classmethod
    def empty(cls, rows: int) -> "_Columns":
        grid = (rows, _CELLS, _CELLS)
        return cls(
            np.full(rows, _NO_SHOT, np.int64),
            np.zeros(rows, np.float64),
            np.zeros(rows, np.float32),
            np.zeros(rows, np.float32),
            np.zeros(grid, np.uint8),
            np.zeros(grid, np.uint8),
        )

    def extended(self, rows: int) -> "_Columns":
        longer, old = _Columns.empty(rows), len(self.shots)
        for name in ("shots", "seconds", "means", "shares", "least", "spots"):
            getattr(longer, name)[:old] = getattr(self, name)
        return longer


@dataclass(slots=True)
class ConfidenceLog:
    """How sure the network was of each frame, as it is told. A frame may be told twice; the last word counts.

    Args:
        first: Number of the first frame that may come.
    """

    first: int
    _columns: _Columns = field(default_factory=lambda: _Columns.empty(256))

    def add(self, number: int, shot_first: int, seconds: float, confidence: _Bytes | None) -> None:
        """Take note of a frame.

        Args:
            number: Of the frame.
            shot_first: Of the first frame of its shot.
            seconds: When it is shown; not a number: unknown.
            confidence: (H, W), 255 = sure; None: nobody says.
        """
        row = number - self.first
        if row >= len(self._columns.shots):
            self._columns = self._columns.extended(max(row + 1, 2 * len(self._columns.shots)))
        if confidence is not None:
            columns = self._columns
            columns.shots[row], columns.seconds[row] = shot_first, seconds
            fine = _fine(confidence)
            columns.means[row], columns.shares[row] = confidence.mean() / 255, (fine < UNSURE * 255).mean()
            columns.least[row], columns.spots[row] = _least_patches(fine)

    def unknown(self, last: int) -> Iterator[Frames]:
        """Runs of frames, up to the last one, of which nothing is known."""
        told = self._columns.shots[: last - self.first + 1] != _NO_SHOT
        lacking = np.ones(last - self.first + 1, bool)
        lacking[: len(told)] = ~told
        edges = np.flatnonzero(np.diff(lacking.astype(np.int8), prepend=0, append=0))
        for start, behind in edges.reshape(-1, 2).tolist():
            yield Frames(self.first + start, self.first + behind - 1)

    def places(self) -> Iterator[Place]:
        """Those of all shots."""
        shots = self._columns.shots
        rows = np.flatnonzero(shots != _NO_SHOT)
        by_shot = rows[np.argsort(shots[rows], kind="stable")]
        for of_shot in np.split(by_shot, np.flatnonzero(np.diff(shots[by_shot])) + 1):
            if of_shot.size:
                yield from self._places_of(of_shot)

    def _places_of(self, rows: NDArray[np.int64]) -> Iterator[Place]:
        """The frames of one shot, in order."""
        columns = self._columns
        sums, means = _smoothed(columns.least[rows]), _smoothed(columns.means[rows]) / _SMOOTHED
        shares = _smoothed(columns.shares[rows]) / _SMOOTHED
        span = Frames(self.first + int(rows[0]), self.first + int(rows[-1]))
        for at, cell, need in _picks(sums, means, rows):
            region = _region(sums[at], cell)
            middle = _middle(sums[at], region)
            x, y = _spot_centre(middle, int(columns.spots[rows[at]][middle]))
            yield Place(
                frame=self.first + int(rows[at]),
                seconds=float(columns.seconds[rows[at]]),
                shot=span,
                confidence=float(means[at]),
                x=x,
                y=y,
                region_confidence=float(np.mean([sums[at][one] for one in region])) / _WHOLE,
                unsure_share=float(shares[at]),
                need=need,
            )


def review(log: ConfidenceLog, last: int, most: int = MAX_PLACES) -> Review:
    """The list.

    Args:
        log: All that was told.
        last: Number of the last frame that it is about.
        most: The longest list.
    """
    found = sorted(log.places(), key=attrgetter("frame"))
    found.sort(key=attrgetter("need"), reverse=True)
    return Review(tuple(found[:most]), max(0, len(found) - most), tuple(log.unknown(last)))


# ---- a frame ----


def _fine(plane: _Bytes) -> _Floats:
    """(32, 32), the means of all spots. Of a picture smaller than that, spots share samples."""
    sums: NDArray[np.float32] = plane.astype(np.float32)
    for axis, side in enumerate(plane.shape):
        starts = np.arange(_FINE) * side // _FINE
        lengths = np.maximum(np.diff(starts, append=side), 1).astype(np.float32)
        sums = np.add.reduceat(sums, starts, axis) / np.expand_dims(lengths, 1 - axis)
    return sums


def _least_patches(fine: _Floats) -> tuple[_Bytes, _Bytes]:
    """Of each cell the least sure patch around one of its spots, and the number of that spot."""
    half = _PATCH // 2
    padded = np.pad(fine, half, mode="edge")
    shifts = [(row, column) for row in range(_PATCH) for column in range(_PATCH)]
    patches = np.mean([padded[row : row + _FINE, column : column + _FINE] for row, column in shifts], axis=0)
    blocks = patches.reshape(_CELLS, _SPOTS, _CELLS, _SPOTS).transpose(0, 2, 1, 3)
    by_cell = blocks.reshape(_CELLS, _CELLS, _SPOTS * _SPOTS)
    return np.rint(by_cell.min(-1)).astype(np.uint8), by_cell.argmin(-1).astype(np.uint8)


def _region(sums: _Sums, cell: _Cell) -> list[_Cell]:
    """The cells around the least sure one that are nearer to it than to being sure."""
    level = (int(sums[cell]) + _UNSURE_SUM) / 2
    found, waiting = {cell}, deque([cell])
    while waiting:
        row, column = waiting.popleft()
        for near in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if near not in found and min(near) >= 0 and max(near) < _CELLS and sums[near] <= level:
                found.add(near)
                waiting.append(near)
    return sorted(found)


def _middle(sums: _Sums, region: Sequence[_Cell]) -> _Cell:
    """The cell of a region that is nearest to its centre, which may lie outside; of two, the less sure one."""
    weights = [_UNSURE_SUM - int(sums[cell]) for cell in region]
    centre = np.average(np.array(region, np.float64), axis=0, weights=weights)
    return min(region, key=lambda cell: (float(np.hypot(*(np.array(cell) - centre)).round(6)), int(sums[cell])))


def _spot_centre(cell: _Cell, spot: int) -> tuple[float, float]:
    row, column = cell[0] * _SPOTS + spot // _SPOTS, cell[1] * _SPOTS + spot % _SPOTS
    return (column + 0.5) / _FINE, (row + 0.5) / _FINE


# ---- a shot ----


def _smoothed(values: _Bytes | _Floats) -> Any:
    """Sums over five frames; beyond the shot's ends its first and last frame stay."""
    half = _SMOOTHED // 2
    sides = ((half, half), *[(0, 0)] * (values.ndim - 1))
    padded = np.pad(values, sides, mode="edge")
    padded = padded.astype(np.int16) if padded.dtype == np.uint8 else padded
    return sum(padded[shift : shift + len(values)] for shift in range(_SMOOTHED))


def _picks(sums: _Sums, means: _Floats, numbers: NDArray[np.int64]) -> Iterator[tuple[int, _Cell, float]]:
    """The frames of a shot that are listed: which, its least sure cell, and its need."""
    lacks = np.maximum(_UNSURE_SUM - sums, 0)
    worst = lacks.max(axis=(1, 2))
    if not worst.any():
        return
    at = int(np.where(worst > 0, means, np.inf).argmin())
    known = np.zeros_like(lacks[0])
    is_free = np.ones(len(sums), bool)
    for _ in range(_PLACES_OF_SHOT):
        news = np.maximum(lacks[at] - known, 0)
        yield at, _least(news, sums[at]), float(news.mean()) / _UNSURE_SUM
        known = np.maximum(known, _spread(lacks[at]))
        is_free &= np.abs(numbers - numbers[at]) >= _APART_FRAMES
        new = np.where(is_free, (lacks - known).max(axis=(1, 2)), 0)
        at = int(new.argmax())
        if new[at] < _NEWLY * _WHOLE:
            return


def _least(news: _Sums, sums: _Sums) -> _Cell:
    """The cell with most news; of several, the least sure."""
    best = np.lexsort((sums.ravel(), -news.ravel()))[0]
    return int(best) // _CELLS, int(best) % _CELLS


def _spread(lacks: _Sums) -> _Sums:
    """Each cell as unsure as the worst of it and its eight neighbours: what moves a little is nothing new."""
    padded = np.pad(lacks, 1)
    shifts = [padded[row : row + _CELLS, column : column + _CELLS] for row in range(3) for column in range(3)]
    spread: _Sums = np.max(shifts, axis=0)
    return spread
