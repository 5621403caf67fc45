"""Colours of frames in order, from the store where it has them and from a server where not: byte for byte the same.

    frame t of the shot that begins at s is stored      it is answered; no server is asked
    t is the first of its shot that is not              a stream is opened at s, s..t-1 go there as pre-roll, then t
    what follows in that shot                           goes to the server too: its memory needs every frame anyway
    the next shot                                       looks into the store again

So a server sees of each shot what it sees of an unbroken render. Frames are sent in one thread and received in another;
streams are opened and ended by the sending one.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kinemacolor.client.errors import ClipLostError, ServerFaultError
from kinemacolor.render.edit_list import EditList
from kinemacolor.store.clip_file import NewColour
from kinemacolor.store.clip_store import ClipStore
from kinemacolor.store.dependency import ColourSettings, Dependency
from kinemacolor.store.look import look_of
from kinemacolor.store.packing import pack
from kinemacolor.store.prints import HistoryHash, Prints, luma_hash, prints_of
from kinemacolor.store.thumb import thumb_of
from kinemacolor.wire.frame import ColorPlanes, FrameNumber
from kinemacolor.wire.limits import DEFAULT_WINDOW_FRAMES
from kinemacolor.wire.shots import is_cut

__all__ = ["ColourStream", "ShotTracker", "StoredStream"]

Proxy = NDArray[np.uint16]


class ColourStream(Protocol):
    """Frames in, colours out in the same order: a `ClipStream`, or what stands in for one."""

    def send(self, frame_number: int, luma: Proxy, pre_roll: bool = False) -> None:
        """Give a frame; blocks while too many are on their way."""

    def receive(self) -> ColorPlanes | None:
        """The colour of the next frame; None behind the last."""

    def send_end(self) -> None:
        """Say that no further frame comes."""

    def end(self) -> object:
        """Wait until everything is answered."""

    def close(self) -> None:
        """Stop at once."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a frame is, and what it is."""

    shot_start: int
    prints: Prints


class ShotTracker:
    """Tells of each frame, in order, in which shot it is. The first frame begins one.

    Args:
        edit_list: Where shots begin; None: where the server will find them to begin.
    """

    def __init__(self, edit_list: EditList | None) -> None:
        self._edit_list = edit_list
        self._previous: Proxy | None = None
        self._shot_start = 0
        self._history: HistoryHash | None = None

    def step(self, number: int, luma: Proxy) -> Place:
        """Take the next frame."""
        if self._begins_shot(number, luma):
            self._shot_start, self._history = number, None
        prints = prints_of(luma_hash(luma), self._history)
        self._previous, self._history = luma, prints.history
        return Place(self._shot_start, prints)

    def _begins_shot(self, number: int, luma: Proxy) -> bool:
        if self._previous is None:
            return True
        if self._edit_list is not None:
            return self._edit_list.start_of(number) == number
        return is_cut(self._previous, luma)


@dataclass(frozen=True, slots=True)
class _Ticket:
    """A frame that is to be received."""

    number: int
    stored: ColorPlanes | None
    stream: ColourStream | None
    """Where its colour will come from if it is not stored."""
    new: Callable[[ColorPlanes], NewColour] | None
    begins_shot: bool


class StoredStream:
    """A `ColourStream`.

    Args:
        store: Of the clip.
        settings: Of the clip, as the server will confirm them.
        tracker: At the first frame that will be sent.
        open_stream: Opens a stream whose first frame is the one given; is given a way to wait, too, which `close` ends.
        replay: The frames from one number to another, both included.
        guides_of: Hash of the guides of the shot that begins with a frame; empty: it has none.
        on_unsaid: Colours must say how sure they are. Called for a stored one that does not; it is coloured again.
            None: it does not matter.
    """

    def __init__(
        self,
        store: ClipStore,
        settings: ColourSettings,
        tracker: ShotTracker,
        open_stream: Callable[[int, Callable[[float], None]], ColourStream],
        replay: Callable[[int, int], Iterable[tuple[int, Proxy]]],
        guides_of: Callable[[int], str] = lambda shot_start: "",
        on_unsaid: Callable[[], None] | None = None,
    ) -> None:
        self._store, self._settings, self._tracker = store, settings, tracker
        self._open_stream, self._replay, self._guides_of = open_stream, replay, guides_of
        self._on_unsaid = on_unsaid
        self._changed = threading.Condition()
        self._tickets: deque[_Ticket] = deque()
        self._is_closed = False
        self._is_ended = False
        self._stream: ColourStream | None = None
        self._streamed_shot = -1
        self._next_streamed = -1
        self.from_store: set[int] = set()
        """Frames that were answered without a server; written by the sending thread."""

    # ---- the sending thread ----

    def send(self, frame_number: int, luma: Proxy, pre_roll: bool = False) -> None:
        """Give the next frame. One that is only pre-roll is not answered.

        Raises:
            ClientError: A server was needed and failed.
        """
        place = self._tracker.step(frame_number, luma)
        if pre_roll:
            return
        if self._stream is None or place.shot_start != self._streamed_shot:
            stored = self._stored(frame_number, place)
            if stored is not None:
                self._end_stream()
                self._add(stored)
                return
            self._begin_shot(place.shot_start, frame_number)
        self._send_on(frame_number, luma, place)

    def send_end(self) -> None:
        """Say that no further frame comes."""
        if self._stream is not None:
            self._stream.send_end()
        with self._changed:
            self._is_ended = True
            self._changed.notify_all()

    def _stored(self, number: int, place: Place) -> _Ticket | None:
        found = self._store.exact(self._dependency(place), number, place.prints)
        if found is None:
            return None
        if found.confidence is None and self._on_unsaid is not None:
            self._on_unsaid()
            return None
        begins_shot = number == place.shot_start
        planes = ColorPlanes(
            frame_number=FrameNumber(number),
            ab=found.ab,
            shot_start=begins_shot,
            provisional=False,
            durable_through=None,
            queue_us=0,
            network_us=0,
            temporal_us=0,
            confidence=found.confidence,
        )
        self.from_store.add(number)
        return _Ticket(number, planes, None, None, begins_shot)

    def _dependency(self, place: Place) -> Dependency:
        return Dependency(self._settings, place.shot_start, self._guides_of(place.shot_start))

    def _begin_shot(self, shot_start: int, number: int) -> None:
        if self._stream is None or number != self._next_streamed or number != shot_start:
            self._end_stream()
            self._open(shot_start)
            if shot_start < number:
                self._replay_onto_stream(shot_start, number - 1)
        self._streamed_shot = shot_start

    def _open(self, first: int) -> None:
        stream = self._open_stream(first, self._sleep)
        with self._changed:
            self._stream = stream
            is_closed = self._is_closed
        if is_closed:
            # Closed while a server was starting, so nobody has seen this stream.
            stream.close()
        self._check_open()

    def _replay_onto_stream(self, first: int, last: int) -> None:
        for number, luma in self._replay(first, last):
            self._check_open()
            if self._stream is not None:
                self._stream.send(number, luma, pre_roll=True)

    def _send_on(self, number: int, luma: Proxy, place: Place) -> None:
        stream = self._stream
        if stream is None:
            raise ClipLostError("the stream was closed")
        dependency = self._dependency(place)

        def new(planes: ColorPlanes) -> NewColour:
            return NewColour(
                dependency=dependency,
                number=number,
                prints=place.prints,
                look=look_of(luma),
                thumb=thumb_of(luma),
                planes=pack(planes.ab, planes.confidence),
            )

        stream.send(number, luma)
        self._next_streamed = number + 1
        self._add(_Ticket(number, None, stream, new, number == place.shot_start), bounded=False)

    def _add(self, ticket: _Ticket, *, bounded: bool = True) -> None:
        """A stream has its own window; stored frames must not fill the memory with frames that wait either."""
        with self._changed:
            while bounded and len(self._tickets) >= DEFAULT_WINDOW_FRAMES and not self._is_closed:
                self._changed.wait()
            self._check_open()
            self._tickets.append(ticket)
            self._changed.notify_all()

    def _end_stream(self) -> None:
        """End the stream in order, if there is one: all that it owes has been received then."""
        stream = self._stream
        if stream is None:
            return
        stream.send_end()
        with self._changed:
            while any(ticket.stream is stream for ticket in self._tickets) and not self._is_closed:
                self._changed.wait()
            self._check_open()
        stream.end()
        stream.close()
        self._stream = None

    def _sleep(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed, seconds)
            self._check_open()

    def _check_open(self) -> None:
        if self._is_closed:
            raise ClipLostError("the stream was closed")

    # ---- the receiving thread ----

    def receive(self) -> ColorPlanes | None:
        """The colour of the next frame; None behind the last one.

        Raises:
            ServerFaultError: The server finds another shot to begin than this side does.
            ClientError: A server failed.
        """
        with self._changed:
            while not self._tickets and not self._is_ended:
                self._check_open()
                self._changed.wait()
            if not self._tickets:
                return None
            ticket = self._tickets[0]
        planes = ticket.stored if ticket.stored is not None else self._from_server(ticket)
        with self._changed:
            self._tickets.popleft()
            self._changed.notify_all()
        return planes

    def _from_server(self, ticket: _Ticket) -> ColorPlanes | None:
        planes = ticket.stream.receive() if ticket.stream is not None else None
        if planes is None or planes.frame_number != ticket.number or planes.provisional:
            return planes  # the caller knows what to say about it
        if planes.shot_start != ticket.begins_shot:
            begins = "begins a shot" if planes.shot_start else "begins no shot"
            raise ServerFaultError(
                f"the server says that frame {ticket.number} {begins}, this program finds the contrary; "
                "render without --store or with --shots"
            )
        if ticket.new is not None:
            self._store.put(ticket.new(planes))
        return planes

    def end(self) -> None:
        """Wait until the server has confirmed that everything is answered; after `send_end`.

        Raises:
            ClientError: It does not.
        """
        if self._stream is not None:
            self._stream.end()
            self._stream.close()

    def close(self) -> None:
        """Stop at once; wakes both threads."""
        with self._changed:
            self._is_closed = True
            stream = self._stream
            self._changed.notify_all()
        if stream is not None:
            stream.close()
