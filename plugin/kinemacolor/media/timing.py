"""Times of the output: pts to the nearest tick, and decoding times by one rule over the whole file."""

from collections import deque
from collections.abc import Iterable
from fractions import Fraction

from kinemacolor.media.errors import OutputError
from kinemacolor.media.types import OutputFrame

__all__ = ["DecodeTimes", "FrameClock", "nearest_tick"]


def nearest_tick(value: int, base: Fraction, tick: Fraction) -> int:
    """`value * base` in whole ticks, halves away from zero as FFmpeg's AV_ROUND_NEAR_INF does.

    The copied tracks are rescaled by FFmpeg itself, so both must round alike.
    """
    exact = value * base / tick
    whole = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)
    return whole if exact >= 0 else -whole


class FrameClock:
    """Gives every frame its tick of the output time base; refuses times that do not grow."""

    def __init__(
        self, time_base: Fraction, frame_rate: Fraction | None, *, gaps: bool = True, from_zero: bool = False
    ) -> None:
        self._time_base = time_base
        self._frame_seconds = 1 / frame_rate if frame_rate else None
        self._gaps = gaps
        self._from_zero = from_zero
        self.origin_ticks = 0
        """What is taken off every time so that the first frame is at 0; known after the first frame."""
        self._last: int | None = None
        self._position = 0

    @property
    def last_tick(self) -> int | None:
        """The tick of the latest frame."""
        return self._last

    def go_on(self, position: int, origin_ticks: int, last_tick: int) -> None:
        """Stand where a clock stands that has given their ticks to the first `position` frames of the film."""
        self._position, self.origin_ticks, self._last = position, origin_ticks, last_tick

    @property
    def nominal_ticks(self) -> int:
        """Ticks of one frame at the nominal rate, at least 1."""
        return max(1, nearest_tick(1, self._frame_seconds, self._time_base)) if self._frame_seconds else 1

    def tick(self, frame: OutputFrame) -> int:
        """The presentation time of a frame in ticks. Frames without pts are counted at the nominal rate.

        Raises:
            OutputError: The time is not after the previous frame's, or leaves a gap where none can be.
        """
        tick = self._exact(frame)
        if self._from_zero and self._last is None:
            self.origin_ticks = tick
        tick -= self.origin_ticks
        if self._last is not None and tick <= self._last:
            raise OutputError(
                f"frame {frame.number} would be shown at or before the frame ahead of it "
                f"(tick {tick} after {self._last}, {self._time_base} s each); .mov and .mp4 keep finer times"
            )
        if not self._gaps and self._last is not None and tick != self._last + 1:
            raise OutputError(
                f"the frame rate varies at frame {frame.number} and this container needs a constant one; "
                "use .mov, .mp4 or .mkv"
            )
        self._last = tick
        self._position += 1
        return tick

    def duration(self, frame: OutputFrame) -> int:
        """How long a frame is shown, in ticks; 0 if unknown."""
        if frame.duration is None or frame.duration <= 0:
            return 0
        return nearest_tick(frame.duration, frame.time_base, self._time_base)

    def _exact(self, frame: OutputFrame) -> int:
        if frame.pts is not None:
            return nearest_tick(frame.pts, frame.time_base, self._time_base)
        if self._frame_seconds is None:
            raise OutputError(f"frame {frame.number} has no time and the source has no frame rate")
        return nearest_tick(self._position, self._frame_seconds, self._time_base)


class DecodeTimes:
    """Decoding times: the sorted presentation times, delayed by the encoder's reorder depth.

    One rule for the whole file makes them grow over the joints of segments, whatever the encoder proposes, and also
    with a variable frame rate: packet n cannot show a picture earlier than frame n - depth.
    """

    def __init__(self, depth: int, nominal_ticks: int) -> None:
        self._depth = depth
        self._nominal = nominal_ticks
        self._pts: deque[int] = deque()
        self._done = 0

    def submit(self, pts: Iterable[int]) -> None:
        """Tell the times of the next frames: all of a closed segment, in any order."""
        self._pts.extend(sorted(pts))

    def next(self, pts: int) -> int:
        """The decoding time of the next packet in decoding order, whose presentation time is `pts`.

        Raises:
            OutputError: The encoder reorders deeper than it said.
        """
        early = self._depth - self._done
        dts = self._pts[0] - early * self._nominal if early > 0 else self._pts.popleft()
        self._done += 1
        if dts > pts:
            raise OutputError("the encoder reorders frames deeper than it declared; set -e bf=0")
        return dts
