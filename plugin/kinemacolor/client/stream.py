"""One clip on its way through a server: frames in by `send`, colour out in frame order by `receive`.

Three threads meet here: the caller's sending one, the caller's receiving one (they may be the same), and one of ours
that reads the answers off the wire. Everything they share is under one condition; what is legal is decided by
`Flight`, which knows no threads.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Iterator
from itertools import chain
from types import TracebackType
from typing import Protocol, Self, cast

import grpc
import numpy as np
from numpy.typing import NDArray

from kinemacolor.client.errors import (
    ClientError,
    ClipLostError,
    EndedCall,
    RequestRefusedError,
    ServerFaultError,
    ServerTimeoutError,
    translate,
)
from kinemacolor.client.flight import Flight, FlightError
from kinemacolor.client.requests import ClipSummary, OpenedClip, OpenRequest, Timeouts
from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire import codec, limits
from kinemacolor.wire.errors import WireError
from kinemacolor.wire.frame import ColorPlanes
from kinemacolor.wire.reasons import ErrorReason


class StreamCall(Protocol):
    """The part of a grpc bidirectional call that is used here; tests pass their own."""

    def __iter__(self) -> Iterator[pb.StreamFramesResponse]:
        """The answers; ends with OK or raises grpc.RpcError."""
        ...

    def cancel(self) -> object:
        """End the call at once."""
        ...


class OpenStreamCall(Protocol):
    """Starts the call over an iterator of requests."""

    def __call__(self, requests: Iterator[pb.StreamFramesRequest], /) -> StreamCall:
        """Start the call."""
        ...


class ClipStream:
    """A clip that is open on a server. Made by `ColorizeClient.open_clip`; a context manager, closed once.

    Sending and receiving may happen in two threads, one each. With one thread only, ask `free_slots` before `send`:
    a frame occupies the window until its answer has been taken.
    """

    def __init__(self, start: OpenStreamCall, request: OpenRequest, address: str, timeouts: Timeouts) -> None:
        self._address = address
        self._timeouts = timeouts
        self._geometry = request.geometry
        self._changed = threading.Condition()
        self._outgoing: queue.SimpleQueue[pb.StreamFramesRequest | None] = queue.SimpleQueue()
        self._answers: deque[ColorPlanes] = deque()
        self._flight: Flight | None = None
        self._opened: OpenedClip | None = None
        self._summary: ClipSummary | None = None
        self._error: ClientError | None = None
        self._end_sent = False
        self._answered = 0
        self._heard_at = time.monotonic()
        self._call = start(chain(request.messages(), iter(self._outgoing.get, None)))
        self._reader = threading.Thread(target=self._read, name="kinemacolor-answers", daemon=True)
        self._reader.start()
        self._info = self._wait_opened(request)

    @property
    def info(self) -> OpenedClip:
        """What the server said when it opened the clip."""
        return self._info

    @property
    def free_slots(self) -> int:
        """Frames that `send` takes now without blocking."""
        with self._changed:
            return self._flight.free if self._flight is not None else 0

    def send(self, frame_number: int, luma: NDArray[np.uint16], pre_roll: bool = False) -> None:
        """Send one frame; blocks while the window is full.

        Args:
            frame_number: The number after the last one (the first: `info.resume_from`).
            luma: (H, W) of the clip's geometry; black 0, white 65535.
            pre_roll: True: the frame feeds the memory and is not answered.

        Raises:
            ValueError: Another shape or number than the stream's next: the caller's mistake.
            ServerTimeoutError: The window is full and the server has been silent for `Timeouts.frame`.
            ClientError: The stream has ended.
        """
        shape = (self._geometry.height_px, self._geometry.width_px)
        if luma.shape != shape:
            raise ValueError(f"luma must be {shape}, found {luma.shape}")
        message = pb.Frame(frame_number=frame_number, pre_roll=pre_roll, luma=codec.encode_luma(luma))
        with self._changed:
            flight = self._flight_now()
            while flight.free < 1:
                self._check_alive()
                self._wait_for_server(flight)
            self._check_alive()
            if flight.waiting_for_server == 0:
                self._heard_at = time.monotonic()
            flight.sent(frame_number, pre_roll)
            self._outgoing.put(pb.StreamFramesRequest(frame=message))
            # A receiver that waits for nobody's frame waits for the server's answer from now on.
            self._changed.notify_all()

    def seek(self, frame_number: int) -> int:
        """Go on at another frame; to be called when every frame that was sent has been answered.

        Args:
            frame_number: The frame whose colour is wanted next.

        Returns:
            The first frame to send: those before `frame_number` as pre-roll. It is `frame_number` itself if the server
            has the state there.

        Raises:
            ValueError: Answers are due: the caller's mistake.
            RequestRefusedError: With `ErrorReason.SHOT_UNKNOWN`: the server has nothing of this shot; open the clip
                again at a shot start.
            ClientError: The stream has ended, or the server is silent.
        """
        with self._changed:
            flight = self._flight_now()
            self._check_alive()
            flight.seeking(frame_number)
            self._heard_at = time.monotonic()
            self._outgoing.put(pb.StreamFramesRequest(seek=pb.Seek(frame_number=frame_number)))
            while flight.sought is not None:
                self._check_alive()
                self._wait_silence(self._timeouts.frame)
            return flight.next_frame

    def receive(self) -> ColorPlanes | None:
        """The colour of the next frame, or None after the last one of a clip that `send_end` closed.

        Blocks until it is there. Waiting for the server has a deadline; waiting for a frame that nobody sends has none.

        Raises:
            ServerTimeoutError: The server owes an answer and has been silent for `Timeouts.frame`.
            ClientError: The stream has ended before its end; answers that had arrived were given first.
        """
        with self._changed:
            flight = self._flight_now()
            while not self._answers:
                if self._error is not None:
                    raise self._error
                if self._summary is not None:
                    return None
                self._wait_for_server(flight)
            flight.taken()
            self._changed.notify_all()
            return self._answers.popleft()

    def __iter__(self) -> Iterator[ColorPlanes]:
        """The colour of all frames, in order, until the clip has ended."""
        while (planes := self.receive()) is not None:
            yield planes

    def send_end(self) -> None:
        """Say that the clip is complete, once. Answers go on; `receive` returns None after the last one."""
        with self._changed:
            if self._end_sent:
                return
            self._check_alive()
            if self._flight_now().waiting_for_server == 0:
                self._heard_at = time.monotonic()
            self._end_sent = True
            self._outgoing.put(pb.StreamFramesRequest(end_clip=pb.EndClip()))

    def end(self) -> ClipSummary:
        """Say that the clip is complete and wait until the server has answered everything.

        Raises:
            ServerTimeoutError: No `clip_ended` while the server was silent for `Timeouts.end`.
            ClientError: The stream broke.
        """
        self.send_end()
        with self._changed:
            while self._summary is None:
                if self._error is not None:
                    raise self._error
                self._wait_silence(self._timeouts.end)
            return self._summary

    def close(self) -> None:
        """End the stream now; what is in flight is dropped. After `end` nothing is lost. May be called twice."""
        self._fail(ClipLostError("the stream was closed"))
        self._call.cancel()
        self._outgoing.put(None)
        self._reader.join(self._timeouts.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- waiting, always under the condition ----

    def _flight_now(self) -> Flight:
        if self._flight is None:
            raise self._error or ClipLostError("the stream is not open")
        return self._flight

    def _check_alive(self) -> None:
        if self._error is not None:
            raise self._error
        if self._end_sent:
            raise ValueError("the clip has been ended already")

    def _wait_for_server(self, flight: Flight) -> None:
        if flight.waiting_for_server or self._end_sent:
            self._wait_silence(self._timeouts.frame)
        else:
            self._changed.wait()

    def _wait_silence(self, seconds: float) -> None:
        left = self._heard_at + seconds - time.monotonic()
        if left <= 0:
            raise ServerTimeoutError(f"the server at {self._address} has been silent for {seconds:.0f} s")
        self._changed.wait(left)

    def _wait_opened(self, request: OpenRequest) -> OpenedClip:
        try:
            with self._changed:
                while self._opened is None:
                    if self._error is not None:
                        raise self._error
                    self._wait_silence(self._timeouts.open)
                _check_opened(self._opened, request)
                return self._opened
        except BaseException:
            self.close()
            raise

    # ---- the reading thread ----

    def _read(self) -> None:
        try:
            for response in self._call:
                self._take(response)
            self._fail(ServerFaultError(f"the server at {self._address} closed the stream before the clip had ended"))
        except (WireError, FlightError) as error:
            self._fail(ServerFaultError(f"the server at {self._address} broke the contract: {error}"))
        except grpc.RpcError as error:
            self._fail(translate(cast(EndedCall, error), self._address))
        finally:
            # The request iterator ends with the call, whatever ended it.
            self._outgoing.put(None)
            self._call.cancel()

    def _fail(self, error: ClientError) -> None:
        with self._changed:
            if self._error is None and self._summary is None:
                self._error = error
            self._changed.notify_all()

    def _take(self, response: pb.StreamFramesResponse) -> None:
        with self._changed:
            self._heard_at = time.monotonic()
            kind = response.WhichOneof("message")
            if self._opened is None:
                self._take_opened(kind, response)
            elif kind == "color_frame":
                self._take_color(response.color_frame)
            elif kind == "progress":
                self._flight_now().consumed(response.progress.consumed_through)
            elif kind == "need_frames":
                self._flight_now().needed(response.need_frames.first, response.need_frames.last)
            elif kind == "frame_error":
                self._take_frame_error(response.frame_error)
            elif kind == "clip_ended":
                self._take_ended(response.clip_ended)
            else:
                raise FlightError(f"{kind or 'an unknown message'} was not asked for")
            self._changed.notify_all()

    def _take_opened(self, kind: str | None, response: pb.StreamFramesResponse) -> None:
        if kind != "clip_opened":
            raise FlightError(f"the first answer must be clip_opened, found {kind}")
        opened = OpenedClip.from_message(response.clip_opened)
        if not 1 <= opened.window <= limits.MAX_WINDOW_FRAMES:
            raise FlightError(f"the window must be 1 to {limits.MAX_WINDOW_FRAMES} frames, found {opened.window}")
        self._flight = Flight(opened.window, opened.resume_from)
        self._opened = opened

    def _take_color(self, message: pb.ColorFrame) -> None:
        planes = codec.decode_color_frame(message, self._geometry)
        self._flight_now().answered(planes.frame_number)
        self._answers.append(planes)
        self._answered += 1

    def _take_frame_error(self, message: pb.FrameError) -> None:
        reason = ErrorReason(message.reason) if message.reason in {item.value for item in ErrorReason} else None
        text = f"frame {message.frame_number} has no colour: {message.message}"
        is_fault = reason is None or reason in (ErrorReason.STEP_FAILED, ErrorReason.INTERNAL)
        self._error = ServerFaultError(text, reason) if is_fault else RequestRefusedError(text, reason)

    def _take_ended(self, message: pb.ClipEnded) -> None:
        if not self._end_sent or not self._flight_now().settled:
            raise FlightError("the clip ended before all its frames were answered")
        if message.frames_answered != self._answered:
            raise FlightError(f"the server counts {message.frames_answered} answers, {self._answered} arrived")
        self._summary = ClipSummary(message.frames_answered, message.shots)


def _check_opened(opened: OpenedClip, request: OpenRequest) -> None:
    if opened.clip_key != request.clip_key:
        raise ServerFaultError(f"the server opened clip {opened.clip_key!r}, asked for {request.clip_key!r}")
    if opened.resumed and request.restart:
        raise ServerFaultError("the server resumed a clip that was to be restarted")
    if not opened.resumed and opened.resume_from != request.first_frame:
        raise ServerFaultError(f"the server starts at frame {opened.resume_from}, asked for {request.first_frame}")
