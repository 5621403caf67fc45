"""Which shots have guides, and what that does to the dependencies of each."""

from dataclasses import replace

import numpy as np
import pytest

from kinemacolor.server.dependency import ClipDependencies
from kinemacolor.server.guided_shots import guided_shot_at, guided_shots
from kinemacolor.wire.frame import FrameNumber, Geometry, GuideFrame, HintPoint
from kinemacolor.wire.guides import guide_hash

STARTS = tuple(map(FrameNumber, (10, 20, 30, 40)))
HINT = HintPoint(0.25, 0.5, 0.125, 30.0, -20.5)


def guide(number: int, hint: HintPoint = HINT) -> GuideFrame:
    """Every call makes arrays of its own: what is equal must be equal by what it says."""
    return GuideFrame(FrameNumber(number), np.arange(8, dtype=np.uint16).reshape(2, 4), None, (hint,))


def dependencies(*guides: GuideFrame, **fields: object) -> ClipDependencies:
    known: dict[str, object] = {
        "model": "tiny",
        "weights_sha256": "ab" * 32,
        "code_sha256": "cd" * 32,
        "device_class": "cpu",
        "geometry": Geometry(4, 2),
        "transfer": 13,
        "shot_starts": STARTS,
        "guided_shots": guided_shots(guides, STARTS),
    }
    return ClipDependencies(**{**known, **fields})  # type: ignore[arg-type]


def changed(one: ClipDependencies, other: ClipDependencies) -> set[int]:
    """First frames of the shots whose hash differs."""
    return {start for start in STARTS if one.shot_hash(start) != other.shot_hash(start)}


def test_guides_are_sorted_by_the_shots_of_their_frames() -> None:
    guides = [guide(number) for number in (10, 19, 30, 41, 5000)]
    shots = guided_shots(guides, STARTS)
    assert [(shot.start, shot.end) for shot in shots] == [(10, 20), (30, 40), (40, None)]
    assert [[guide.frame_number for guide in shot.guides] for shot in shots] == [[10, 19], [30], [41, 5000]]
    assert [shot.guide_hash for shot in shots] == [guide_hash(shot.guides) for shot in shots]
    found = {number: guided_shot_at(shots, FrameNumber(number)) for number in (9, 10, 19, 20, 29, 30, 39, 40, 10**9)}
    starts = {number: None if shot is None else shot.start for number, shot in found.items()}
    assert starts == {9: None, 10: 10, 19: 10, 20: None, 29: None, 30: 30, 39: 30, 40: 40, 10**9: 40}
    assert guided_shots([], STARTS) == ()


def test_shots_whose_guides_say_the_same_are_equal() -> None:
    assert guided_shots([guide(10), guide(33)], STARTS) == guided_shots([guide(10), guide(33)], STARTS)
    for others in ([guide(10)], [guide(11), guide(33)], [guide(10, replace(HINT, a=31.0)), guide(33)]):
        assert guided_shots([guide(10), guide(33)], STARTS) != guided_shots(others, STARTS)


@pytest.mark.parametrize(
    ("guides", "shots"),
    [
        ([guide(15), guide(35)], set()),
        ([guide(35)], {10}),
        ([guide(15)], {30}),
        ([], {10, 30}),
        ([guide(16), guide(35)], {10}),
        ([guide(15), guide(35, replace(HINT, b=0.0))], {30}),
        ([guide(15), guide(25), guide(35)], {20}),
        ([guide(15), guide(35), guide(36)], {30}),
        ([guide(25), guide(45)], {10, 20, 30, 40}),
    ],
)
def test_a_guide_changes_the_hash_of_its_shot_alone(guides: list[GuideFrame], shots: set[int]) -> None:
    before = dependencies(guide(15), guide(35))
    after = dependencies(*guides)
    assert changed(before, after) == shots
    assert before.clip_hash() == after.clip_hash()


def test_a_state_that_begins_within_a_shot_depends_on_its_guides() -> None:
    plain, guided = dependencies(), dependencies(guide(15))
    assert plain.shot_hash(FrameNumber(12)) != guided.shot_hash(FrameNumber(12))
    assert plain.shot_hash(FrameNumber(5)) == guided.shot_hash(FrameNumber(5))


def test_a_variant_changes_every_hash() -> None:
    usual, other = dependencies(), dependencies(variant=2)
    assert changed(usual, other) == set(STARTS)
    assert usual.clip_hash() != other.clip_hash()
    assert changed(usual, dependencies(variant=1)) == set()
