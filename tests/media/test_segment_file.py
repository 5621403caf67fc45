import hashlib

import make
import passing
import pytest

from kinemacolor.media.errors import DamagedPartError
from kinemacolor.media.plan import plan_output
from kinemacolor.media.segment_file import SegmentReader, hash_file
from kinemacolor.media.types import EncodeOptions
from kinemacolor.media.writer import open_sink


@pytest.fixture
def segment(tmp_path):
    """A closed segment of five frames, and the part that tells of it."""
    options = EncodeOptions(codec="libx264", segment_frames=5, threads=1)
    plan = plan_output(passing.source_info(), tmp_path / "film.mov", options)
    with open_sink(plan, tmp_path) as sink:
        parts = [
            sink.write_frame(passing.output_frame(plan, number, passing.random_planes(plan, number)))
            for number in range(5)
        ]
    assert parts[:4] == [None] * 4
    return tmp_path / parts[4].name, parts[4]


def test_a_part_says_what_its_file_holds(segment):
    path, part = segment
    data = path.read_bytes()
    assert (part.bytes, part.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert hash_file(path) == part.sha256
    with SegmentReader(path) as reader:
        packets = list(reader.packets())
        assert reader.ticks() == [packet.pts for packet in packets]
    assert packets[0].is_keyframe
    assert len(packets) == part.frames
    assert max(packet.pts for packet in packets) == part.last_tick


def test_a_segment_that_was_cut_off_is_damaged(segment):
    path, _ = segment
    data = path.read_bytes()
    with SegmentReader(path) as reader:
        whole = len(list(reader.packets()))
    for keep in range(0, len(data), 97):
        path.write_bytes(data[:keep])
        try:
            with SegmentReader(path) as reader:
                assert len(list(reader.packets())) < whole  # cut between two packets
        except DamagedPartError:
            continue


def test_a_changed_payload_is_damaged(segment):
    path, _ = segment
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)
    with SegmentReader(path) as reader, pytest.raises(DamagedPartError, match="--resume makes it again"):
        list(reader.packets())


def test_no_segment_is_damaged(tmp_path):
    with pytest.raises(DamagedPartError):
        SegmentReader(tmp_path / "missing.segment")
    film = make.film(tmp_path / "a.mkv").path
    with pytest.raises(DamagedPartError):
        SegmentReader(film)
