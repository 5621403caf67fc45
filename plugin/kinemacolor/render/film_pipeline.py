"""Some frames of a film through one server: decode, send, receive, encode, each in its thread, and a few that merge.

    source --decoded--> proxy, send --pending--> receive --merged--> sink
                                                    `-> merge --^

Frames wait at full size in `pending` while the server works on them; the stream's window bounds how many. Merging is
the dearest stage and knows no order, so it has several threads where there are cores; `merged` holds promises in frame
order.
"""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from kinemacolor.client.errors import ServerFaultError
from kinemacolor.media.errors import TruncatedSourceError
from kinemacolor.media.reader import Source
from kinemacolor.media.types import OutputFrame, Part, SourceFrame
from kinemacolor.media.writer import Sink
from kinemacolor.render.colouring import Colouring, Merged
from kinemacolor.render.manifest import Record
from kinemacolor.render.piece import Piece
from kinemacolor.render.pipeline import BoundedQueue, StageClock, Stages
from kinemacolor.render.review_list import FilmReview, seconds_of
from kinemacolor.render.stored_stream import ColourStream
from kinemacolor.wire.frame import ColorPlanes
from kinemacolor.wire.limits import MAX_WINDOW_FRAMES

DECODED_FRAMES = 4
"""Decoded ahead: enough that neither side waits for the other's jitter."""
MERGED_FRAMES = 3
"""Merged ahead of the encoder, beside those that the merging threads work on."""
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
    """Frames that are through, those of an earlier run included."""
    resumed: int = 0
    """Frames that an earlier run had finished."""
    breaks: int = 0
    """How often the server was lost and found again."""
    recomputed: int = 0
    """Frames that the server computed again because of that."""
    shots: int = 0
    queue_us: int = 0
    network_us: int = 0
    temporal_us: int = 0
    started: float = 0.0
    """time.monotonic() of the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The frames that one pass renders, by their numbers in the film."""

    first: int
    last: int | None
    """None: to the end of the film."""
    feed_from: int
    """Where the pass begins to read; what is before `first` only feeds the server's memory."""


@dataclass(frozen=True, slots=True)
class _Merging:
    """A frame on its way through the merging threads."""

    merged: Future[Merged]
    begins_shot: bool


class FilmPipeline:
    """The threads of one pass. `run` may be called once.

    Args:
        source: The film, open at `span.feed_from` or before.
        colouring: Of the film.
        stream: Where its colours come from, open at `span.feed_from`.
        sink: Stands at `span.first`.
        span: Which frames.
        output_first: Number of the output's first frame, which begins a shot whatever the server says.
        piece: The part of the film that the output is; None: all of it.
        tally: Counts on.
        record: Takes every finished part, in the encoding thread.
        clock: Counts on.
        review: Is shown every colour; None: nobody wants a list.
    """

    def __init__(
        self,
        source: Source,
        colouring: Colouring,
        stream: ColourStream,
        sink: Sink,
        *,
        span: Span,
        output_first: int,
        piece: Piece | None,
        tally: Tally,
        record: Callable[[Record], None],
        clock: StageClock,
        review: FilmReview | None = None,
    ) -> None:
        self._source = source
        self._colouring = colouring
        self._stream = stream
        self._sink = sink
        self._span = span
        self._output_first = output_first
        self._piece = piece
        self._record = record
        self._review = review
        self.stages = Stages()
        self.clock = clock
        self.tally = tally
        self.truncated: TruncatedSourceError | None = None
        """Why the input ended early; what had been decoded before it is in the output."""
        self._shots = 0
        self._limited_samples = 0
        abort = self.stages.abort
        self._decoded: BoundedQueue[SourceFrame] = BoundedQueue(DECODED_FRAMES, abort)
        self._pending: BoundedQueue[SourceFrame] = BoundedQueue(MAX_WINDOW_FRAMES, abort)
        mergers = merge_threads()
        self._merged: BoundedQueue[_Merging] = BoundedQueue(MERGED_FRAMES + mergers, abort)
        self._mergers = ThreadPoolExecutor(mergers, thread_name_prefix="kinemacolor-merge")

    def run(self, look_up: Callable[[], None]) -> None:
        """Render everything into the sink, which is left unfinished.

        Args:
            look_up: Called many times a second in the calling thread (progress, signals).

        Raises:
            Exception: What the first failing stage raised. All threads have ended then.
        """
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

    def finish_part(self) -> None:
        """After `run`: complete the last part, which may be shorter than the others."""
        self._take(self._sink.finish())

    def _decode(self) -> None:
        span = self._span
        try:
            items = iter(self._source)
            while True:
                with self.clock.measure("decode"):
                    item = next(items, None)
                if item is None:
                    break
                if not isinstance(item, SourceFrame) or item.number < span.feed_from:
                    continue
                if span.last is not None and item.number > span.last:
                    break
                self._decoded.put(item)
        except TruncatedSourceError as error:
            self.truncated = error
        self._decoded.close()

    def _send(self) -> None:
        for item in self._decoded:
            pre_roll = item.number < self._span.first
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
            color = self._color_of(item)
            if self._review is not None:
                self._review.take(item.number, seconds_of(item), color)
            # A piece may begin inside a shot, which is its first one all the same.
            begins_shot = color.shot_start or item.number == self._output_first
            self.tally.shots += begins_shot
            self._merged.put(_Merging(self._mergers.submit(self._merge, item, color), begins_shot))
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
        tally.queue_us += color.queue_us
        tally.network_us += color.network_us
        tally.temporal_us += color.temporal_us
        return color

    def _merge(self, frame: SourceFrame, color: ColorPlanes) -> Merged:
        with self.clock.measure("merge"):
            return self._colouring.merge(frame, color)

    def _encode(self) -> None:
        for merging in self._merged:
            merged = merging.merged.result()
            self._shots += merging.begins_shot
            self._limited_samples += merged.limited_samples
            with self.clock.measure("encode"):
                part = self._sink.write_frame(self._placed(merged.frame))
            self._take(part)
            self.tally.encoded += 1

    def _take(self, part: Part | None) -> None:
        if part is None:
            return
        self._record(Record(part=part, shots=self._shots, limited_samples=self._limited_samples))
        self._shots = self._limited_samples = 0

    def _placed(self, frame: OutputFrame) -> OutputFrame:
        piece = self._piece
        return frame if piece is None else replace(frame, pts=piece.place(frame.pts, frame.time_base))
