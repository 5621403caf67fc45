"""A part of a film: which frames and packets belong to it, and when they are shown.

A piece begins at time zero, as `ffmpeg -ss` makes it; its timecode names the frame it begins with. Packets of other
tracks belong to it if they begin within its frames.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from kinemacolor.media.timecode import frame_of_timecode, timecode_of_frame
from kinemacolor.media.timing import nearest_tick
from kinemacolor.media.types import SourceInfo, TrackPacket


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Frames `first` to `last`, which begin at `start_seconds` and end before `end_seconds` in the film's own time."""

    first: int
    last: int
    film_first: int
    """Number of the film's first frame."""
    start_seconds: Fraction
    end_seconds: Fraction | None
    """None: the film's last frame is in the piece."""

    def info(self, film: SourceInfo) -> SourceInfo:
        """What the piece is as a film of its own."""
        duration = self.end_seconds - self.start_seconds if self.end_seconds is not None else None
        return replace(
            film,
            frame_count=self.last - self.first + 1,
            duration_seconds=duration,
            timecode=_later(film.timecode, film.frame_rate, self.first - self.film_first),
            chapters=0,
        )

    def place(self, pts: int | None, time_base: Fraction) -> int | None:
        """A time of the film as a time of the piece, in the same unit."""
        return None if pts is None else pts - nearest_tick(1, self.start_seconds, time_base)

    def place_packet(self, packet: TrackPacket) -> TrackPacket | None:
        """The packet at its time in the piece, or None if it lies outside. The payload is changed in place."""
        payload: Any = packet.payload
        time = payload.pts if payload.pts is not None else payload.dts
        if time is None:
            return None
        base = Fraction(payload.time_base)
        seconds = time * base
        if seconds < self.start_seconds or (self.end_seconds is not None and seconds >= self.end_seconds):
            return None
        shift = nearest_tick(1, self.start_seconds, base)
        payload.pts = None if payload.pts is None else payload.pts - shift
        payload.dts = None if payload.dts is None else payload.dts - shift
        return packet


def _later(timecode: str | None, rate: Fraction | None, frames: int) -> str | None:
    if timecode is None or rate is None:
        return timecode
    try:
        return timecode_of_frame(frame_of_timecode(timecode, rate) + frames, rate, drop=";" in timecode)
    except ValueError:
        # A label that the rate does not have cannot be counted on; no timecode is better than a wrong one.
        return None
