from dataclasses import dataclass
from fractions import Fraction

import pytest

from kinemacolor.media.types import TrackPacket
from kinemacolor.render.piece import Piece, _later


@dataclass
class Payload:
    pts: int | None
    dts: int | None
    time_base: Fraction = Fraction(1, 48000)


PIECE = Piece(
    first=25, last=34, film_first=0, start_seconds=Fraction(1), end_seconds=Fraction(7, 5)
)  # fmt: skip


@pytest.mark.parametrize(
    ("pts", "expected"), [(0, None), (47999, None), (48000, 0), (67199, 19199), (67200, None), (None, None)]
)
def test_packets_belong_by_their_beginning(pts, expected):
    placed = PIECE.place_packet(TrackPacket(track_index=1, payload=Payload(pts, pts)))
    assert (None if placed is None else placed.payload.pts) == expected


def test_a_packet_without_pts_belongs_by_its_dts():
    placed = PIECE.place_packet(TrackPacket(track_index=1, payload=Payload(None, 48010)))
    assert (placed.payload.pts, placed.payload.dts) == (None, 10)


def test_frames_begin_at_zero():
    assert PIECE.place(12800, Fraction(1, 12800)) == 0
    assert PIECE.place(13312, Fraction(1, 12800)) == 512
    assert PIECE.place(None, Fraction(1, 12800)) is None


@pytest.mark.parametrize(
    ("label", "rate", "frames", "expected"),
    [
        ("01:00:00:00", Fraction(25), 30, "01:00:01:05"),
        ("00:00:59;28", Fraction(30000, 1001), 2, "00:01:00;02"),
        ("00:00:00:99", Fraction(25), 1, None),
        (None, Fraction(25), 1, None),
        ("01:00:00:00", None, 1, "01:00:00:00"),
    ],
)
def test_the_timecode_counts_on(label, rate, frames, expected):
    assert _later(label, rate, frames) == expected
