"""Lists of shots as CSV: which columns count, what an end means, what is refused and where."""

import pytest

from kinemacolor.media.shot_table import read_table, write_table
from kinemacolor.media.shots import Counting, Shot

SCENES = """Timecode List:,00:00:02.000,00:00:03.000
Scene Number,Start Frame,Start Timecode,Start Time (seconds),End Frame,End Timecode,End Time (seconds),Length (frames)
1,1,00:00:00.000,0.000,50,00:00:02.000,2.000,50
2,51,00:00:02.000,2.000,75,00:00:03.000,3.000,25
3,76,00:00:03.000,3.000,100,00:00:04.000,4.000,25
"""


def spans(text):
    return [(shot.first, shot.last) for shot in read_table(text).shots]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0\n10\n30\n", [(0, None), (10, None), (30, None)]),
        ("first\n0\n10\n", [(0, None), (10, None)]),
        ("0,9\n10,29\n", [(0, 9), (10, 29)]),
        ("0,10\n10,30\n", [(0, 9), (10, 29)]),
        ("first,last\n0,9\n10,29\n", [(0, 9), (10, 29)]),
        ("Start Frame;End Frame\r\n0;10\r\n10;30\r\n", [(0, 9), (10, 29)]),
        ("name\tend\tstart\nA\t9\t0\nB\t29\t10\n", [(0, 9), (10, 29)]),
        ("# by hand\n\n0, 9\n # and\n 10 , 29\n", [(0, 9), (10, 29)]),
        ('"first","note"\n0,"a, b"\n7,"two\nlines"\n', [(0, None), (7, None)]),
    ],
)
def test_columns(text, expected):
    assert spans(text) == expected
    assert read_table(text).counting is Counting.FRAMES


def test_the_line_is_that_of_the_file():
    assert [shot.line for shot in read_table("# x\nfirst\n\n0\n5\n").shots] == [4, 5]


@pytest.mark.parametrize(
    "text", [SCENES, SCENES.split("\n", 1)[1], SCENES.replace("Timecode List:,", "", 1)], ids=["whole", "-s", "api"]
)
def test_scenes_count_from_one(text):
    """`api`: PySceneDetect without a list of cuts leaves the first word of the line of all cuts out."""
    assert spans(text) == [(0, 49), (50, 74), (75, 99)]
    assert read_table(text).counting is Counting.FROM_FIRST


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lists no shots"),
        ("first,last\n", "header, but lists no shots"),
        ("0\nten\n", "line 2: expected a frame number, found 'ten'"),
        ("0\n-5\n", "line 2: expected a frame number, found '-5'"),
        ("0,9\n10\n", "line 2: expected a frame number, found ''"),
        ("first\n0\n12.5\n", "line 3: expected a frame number, found '12.5'"),
        ("0\n1111111111111111\n", "line 2: expected a frame number"),
        ("0,9,3\n", "line 1: expected one or two columns or a header, found 3 columns"),
        ("in,out\n0,9\n", "line 1: expected frame numbers, or a header with a column `first` or `start`; found 'in'"),
        (SCENES.replace("1,1,", "1,0,", 1), "line 3: frames are counted from 1 here, found 0"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(text, message):
    with pytest.raises(ValueError, match=message):
        read_table(text)


def test_what_is_written_is_read_again():
    assert spans(write_table([Shot(0, 9), Shot(10, 29), Shot(30, 30)])) == [(0, 9), (10, 29), (30, 30)]
