"""The packets of the tracks that are copied, at their times in the output."""

from collections.abc import Iterator
from fractions import Fraction

from kinemacolor.media.errors import TruncatedSourceError
from kinemacolor.media.join import TRACK_LAG_SECONDS
from kinemacolor.media.types import TrackPacket
from kinemacolor.render.film import Film
from kinemacolor.render.piece import Piece


def copied_packets(film: Film, piece: Piece | None, broken_at: Fraction | None) -> Iterator[TrackPacket]:
    """The packets, in the order of the input's file.

    Args:
        film: The input.
        piece: The part of it that the output is; None: all.
        broken_at: Seconds in the output at which an input that broke off ends; None: it is whole.

    Raises:
        TruncatedSourceError: The input breaks off, and nobody said so.
    """
    end = piece.end_seconds if piece is not None else None
    with film.open_tracks(piece.first if piece is not None else None) as source:
        try:
            for packet in source:
                if not isinstance(packet, TrackPacket) or _is_behind(packet, end):
                    return
                placed = packet if piece is None else piece.place_packet(packet)
                if placed is not None and not _is_behind(placed, broken_at, Fraction(0)):
                    yield placed
        except TruncatedSourceError:
            if broken_at is None:
                raise


def _is_behind(packet: TrackPacket, end: Fraction | None, lag: Fraction = Fraction(TRACK_LAG_SECONDS)) -> bool:
    """True if nothing that begins before the end can come after this packet."""
    payload = packet.payload
    time = payload.pts if payload.pts is not None else payload.dts
    return end is not None and time is not None and time * Fraction(payload.time_base) >= end + lag
