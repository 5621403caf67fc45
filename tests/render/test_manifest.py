import json

import pytest

from kinemacolor.media.types import Part
from kinemacolor.render.manifest import Begin, End, Record, differences, encode_line, read_lines

BEGIN = Begin(made_of={"the input": "café.mov", "--amount": "1.0"})
PART = Part(index=0, first=0, frames=8, name="000000.segment", bytes=100, sha256="ab", last_tick=7, luma_squares=0.1)
RECORD = Record(part=PART, shots=2, limited_samples=3)
LINES = [BEGIN, RECORD, End(frames=8)]


def written():
    return [encode_line(line, BEGIN.identity) for line in LINES]


def test_lines_come_back_as_they_were():
    assert list(read_lines(written())) == LINES
    assert list(read_lines(b"".join(written()).splitlines(keepends=True))) == LINES


def test_a_part_of_a_line_is_no_line():
    """Whatever a power cut leaves of the last line: the part is made again."""
    begin, record, _ = written()
    for size in range(len(record) - 1):  # the end of line itself carries nothing
        assert list(read_lines([begin, record[:size]])) == [BEGIN]


def test_a_changed_byte_is_no_line():
    begin, record, end = written()
    for at in range(len(record) - 1):
        changed = bytearray(record)
        changed[at] ^= 1
        lines = list(read_lines(bytes(b) for b in (begin, changed, end)))
        assert lines in ([BEGIN, End(frames=8)], LINES)  # LINES: a space between two values
        assert lines[1] in (RECORD, End(frames=8))


def test_nothing_counts_without_its_beginning():
    assert list(read_lines(written()[1:])) == []
    other = Begin(made_of={"the input": "another"})
    assert list(read_lines([encode_line(other, other.identity), *written()[1:]])) == [other]


def test_another_version_is_not_read(monkeypatch):
    monkeypatch.setattr("kinemacolor.render.manifest.VERSION", 2)
    newer = written()
    monkeypatch.undo()
    assert list(read_lines(newer)) == []


@pytest.mark.parametrize("line", [b"", b"\n", b"null\n", b"[]\n", b"\xff\xfe\n", json.dumps({"line": "part"}).encode()])
def test_garbage_is_left_out(line):
    begin, record, end = written()
    assert list(read_lines([begin, line, record, end])) == LINES


def test_the_first_difference_is_named():
    assert differences(BEGIN.made_of, {"--amount": "1.0"}) is None
    assert differences(BEGIN.made_of, {"--amount": "0.5"}) == "--amount was 1.0 and is 0.5"
    assert differences(BEGIN.made_of, {"--field": "bob"}) == "--field was not known and is bob"
