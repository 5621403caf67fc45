"""One film through one server: decode, send, receive and merge, encode, each in its thread.

    source --decoded--> proxy, send --pending--> receive, merge --merged--> sink

Frames wait at full size in `pending` while the server works on them; the stream's window bounds how many. Packets of
the copied tracks go through the same queues, so they reach the sink where the file had them.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from kinemacolor.client.errors import ServerFaultError
from kinemacolor.client.stream import ClipStream
from kinemacolor.media.errors import TruncatedSourceError
from kinemacolor.media.reader import Source
from kinemacolor.media.types import OutputFrame, SourceFrame, TrackPacket
from kinemacolor.media.writer import Sink
from kinemacolor.render.colouring import Colouring
from kinemacolor.render.piece import Piece
from kinemacolor.render.pipeline import BoundedQueue, StageClock, Stages

DECODED_FRAMES = 4
"""Decoded ahead: enough that neither side waits for the other's jitter."""
MERGED_FRAMES = 3
_PENDING_ITEMS = 512
"""Frames in `pending` are bounded by the window; this bounds the packets between them."""
_TRACK_LAG_SECONDS = 2
"""How much later than its picture a packet of another track may stand in a file (muxers interleave within a second)."""
_STOP_SECONDS = 20.0
"""For the threads to end after an abort; the longest step is the encoding of one frame."""


@dataclass(slots=True)
class Tally:
    """What has been done so far. Each number is written by one thread only."""

    sent: int = 0
    pre_roll: int = 0
    coloured: int = 0
    encoded: int = 0
    packets: int = 0
    shots: int = 0
    queue_us: int = 0
    network_us: int = 0
    temporal_us: int = 0
    started: float = 0.0
    """time.monotonic() of the start."""


class FilmPipeline:
    """The threads of one render. `run` may be called once."""

    def __init__(
        self, source: Source, colouring: Colouring, stream: ClipStream, sink: Sink, piece: Piece | None
    ) -> None:
        self._source = source
        self._colouring = colouring
        self._stream = stream
        self._sink = sink
        self._piece = piece
        self.stages = Stages()
        self.clock = StageClock()
        self.tally = Tally()
        self.truncated: TruncatedSourceError | None = None
        """Why the input ended early; what had been decoded before it is in the output."""
        abort = self.stages.abort
        self._decoded: BoundedQueue[SourceFrame | TrackPacket] = BoundedQueue(DECODED_FRAMES, abort)
        self._pending: BoundedQueue[SourceFrame | TrackPacket] = BoundedQueue(_PENDING_ITEMS, abort)
        self._merged: BoundedQueue[OutputFrame | TrackPacket] = BoundedQueue(MERGED_FRAMES, abort)

    def run(self, look_up: Callable[[], None]) -> None:
        """Render everything into the sink, which is left unfinished.

        Args:
            look_up: Called many times a second in the calling thread (progress, signals).

        Raises:
            Exception: What the first failing stage raised. All threads have ended then.
        """
        self.tally.started = time.monotonic()
        try:
            for name, work in (
                ("decode", self._decode),
                ("send", self._send),
                ("merge", self._merge),
                ("encode", self._encode),
            ):
                self.stages.start(name, work)
            self.stages.wait(look_up)
        except BaseException:
            self.stages.abort.throw()
            self._stream.close()
            self.stages.join(_STOP_SECONDS)
            raise

    def _decode(self) -> None:
        try:
            items = iter(self._source)
            while True:
                with self.clock.measure("decode"):
                    item = next(items, None)
                if item is None or self._is_behind(item):
                    break
                if self._belongs(item):
                    self._decoded.put(item)
        except TruncatedSourceError as error:
            self.truncated = error
        self._decoded.close()

    def _belongs(self, item: SourceFrame | TrackPacket) -> bool:
        piece = self._piece
        if piece is None or isinstance(item, TrackPacket):
            return True
        return piece.shot_start <= item.number <= piece.last

    def _is_behind(self, item: SourceFrame | TrackPacket) -> bool:
        """True if nothing of the piece can come any more."""
        piece = self._piece
        if piece is None or isinstance(item, TrackPacket) or item.number <= piece.last:
            return False
        if item.pts is None or piece.end_seconds is None:
            return True
        return item.pts * item.time_base >= piece.end_seconds + _TRACK_LAG_SECONDS

    def _send(self) -> None:
        for item in self._decoded:
            if isinstance(item, TrackPacket):
                placed = item if self._piece is None else self._piece.place_packet(item)
                if placed is not None:
                    self._pending.put(placed)
                continue
            pre_roll = self._piece is not None and item.number < self._piece.first
            with self.clock.measure("proxy"):
                proxy = self._colouring.make_proxy(item)
            with self.clock.measure("send"):
                self._stream.send(item.number, proxy, pre_roll)
            if pre_roll:
                self.tally.pre_roll += 1
            else:
                self.tally.sent += 1
                self._pending.put(item)
        self._stream.send_end()
        self._pending.close()

    def _merge(self) -> None:
        for item in self._pending:
            self._merged.put(item if isinstance(item, TrackPacket) else self._coloured(item))
        self._stream.end()
        self._merged.close()

    def _coloured(self, frame: SourceFrame) -> OutputFrame:
        with self.clock.measure("receive"):
            color = self._stream.receive()
        if color is None or color.frame_number != frame.number:
            found = "nothing" if color is None else f"frame {color.frame_number}"
            raise ServerFaultError(f"the server answered {found} where frame {frame.number} was due")
        if color.provisional:
            raise ServerFaultError(f"the colour of frame {frame.number} is provisional; a film takes only final ones")
        with self.clock.measure("merge"):
            merged = self._colouring.merge(frame, color)
        tally = self.tally
        tally.coloured += 1
        # A piece or a resumed clip may begin inside a shot, which is its first one all the same.
        tally.shots += 1 if color.shot_start or tally.coloured == 1 else 0
        tally.queue_us += color.queue_us
        tally.network_us += color.network_us
        tally.temporal_us += color.temporal_us
        if self._piece is None:
            return merged
        return replace(merged, pts=self._piece.place(merged.pts, merged.time_base))

    def _encode(self) -> None:
        for item in self._merged:
            with self.clock.measure("encode"):
                if isinstance(item, TrackPacket):
                    self._sink.write_packet(item)
                    self.tally.packets += 1
                else:
                    self._sink.write_frame(item)
                    self.tally.encoded += 1
