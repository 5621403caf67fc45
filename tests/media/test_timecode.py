from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinemacolor.media.timecode import find_timecode, frame_of_timecode, normalise_timecode, timecode_of_frame

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("01:02:03:04", "01:02:03:04"), ("1:02:03:04", "01:02:03:04"), ("01:02:03;04", "01:02:03;04"),
        ("01:02:03.04", "01:02:03;04"), (" 01:02:03:119 ", "01:02:03:119"), ("reel 7", None), ("01:02:03", None),
    ],
)  # fmt: skip
def test_spellings(text: str, label: str | None) -> None:
    assert normalise_timecode(text) == label


def test_the_first_that_is_one_is_found() -> None:
    assert find_timecode([{}, {"TIMECODE": "none"}, {"Timecode": "01:00:00:00"}, {"timecode": "02:00:00:00"}]) == (
        "01:00:00:00"
    )
    assert find_timecode([]) is None


# SMPTE 12M: numbers 0 and 1 are left out at the start of each minute that is no multiple of ten.
@pytest.mark.parametrize(
    ("label", "frame"),
    [
        ("00:00:59;29", 1799), ("00:01:00;02", 1800), ("00:09:59;29", 17981), ("00:10:00;00", 17982),
        ("01:00:00;00", 107892), ("00:01:00:00", 1800),
    ],
)  # fmt: skip
def test_frames_of_labels(label: str, frame: int) -> None:
    assert frame_of_timecode(label, NTSC) == frame
    assert timecode_of_frame(frame, NTSC, drop=";" in label) == label


@given(frame=st.integers(0, 24 * 107892 - 1))
def test_drop_frame_labels_are_the_frames_back(frame: int) -> None:
    assert frame_of_timecode(timecode_of_frame(frame, NTSC, drop=True), NTSC) == frame
    label = timecode_of_frame(2 * frame, 2 * NTSC, drop=True)
    assert frame_of_timecode(label, 2 * NTSC) == 2 * frame


@given(frame=st.integers(0, 24 * 3600 * 25 - 1))
def test_other_labels_are_the_frames_back(frame: int) -> None:
    assert frame_of_timecode(timecode_of_frame(frame, Fraction(25), drop=False), Fraction(25)) == frame


@pytest.mark.parametrize(
    ("label", "rate"), [("00:01:00;00", NTSC), ("00:00:00:25", Fraction(25)), ("00:60:00:00", NTSC), ("x", NTSC),
                        ("00:00:01;00", Fraction(25))],
)  # fmt: skip
def test_labels_that_do_not_exist(label: str, rate: Fraction) -> None:
    with pytest.raises(ValueError, match=r"timecode|drop frame"):
        frame_of_timecode(label, rate)
