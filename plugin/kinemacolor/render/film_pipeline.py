"""One film through one server: decode, send, receive, encode, each in its thread, and a few threads that merge.

    source --decoded--> proxy, send --pending--> receive --merged--> sink
                                                    `-> merge --^

Frames wait at full size in `pending` while the server works on them; the stream's window bounds how many. Merging is
the dearest stage and knows no order, so it has several threads where there are cores; `merged` holds promises in frame
order. Packets of the copied tracks go through the same queues, so they reach the sink where the file had them.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from kinemacolor.client.errors import ServerFaultError
from kinemacolor.client.stream import ClipStream
from kinemacolor.media.errors import TruncatedSourceError
from kinemacolor.media.reader import Source
from kinemacolor.media.types import OutputFrame, SourceFrame, TrackPacket
from kinemacolor.media.writer import Sink
from kinemacolor.render.colouring import Colouring, Merged
from kinemacolor.render.piece import Piece
from kinemacolor.render.pipeline import BoundedQueue, StageClock, Stages
from kinemacolor.wire.frame import ColorPlanes

DECODED_FRAMES = 4
"""Decoded ahead: enough that neither side waits for the other's jitter."""
MERGED_FRAMES = 3
"""Merged ahead of the encoder, beside those that the merging threads work on."""
_PENDING_ITEMS = 512
"""Frames in `pending` are bounded by the window; this bounds the packets between them."""
_TRACK_LAG_SECONDS = 2
"""How much later than its picture a packet of another track may stand in a file (muxers interleave within a second)."""
_STOP_SECONDS = 20.0
"""For the threads to end after an abort; the longest step is the encoding of one frame."""


def merge_threads() -> int:
    """Threads that merge: a quarter of the cores, 1 to 4. Four keep up with 200 frames a second at 1080p."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(4, cores // 4))


@dataclass(slots=True)
class Tally:
    """What has been done so far. Each number is written by one thread only."""

    sent: int = 0
    pre_roll: int = 0
    coloured: int = 0
    encoded: int = 0
    packets: int = 0
    shots: int = 0
    limited_samples: int = 0
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
        mergers = merge_threads()
        self._merged: BoundedQueue[Future[Merged] | TrackPacket] = BoundedQueue(MERGED_FRAMES + mergers, abort)
        self._mergers = ThreadPoolExecutor(mergers, thread_name_prefix="kinemacolor-merge")

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
                ("receive", self._receive),
                ("encode", self._encode),
            ):
                self.stages.start(name, work)
            self.stages.wait(look_up)
        except BaseException:
            self.stages.abort.throw()
            self._stream.close()
            self.stages.join(_STOP_SECONDS)
            raise
        finally:
            # What is being merged ends by itself within a frame's time.
            self._mergers.shutdown(wait=False, cancel_futures=True)

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

    def _receive(self) -> None:
        for item in self._pending:
            if isinstance(item, TrackPacket):
                self._merged.put(item)
            else:
                self._merged.put(self._mergers.submit(self._merge, item, self._color_of(item)))
        self._stream.end()
        self._merged.close()

    def _color_of(self, frame: SourceFrame) -> ColorPlanes:
        with self.clock.measure("receive"):
            color = self._stream.receive()
        if color is None or color.frame_number != frame.number:
            found = "nothing" if color is None else f"frame {color.frame_number}"
            raise ServerFaultError(f"the server answered {found} where frame {frame.number} was due")
        if color.provisional:
            raise ServerFaultError(f"the colour of frame {frame.number} is provisional; a film takes only final ones")
        tally = self.tally
        tally.coloured += 1
        # A piece or a resumed clip may begin inside a shot, which is its first one all the same.
        tally.shots += 1 if color.shot_start or tally.coloured == 1 else 0
        tally.queue_us += color.queue_us
        tally.network_us += color.network_us
        tally.temporal_us += color.temporal_us
        return color

    def _merge(self, frame: SourceFrame, color: ColorPlanes) -> Merged:
        with self.clock.measure("merge"):
            return self._colouring.merge(frame, color)

    def _encode(self) -> None:
        for item in self._merged:
            if isinstance(item, TrackPacket):
                with self.clock.measure("encode"):
                    self._sink.write_packet(item)
                self.tally.packets += 1
                continue
            merged = item.result()
            with self.clock.measure("encode"):
                self._sink.write_frame(self._placed(merged.frame))
            self.tally.limited_samples += merged.limited_samples
            self.tally.encoded += 1

    def _placed(self, frame: OutputFrame) -> OutputFrame:
        piece = self._piece
        return frame if piece is None else replace(frame, pts=piece.place(frame.pts, frame.time_base))
