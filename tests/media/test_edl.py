"""Edit decision lists: which frames of the record timeline begin a shot, what is refused and where."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinemacolor.media.edl import read_edl, write_edl
from kinemacolor.media.shots import Shot
from kinemacolor.media.timecode import frame_of_timecode

PAL = Fraction(25)
NTSC = Fraction(30000, 1001)

SOURCE = "05:00:00:00 05:00:10:00"


def label(frame):
    """Record timecode of a frame at 25 a second."""
    return f"00:00:{frame // 25:02d}:{frame % 25:02d}"


def event(number, edit, first, end, reel="TAPE1", channels="V"):
    return f"{number:03d}  {reel:<8} {channels:<5} {edit:<8} {SOURCE} {label(first)} {label(end)}"


def spans(*lines, rate=PAL):
    return [(shot.first, shot.last) for shot in read_edl("\n".join(lines), rate).shots]


def test_a_list_as_editing_systems_write_it():
    text = (
        "TITLE: REEL 1\r\n"
        "FCM: NON-DROP FRAME\r\n"
        "\r\n"
        "001  A001C003 V     C        01:00:10:00 01:00:12:00 10:00:00:00 10:00:02:00\r\n"
        "* FROM CLIP NAME:  station.mov\r\n"
        "* COMMENT: 4 times 01:00:10:00 01:00:12:00 10:00:00:00 10:00:02:00\r\n"
        "M2   A001C003       012.5                01:00:10:00\r\n"
        "002  AX       AA/V  C        00:00:00:00 00:00:01:00 10:00:02:00 10:00:03:00\r\n"
        "002  AX       A2    C        00:00:00:00 00:00:01:00 10:00:02:00 10:00:03:00\r\n"
        "AUD  3    4\r\n"
    )
    listed = read_edl(text, PAL)
    begin = 10 * 3600 * 25
    assert [(shot.first - begin, shot.last - begin, shot.name) for shot in listed.shots] == [
        (0, 49, "station.mov"), (50, 74, "AX"),
    ]  # fmt: skip
    assert [shot.line for shot in listed.shots] == [4, 8]
    assert not listed.drop_frame


def test_record_times_count_and_not_the_order_of_lines():
    assert spans(event(1, "C", 30, 60), event(2, "C", 0, 30)) == [(0, 29), (30, 59)]


def test_a_dissolve_is_cut_in_its_middle():
    """The first line only names what is dissolved from: it has no length."""
    lines = [event(1, "C", 0, 50), event(2, "C", 50, 50), event(2, "D 024", 50, 100, reel="TAPE2")]
    assert spans(*lines) == [(0, 61), (62, 99)]
    lines[2] = event(2, "W001 024", 50, 100, reel="TAPE2")
    assert spans(*lines) == [(0, 61), (62, 99)]


def test_a_dissolve_has_the_name_of_the_clip_it_goes_to():
    names = ("* FROM CLIP NAME: old", "* TO CLIP NAME: new")
    listed = read_edl("\n".join([event(1, "C", 0, 50), event(2, "D 010", 50, 100), *names]), PAL)
    assert [shot.name for shot in listed.shots] == ["TAPE1", "new"]


def test_fades_belong_to_the_picture_that_is_seen():
    lines = [
        event(1, "C", 0, 0, reel="BL"),
        event(1, "D 020", 0, 50),
        event(2, "C", 50, 50),
        event(2, "D 020", 50, 80, reel="BL"),
        event(3, "D 010", 80, 100),
    ]
    assert spans(*lines) == [(0, 69), (70, 79), (80, 99)]


def test_a_fade_out_that_leaves_no_black_adds_no_shot():
    assert spans(event(1, "C", 0, 50), event(2, "D 020", 50, 70, reel="BL")) == [(0, 69)]


def test_what_lies_over_a_picture_is_no_shot():
    assert spans(event(1, "K B", 0, 50), event(1, "K", 10, 20), event(2, "K O 000", 20, 30)) == [(0, 49)]


def test_drop_frame_by_the_header_or_by_a_mark():
    times = "00:00:00;00 00:00:10;00 01:00:00;00 01:01:00;02"
    for text in (f"FCM: DROP FRAME\n001 A V C {times.replace(';', ':')}", f"001 A V C {times}"):
        listed = read_edl(text, NTSC)
        assert listed.drop_frame
        assert [(shot.first, shot.last) for shot in listed.shots] == [(107892, 107892 + 1799)]


def test_a_later_fcm_speaks_of_a_source():
    lines = ["FCM: NON-DROP FRAME", event(1, "C", 0, 25), "FCM: DROP FRAME", event(2, "C", 25, 50)]
    assert not read_edl("\n".join(lines), PAL).drop_frame


GOOD = event(1, "C", 0, 50)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["TITLE: none"], "no event that records a picture"),
        ([event(1, "C", 0, 50, channels="A")], "no event that records a picture"),
        ([GOOD, "002  TAPE1    V     C        01:00:00:00"], "line 2: expected an event"),
        ([GOOD, event(2, "X", 50, 75)], "line 2: expected an event"),
        (["", GOOD.replace("00:00:02:00", "00:00:02:25")], "line 2: timecode 00:00:02:25 does not exist at 25"),
        ([GOOD, event(2, "C", 40, 75)], "line 2: is recorded over the event of line 1"),
        ([event(1, "C", 50, 40)], "line 1: record out 00:00:01:15 lies before record in 00:00:02:00"),
        ([GOOD, event(2, "D 030", 50, 60)], "line 2: a transition of 30 frames in an event of 10"),
        ([GOOD, event(2, "C", 50, 60, channels="V2")], "line 2: expected a list of one picture track, found V2"),
        (["FCM: SOMETIMES", GOOD], "line 1: expected FCM"),
        (
            ["FCM: NON-DROP FRAME", "001 A V C 00:00:00;00 00:00:01;00 00:00:00;00 00:00:01;00"],
            "line 2: 00:00:00;00 is drop frame, but FCM says NON-DROP FRAME",
        ),
        (["001 A V C 00:00:00;00 00:00:01;00 00:00:00;00 00:00:01;00"], "line 1: .* drop frame exists at 30000/1001"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(lines, message):
    with pytest.raises(ValueError, match=message):
        read_edl("\n".join(lines), PAL)


@given(
    starts=st.sets(st.integers(1, 200_000), max_size=20),
    rate=st.sampled_from([Fraction(24), Fraction(24000, 1001), PAL, NTSC, Fraction(60000, 1001), Fraction(120)]),
    begin=st.integers(0, 10**6),
    is_drop=st.booleans(),
)
def test_what_is_written_is_read_again(starts, rate, begin, is_drop):
    drop = is_drop and round(rate) % 30 == 0 and rate.denominator == 1001
    firsts = [0, *sorted(starts)]
    shots = [Shot(first, end - 1) for first, end in zip(firsts, [*firsts[1:], firsts[-1] + 7], strict=True)]
    listed = read_edl(write_edl(shots, title="t", clip="a b.mov", rate=rate, start=begin, drop=drop), rate)
    assert [(shot.first - begin, shot.last - begin) for shot in listed.shots] == [(s.first, s.last) for s in shots]
    assert listed.drop_frame == drop
    assert {shot.name for shot in listed.shots} == {"a b.mov"}


def test_a_film_past_midnight_cannot_be_written():
    start = frame_of_timecode("23:59:59:00", PAL)
    write_edl([Shot(0, 23)], title="t", clip="c", rate=PAL, start=start, drop=False)
    with pytest.raises(ValueError, match="midnight"):
        write_edl([Shot(0, 24)], title="t", clip="c", rate=PAL, start=start, drop=False)
