"""A clip that outlives its connection: the face of `ClipStream`, over as many streams as it takes.

The frames that no snapshot of the server covers are kept. When a stream breaks, the clip is opened again, the server
says where it can go on, and the frames since are sent again, those already answered as pre-roll: every answer is given
once, in order, with the bytes of an unbroken stream.

Threads: the caller's sending and receiving ones, one here that sends and connects again (`_run`), and one per stream
that collects its answers. Everything they share is under one condition.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from kinemacolor.client.errors import (
    ClientError,
    ClipLostError,
    ServerChangedError,
    ServerFaultError,
    StateLostError,
)
from kinemacolor.client.kept_frames import KeptFrame, KeptFrames
from kinemacolor.client.patience import open_patiently
from kinemacolor.client.reconnect import ReconnectPolicy, may_pass
from kinemacolor.client.requests import ClipSummary, OpenedClip, OpenRequest
from kinemacolor.client.stream import ClipStream
from kinemacolor.wire.frame import ColorPlanes

_HANDED_OVER = 2
"""Frames that wait here for the stream to take them."""
_STOP_SECONDS = 5.0


class OpenClip(Protocol):
    """Opens the clip."""

    def __call__(self, request: OpenRequest, broken_by: ClientError | None, /) -> ClipStream:
        """Open it, over a new connection if `broken_by` says how the last one ended.

        Raises:
            ClientError: It cannot be opened (now).
        """
        ...


@dataclass(frozen=True, slots=True)
class Recovery:
    """One break that was got over."""

    cause: str
    """One line."""
    frames_again: int
    """Frames that the server computes a second time."""
    seconds: float


class LastingStream:
    """A clip on a server that may go and come back. A context manager, closed once.

    Args:
        open_clip: Opens the clip, again and again.
        request: Of the clip. Its first frame begins a shot.
        policy: How stubborn to be.
        on_break: Told of a break, in one line, before the first try.
        on_recovery: Told when the clip goes on.
        random: For the waits.

    Raises:
        ClientError: The clip could not be opened the first time.
    """

    def __init__(
        self,
        open_clip: OpenClip,
        request: OpenRequest,
        *,
        policy: ReconnectPolicy,
        on_break: Callable[[str], None] = lambda text: None,
        on_recovery: Callable[[Recovery], None] = lambda recovery: None,
        random: Random | None = None,
    ) -> None:
        self._open_clip, self._request, self._policy = open_clip, request, policy
        self._on_break, self._on_recovery = on_break, on_recovery
        self._random = random if random is not None else Random()
        self._stream = open_clip(request, None)
        self._info = self._stream.info
        first = self._info.resume_from
        self._changed = threading.Condition()
        self._kept = KeptFrames(first, policy.kept_bytes)
        self._cursor: int = first
        """The next frame for the present stream."""
        self._answered_before: int = first
        """Frames before this one are sent as pre-roll, since their answers are here."""
        self._shot_start: int = first
        self._unanswered: deque[int] = deque()
        self._answers: deque[ColorPlanes] = deque()
        self._answer_count = self._shots = self._breaks = 0
        self._end_wanted = self._end_sent = self._is_recovering = self._is_closed = False
        self._summary: ClipSummary | None = None
        self._error: BaseException | None = None
        self._broken: ClientError | None = None
        self._collector = self._collect_from(self._stream)
        self._sender = threading.Thread(target=self._run, name="kinemacolor-sender", daemon=True)
        self._sender.start()

    @property
    def info(self) -> OpenedClip:
        """What the server said when it opened the clip the first time."""
        return self._info

    def send(self, frame_number: int, luma: NDArray[np.uint16], pre_roll: bool = False) -> None:
        """Send one frame, which must not be changed afterwards; blocks while the window is full.

        Raises:
            ValueError: Another number than the next.
            ClientError: The clip is lost.
        """
        with self._changed:
            if frame_number != self._kept.end:
                raise ValueError(f"the next frame is {self._kept.end}, found {frame_number}")
            self._changed.wait_for(lambda: self._error is not None or self._takes_frames)
            self._check()
            if self._end_wanted:
                raise ValueError("the clip has been ended already")
            self._kept.add(KeptFrame(frame_number, luma, pre_roll))
            if not pre_roll:
                self._unanswered.append(frame_number)
            if not self._is_recovering:  # what a server was promised that is asked where it can go on, must stay
                self._kept.make_room(min(self._due, self._cursor))
            self._changed.notify_all()

    def receive(self) -> ColorPlanes | None:
        """The colour of the next frame, or None after the last one of a clip that `send_end` closed.

        Raises:
            ClientError: The clip is lost; answers that had arrived were given first.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._answers or self._summary is not None or self._error is not None)
            if self._answers:
                self._changed.notify_all()
                return self._answers.popleft()
            self._check()
            return None

    def __iter__(self) -> Iterator[ColorPlanes]:
        """The colour of all frames, in order, until the clip has ended."""
        while (planes := self.receive()) is not None:
            yield planes

    def send_end(self) -> None:
        """Say that the clip is complete. The server hears of it when all answers are here: it is needed until then."""
        with self._changed:
            self._check()
            self._end_wanted = True
            self._changed.notify_all()

    def end(self) -> ClipSummary:
        """Say that the clip is complete and wait until the server has answered everything.

        Raises:
            ClientError: The clip is lost.
        """
        self.send_end()
        with self._changed:
            self._changed.wait_for(lambda: self._summary is not None or self._error is not None)
            if self._summary is None:
                self._check()
            return ClipSummary(self._answer_count, self._shots)

    def close(self) -> None:
        """End the stream now; what is in flight is dropped. After `end` nothing is lost. May be called twice."""
        if self._is_closed:
            return
        self._is_closed = True
        self._fail(ClipLostError("the stream was closed"))
        self._stream.close()
        self._sender.join(_STOP_SECONDS)
        self._collector.join(_STOP_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- under the condition ----

    @property
    def _takes_frames(self) -> bool:
        in_flight = len(self._unanswered) + len(self._answers)
        return in_flight < self._info.window and self._kept.end - self._cursor < _HANDED_OVER

    @property
    def _due(self) -> int:
        """The first frame whose answer is wanted and not here."""
        return self._unanswered[0] if self._unanswered else self._kept.end

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            if self._error is None and self._summary is None:
                self._error = error
            self._changed.notify_all()

    # ---- answers: one thread for each stream ----

    def _collect_from(self, stream: ClipStream) -> threading.Thread:
        thread = threading.Thread(target=self._collect, args=(stream,), name="kinemacolor-collector", daemon=True)
        thread.start()
        return thread

    def _collect(self, stream: ClipStream) -> None:
        try:
            for planes in stream:
                self._take(planes)
            with self._changed:
                self._summary = ClipSummary(self._answer_count, self._shots)
                self._changed.notify_all()
        except ClientError as error:
            self._note_break(stream, error)
        except BaseException as error:  # noqa: BLE001 - carried to the callers, who raise it
            self._fail(error)

    def _take(self, planes: ColorPlanes) -> None:
        with self._changed:
            if planes.frame_number != self._due:
                raise ServerFaultError(f"the server answered frame {planes.frame_number} where {self._due} was due")
            self._unanswered.popleft()
            self._answers.append(planes)
            self._answer_count += 1
            self._breaks = 0
            if planes.shot_start:
                self._shots += 1
                self._shot_start = planes.frame_number
            if planes.durable_through is not None:
                self._kept.drop_before(min(planes.durable_through + 1, self._due, self._cursor))
            self._changed.notify_all()

    def _note_break(self, stream: ClipStream, error: ClientError) -> None:
        with self._changed:
            if self._end_sent and self._summary is None:
                # Every answer is here, only the server's good-bye is missing.
                self._summary = ClipSummary(self._answer_count, self._shots)
            elif stream is self._stream:
                self._broken = error
            self._changed.notify_all()

    # ---- frames, and connecting again: one thread ----

    def _run(self) -> None:
        try:
            while self._send_next():
                pass
        except BaseException as error:  # noqa: BLE001 - carried to the callers, who raise it
            self._fail(error)

    def _send_next(self) -> bool:
        """Send a frame or the end, or mend a break; False when there is nothing left to do."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_done or self._has_work)
            if self._is_done:
                return False
            if self._broken is not None and self._is_complete:
                # Every answer is here, only the server's good-bye is missing.
                self._summary = ClipSummary(self._answer_count, self._shots)
                self._changed.notify_all()
                return False
            broken, frame = self._broken, None
            if self._cursor < self._kept.end:
                frame = self._kept.get(self._cursor)
            self._end_sent = broken is None and frame is None
        try:
            if broken is not None:
                raise broken
            if frame is None:
                self._stream.send_end()
                return False
            is_known = frame.number < self._answered_before
            self._stream.send(frame.number, frame.luma, frame.pre_roll or is_known)
        except ClientError as error:
            if not self._end_sent:
                self._recover(error)
            return not self._end_sent
        with self._changed:
            self._cursor += 1
            self._changed.notify_all()
        return True

    @property
    def _is_done(self) -> bool:
        return self._error is not None or self._summary is not None

    @property
    def _has_work(self) -> bool:
        return self._broken is not None or self._cursor < self._kept.end or self._is_complete

    @property
    def _is_complete(self) -> bool:
        """True if the caller sends no more and has had, or can take, the answers to all that he sent."""
        return self._end_wanted and not self._unanswered

    def _recover(self, error: ClientError) -> None:
        """Open the clip again, as often as it takes.

        Raises:
            ClientError: It cannot be, or not in time.
        """
        started = time.monotonic()
        policy = self._policy
        with self._changed:
            self._breaks += 1
            self._is_recovering = True
        if not may_pass(error) or policy.patience_seconds <= 0 or self._breaks > policy.breaks_without_answer:
            raise error
        self._stream.close()
        self._collector.join()
        self._on_break(str(error))
        stream = open_patiently(self._open_again, error, policy, sleep=self._sleep, random=self._random)
        self._on_recovery(Recovery(str(error), self._go_on_with(stream), time.monotonic() - started))

    def _open_again(self, broken_by: ClientError) -> ClipStream:
        """The clip at a place from which the frames that are kept lead on."""
        due, earliest = self._due, self._kept.earliest
        request = replace(self._request, first_frame=due, earliest_frame=min(earliest, due), restart=False)
        stream = self._open_clip(request, broken_by)
        self._check_same(stream)
        if stream.info.resumed or due == self._shot_start:
            return stream
        stream.close()
        if self._shot_start < earliest:
            text = f"the server has lost the clip's state, and frame {self._shot_start}, where its shot began, is gone"
            raise StateLostError(text)
        request = replace(self._request, first_frame=self._shot_start, earliest_frame=None, restart=True)
        stream = self._open_clip(request, None)
        self._check_same(stream)
        return stream

    def _check_same(self, stream: ClipStream) -> None:
        """Close the stream and raise if its answers would not be those of the first one."""
        try:
            self._compare(stream.info)
        except BaseException:
            stream.close()
            raise

    def _compare(self, info: OpenedClip) -> None:
        before = self._info
        for what, old, new in (
            ("model", before.model, info.model),
            ("weights", before.weights_sha256, info.weights_sha256),
            ("device", before.device_class, info.device_class),
        ):
            if old != new:
                raise ServerChangedError(f"the server came back with another {what}: {old} before, {new} now")
        if info.window < before.window:
            raise StateLostError(f"the server came back with a window of {info.window} frames, {before.window} before")
        if info.resumed and not self._kept.earliest <= info.resume_from <= self._due:
            raise ServerFaultError(f"the server goes on at frame {info.resume_from}, which it was not offered")

    def _go_on_with(self, stream: ClipStream) -> int:
        """Make it the stream; returns how many frames the server computes again."""
        with self._changed:
            reached = self._cursor
            self._stream, self._broken, self._is_recovering = stream, None, False
            self._cursor = stream.info.resume_from
            self._answered_before = self._due
            self._collector = self._collect_from(stream)
            self._changed.notify_all()
        if self._error is not None:
            stream.close()
        return max(reached - stream.info.resume_from, 0)

    def _sleep(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None, seconds)
            self._check()
