"""Guides on the wire: what is refused, what comes back, and which hash tells them apart."""

import math
from dataclasses import replace

import numpy as np
import pytest

from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire.codec import check_guide, encode_guide
from kinemacolor.wire.errors import WireError
from kinemacolor.wire.frame import FrameNumber, Geometry, GuideFrame, HintPoint
from kinemacolor.wire.guides import guide_hash, guides_of_shot
from kinemacolor.wire.limits import MAX_GUIDE_HINTS
from kinemacolor.wire.reasons import ErrorReason

GEOMETRY = Geometry(4, 2)
LUMA = np.arange(8, dtype=np.uint16).reshape(2, 4)
AB = np.arange(16, dtype=np.int16).reshape(2, 2, 4) - 8
HINT = HintPoint(0.25, 0.5, 0.125, 30.0, -20.5)


def guide(number: int = 3, *, ab: bool = True, hints: tuple[HintPoint, ...] = (HINT,)) -> GuideFrame:
    return GuideFrame(FrameNumber(number), LUMA, AB if ab else None, hints)


@pytest.mark.parametrize("sent", [guide(), guide(ab=False), guide(hints=())])
def test_a_guide_arrives_as_it_was_sent(sent: GuideFrame) -> None:
    found = check_guide(pb.Guide.FromString(encode_guide(sent).SerializeToString()), GEOMETRY)
    assert (found.frame_number, found.hints) == (sent.frame_number, sent.hints)
    np.testing.assert_array_equal(found.luma, sent.luma)
    assert (found.ab is None) == (sent.ab is None)
    if found.ab is not None:
        np.testing.assert_array_equal(found.ab, AB)
    assert guide_hash([found]) == guide_hash([sent])


def test_a_sample_has_one_colour() -> None:
    """Mixed, it would be neither; the one that came last may be the mistake."""
    same, beside = replace(HINT, x=0.375, radius=0.5), replace(HINT, x=0.5, a=1.0)
    assert check_guide(encode_guide(guide(hints=(HINT, same, beside))), GEOMETRY).hints == (HINT, same, beside)
    with pytest.raises(WireError, match=r"^two hints of different colours at 0.375, 0.5$") as refusal:
        check_guide(encode_guide(guide(hints=(HINT, replace(same, b=20.5)))), GEOMETRY)
    assert refusal.value.reason is ErrorReason.BAD_FIELD
    corner = replace(HINT, x=1.0, y=1.0), replace(HINT, x=0.875, y=0.75, a=1.0)
    with pytest.raises(WireError, match="two hints"):
        check_guide(encode_guide(guide(hints=corner)), GEOMETRY)


def hinted(**fields: float) -> pb.Guide:
    values = {"x": 0.5, "y": 0.5, "radius": 0.0, "a": 0.0, "b": 0.0, **fields}
    return pb.Guide(luma=LUMA.tobytes(), hints=[pb.Hint(**values)])


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (pb.Guide(luma=LUMA.tobytes()), ErrorReason.BAD_FIELD),
        (pb.Guide(luma=LUMA.tobytes(), hints=[pb.Hint()] * (MAX_GUIDE_HINTS + 1)), ErrorReason.BAD_FIELD),
        (pb.Guide(frame_number=-1, luma=LUMA.tobytes(), hints=[pb.Hint()]), ErrorReason.BAD_FIELD),
        (pb.Guide(luma=LUMA.tobytes()[:-1], hints=[pb.Hint()]), ErrorReason.PLANE_SIZE),
        (pb.Guide(luma=LUMA.tobytes(), ab=AB.tobytes() + b"0"), ErrorReason.PLANE_SIZE),
        *[
            (hinted(**{name: value}), ErrorReason.BAD_FIELD)
            for name, value in [("x", -0.01), ("x", 1.01), ("y", 2.0), ("radius", 0.6), ("radius", -1.0), ("a", 128.0)]
        ],
        *[(hinted(**{name: math.nan}), ErrorReason.BAD_FIELD) for name in ("x", "y", "radius", "a", "b")],
    ],
)
def test_a_guide_that_breaks_the_contract_is_refused(message: pb.Guide, reason: ErrorReason) -> None:
    with pytest.raises(WireError) as caught:
        check_guide(message, GEOMETRY)
    assert caught.value.reason is reason


def test_every_word_of_a_guide_changes_the_hash() -> None:
    other_luma, other_ab = LUMA.copy(), AB.copy()
    other_luma[0, 0] += 1
    other_ab[0, 0, 0] += 1
    sets = [
        [],
        [guide()],
        [guide(4)],
        [guide(ab=False)],
        [guide(hints=())],
        [guide(hints=(HINT, HINT))],
        *[[guide(hints=(replace(HINT, **{name: 0.0}),))] for name in ("x", "y", "radius", "a", "b")],
        [GuideFrame(FrameNumber(3), other_luma, AB, (HINT,))],
        [GuideFrame(FrameNumber(3), LUMA, other_ab, (HINT,))],
        [GuideFrame(FrameNumber(3), LUMA.reshape(4, 2), AB.reshape(2, 4, 2), (HINT,))],
        [guide(), guide(5)],
    ]
    hashes = [guide_hash(each) for each in sets]
    assert len(set(hashes)) == len(sets)
    assert hashes[0] == ""
    assert hashes[1] == guide_hash([guide()])


def test_guides_belong_to_the_shot_of_their_frame() -> None:
    guides = [guide(0), guide(9), guide(10), guide(500)]
    assert [each.frame_number for each in guides_of_shot(guides, 0, 10)] == [0, 9]
    assert [each.frame_number for each in guides_of_shot(guides, 10, 20)] == [10]
    assert [each.frame_number for each in guides_of_shot(guides, 20, None)] == [500]
