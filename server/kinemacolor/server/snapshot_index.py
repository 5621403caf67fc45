"""Which snapshots of a clip there are, which one to use, which to keep: pure functions over a sorted tuple.

A snapshot is named by the frame it lets one go on with: `next_frame` is one more than the last frame that its state
has seen. At a shot start the state is empty and `next_frame == shot_start`; that a shot begins there is all it says.

Where two snapshots contradict each other about where shots begin, the newer one is right (`added`, `seen`): a client
may have opened a clip in the middle of a shot, or has put a shot boundary where there was none.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kinemacolor.wire.frame import FrameNumber

SNAPSHOT_INTERVAL = 24
"""Frames of a shot between two snapshots: a seek or a crash replays at most as many."""


@dataclass(frozen=True, slots=True, order=True)
class Stored:
    """One snapshot on disk."""

    next_frame: FrameNumber
    shot_start: FrameNumber
    dependency: str
    """The beginning of the dependency hash of its shot."""
    nbytes: int

    @property
    def is_empty(self) -> bool:
        """True at a shot start."""
        return self.next_frame == self.shot_start

    @property
    def rarity(self) -> int:
        """The higher, the longer a snapshot is kept: n for those 24 * 2**n frames into a shot, starts above all.

        Those at odd places, made when a clip was put away, come last.
        """
        steps, rest = divmod(self.next_frame - self.shot_start, SNAPSHOT_INTERVAL)
        if rest:
            return -1
        return (steps & -steps).bit_length() - 1 if steps else 64


Snapshots = tuple[Stored, ...]
"""Sorted."""
DependencyOf = Callable[[FrameNumber], str]
"""The beginning of the dependency hash of the shot that starts there."""


@dataclass(frozen=True, slots=True)
class Change:
    """An index after a change, and what is no longer in it."""

    kept: Snapshots
    dropped: Snapshots = ()


def latest(
    snapshots: Snapshots, lowest: FrameNumber, highest: FrameNumber, dependency_of: DependencyOf
) -> Stored | None:
    """The last snapshot with lowest <= next_frame <= highest whose shot depends on what it depended on then.

    Of two at one frame the later shot wins: that a shot begins there was learned after the other was made.
    """
    end = bisect_right(snapshots, highest, key=_next_frame)
    for stored in reversed(snapshots[:end]):
        if stored.next_frame < lowest:
            return None
        if stored.dependency == dependency_of(stored.shot_start):
            return stored
    return None


def added(snapshots: Snapshots, new: Stored) -> Change:
    """The index with a new snapshot, without those that it contradicts or replaces."""
    if new.is_empty:
        change = seen(snapshots, new.shot_start, new.shot_start)
    else:
        change = _without(snapshots, lambda old: new.shot_start < old.shot_start < new.next_frame)
    place = (new.next_frame, new.shot_start)
    replaced = _without(change.kept, lambda old: (old.next_frame, old.shot_start) == place)
    return Change(tuple(sorted((*replaced.kept, new))), (*change.dropped, *replaced.dropped))


def seen(snapshots: Snapshots, number: FrameNumber, shot_start: FrameNumber) -> Change:
    """The index after frame `number` has turned out to belong to the shot that starts at `shot_start`."""
    start = bisect_left(snapshots, number, key=_next_frame)
    if start == len(snapshots):
        return Change(snapshots)  # the usual case: a film goes forward
    if number == shot_start:
        change = _without(snapshots[start:], lambda old: old.shot_start < number < old.next_frame)
    else:
        change = _without(snapshots[start:], lambda old: old.shot_start == number)
    return Change((*snapshots[:start], *change.kept), change.dropped)


def thinned(
    snapshots: Snapshots, *, needed: FrameNumber, expected: FrameNumber, budget: int, dependency_of: DependencyOf
) -> Change:
    """The index cut down to `budget` bytes, as far as what a client may rely on allows.

    Args:
        snapshots: of one clip.
        needed: the client may go on here or later after a crash: it has the answers of all frames before.
        expected: the frame that the server expects next; no client goes on later.
        budget: bytes.
        dependency_of: what the shots of the clip depend on today.

    Returns:
        What is kept: always the last one at or before `needed` and all up to `expected`. Of the others those that no
        longer match go first, then those that lie closest together, those far from the client before those near it:
        seeks into the far past get longer by doubling, those near the client stay short.
    """
    usable = tuple(stored for stored in snapshots if stored.dependency == dependency_of(stored.shot_start))
    must = frozenset(_relied_on(usable, needed, expected))
    by_worth = sorted(
        (stored for stored in snapshots if stored not in must),
        key=lambda old: (old in usable, old.rarity, -abs(old.next_frame - expected)),
    )
    excess = sum(stored.nbytes for stored in snapshots) - budget
    gone: set[Stored] = set()
    for stored in by_worth:
        if excess <= 0:
            break
        gone.add(stored)
        excess -= stored.nbytes
    return _without(snapshots, gone.__contains__)


def _relied_on(snapshots: Snapshots, needed: FrameNumber, expected: FrameNumber) -> Snapshots:
    before = bisect_right(snapshots, needed, key=_next_frame)
    end = bisect_right(snapshots, expected, key=_next_frame)
    return snapshots[max(before - 1, 0) : end]


def clips_to_drop(clips: Iterable["ClipUse"], excess: int) -> list[str]:
    """Whole clips that make room for `excess` bytes, those unused for longest first; protected ones never."""
    names: list[str] = []
    for clip in sorted((clip for clip in clips if not clip.protected), key=lambda clip: clip.last_used):
        if excess <= 0:
            break
        names.append(clip.name)
        excess -= clip.nbytes
    return names


@dataclass(frozen=True, slots=True)
class ClipUse:
    """What one clip's snapshots take, and since when nobody has used them."""

    name: str
    nbytes: int
    last_used: float
    protected: bool
    """A client may still rely on them."""


def _next_frame(stored: Stored) -> FrameNumber:
    return stored.next_frame


def _without(snapshots: Snapshots, is_wrong: Callable[[Stored], bool]) -> Change:
    wrong = tuple(stored for stored in snapshots if is_wrong(stored))
    if not wrong:
        return Change(snapshots)
    gone = frozenset(wrong)
    return Change(tuple(stored for stored in snapshots if stored not in gone), wrong)
