"""Which snapshots a clip has, where two of them contradict each other about the shots."""

from kinemacolor.server.snapshot_index import ClipUse as Use
from kinemacolor.server.snapshot_index import Snapshots, Stored, added, clips_to_drop, latest, seen, thinned


def stored(next_frame: int, shot: int = 0, dependency: str = "today") -> Stored:
    return Stored(next_frame, shot, dependency, 1)  # type: ignore[arg-type]


def today(_: int) -> str:
    return "today"


def index(*places: tuple[int, int]) -> Snapshots:
    return tuple(stored(*place) for place in places)


def places(snapshots: Snapshots) -> list[tuple[int, int]]:
    return [(old.next_frame, old.shot_start) for old in snapshots]


def test_a_boundary_that_was_put_into_a_shot_ends_what_went_over_it() -> None:
    change = added(index((0, 0), (24, 0), (48, 0), (72, 0)), stored(30, 30))
    assert places(change.kept) == [(0, 0), (24, 0), (30, 30)]
    assert places(change.dropped) == [(48, 0), (72, 0)]


def test_a_shot_that_was_opened_in_its_middle_is_forgotten_when_it_is_seen_whole() -> None:
    opened_at_40 = index((24, 0), (40, 40), (64, 40))
    assert places(seen(opened_at_40, 40, 0).kept) == [(24, 0)]  # type: ignore[arg-type]
    assert places(added(opened_at_40, stored(48, 0)).kept) == [(24, 0), (48, 0)]


def test_a_frame_that_agrees_changes_nothing() -> None:
    known = index((0, 0), (24, 0), (48, 0), (50, 50), (74, 50))
    for number, shot in [(0, 0), (24, 0), (49, 0), (50, 50), (51, 50), (200, 50)]:
        assert seen(known, number, shot).kept == known  # type: ignore[arg-type]


def test_a_new_snapshot_takes_the_place_of_an_old_one() -> None:
    other = stored(24, dependency="yesterday")
    change = added((other,), stored(24))
    assert change.kept == (stored(24),)
    assert change.dropped == (other,)


def test_of_two_at_one_frame_the_shot_start_wins() -> None:
    assert latest(index((24, 0), (24, 24)), 0, 30, today) == stored(24, 24)  # type: ignore[arg-type]


def test_one_of_yesterdays_dependency_is_passed_over_and_goes_first() -> None:
    known = (stored(24), stored(48, dependency="yesterday"), stored(72))
    assert latest(known, 0, 60, today) == stored(24)  # type: ignore[arg-type]
    change = thinned(known, needed=72, expected=72, budget=2, dependency_of=today)  # type: ignore[arg-type]
    assert places(change.dropped) == [(48, 0)]


def test_protected_clips_stay_whatever_is_missing() -> None:
    uses = [Use("old", 5, 1.0, protected=True), Use("older", 5, 0.0, protected=False), Use("new", 5, 2.0, False)]
    assert clips_to_drop(uses, 3) == ["older"]
    assert clips_to_drop(uses, 100) == ["older", "new"]
    assert clips_to_drop(uses, 0) == []
