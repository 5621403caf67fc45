"""The colours of the pictures that a host shows, in whatever order, without a file to look the others up in.

    the same picture again            the colour that it was given; a provisional one only if no better can be had now
    the next one                      the network takes a step; a host that can show the frame before is asked for it,
                                      for what lies before the effect may have been changed
    any other                         the server goes back to a state before it, and is sent the frames since: those
                                      that the host has shown, or shows now if it can (temporal access)
    with unknown frames before it     a provisional colour, by a clip of its own, so that nothing final is disturbed

A colour is final if every frame of its shot up to it is known, and the shot's beginning: a cut, the first frame of the
clip, or a list of shots. Only then is it that of a render in order.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import uuid4

import numpy as np

from kinemacolor.client.errors import ClientError
from kinemacolor.client.requests import OpenRequest
from kinemacolor.client.stream import ClipStream
from kinemacolor.ofx.session.line import WIRE_ZERO, Line
from kinemacolor.ofx.session.memory import KeptColours, SeenPictures
from kinemacolor.ofx.session.past import Past, PastOf, Walk, walk_back
from kinemacolor.ofx.session.runs import Run, Runs
from kinemacolor.ofx.session.values import FINAL, Asked, Colour, Verdict
from kinemacolor.picture.proxy import Proxy
from kinemacolor.store.prints import luma_hash
from kinemacolor.wire.frame import ColorPlanes, FrameNumber, Geometry, GuideFrame

__all__ = ["Connection", "LiveColours", "LiveSettings"]

_SNAPSHOT_FRAMES = 24
_RUNS = 64
_GUESS_FRAMES = 8
"""Frames before a provisional one that are sent along if they are known."""
_UNKNOWN_PAST = Verdict(False, "the frames before it are not known")
_STILL_UNKNOWN = Verdict(False, "its shot was entered in the middle")


class Connection(Protocol):
    """A server that may go and come back."""

    def open_clip(self, request: OpenRequest) -> ClipStream:
        """Open a clip; waits for a server that is gone, for a while.

        Raises:
            ClientError: It cannot be opened, or not in time.
        """

    def recover(self, error: ClientError, patience_seconds: float) -> None:
        """Wait until the server is back after a break.

        Raises:
            ClientError: `error`, if that will not pass; or it stays away.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSettings:
    """What makes the colours; others mean another session."""

    geometry: Geometry
    transfer: int
    """Code point of ITU-T H.273 table 3."""
    model: str
    """Empty: the server's default."""
    variant: int = 1
    want_confidence: bool = False
    shot_starts: tuple[int, ...] | None = None
    """By the host's numbers; None: cuts are detected."""
    guides: tuple[GuideFrame, ...] = ()
    """By the same numbers, in order; only with `shot_starts`."""
    alone: bool = False
    """True: every frame is a shot of its own."""
    client_name: str
    search_frames: int
    """How far back the beginning of a shot is looked for."""
    patience_seconds: float = 600.0
    """How long the server may be gone."""
    memory_bytes: int = 256 << 20
    """For pictures that were seen, and as much for colours that were given."""


class LiveColours:
    """The colours of one instance and purpose. For one thread at a time.

    Args:
        connection: To the server.
        settings: Of the colours.
    """

    def __init__(self, connection: Connection, settings: LiveSettings) -> None:
        self._connection, self._settings = connection, settings
        self._seen, self._kept, self._runs = self._nothing()
        self._final: Line | None = None
        self._guess: Line | None = None
        self.changed = 0
        """How often another picture came at a frame number that was known: everything was begun anew then."""

    def colour(self, asked: Asked, fetch: Callable[[int], Proxy | None] | None) -> Colour:
        """The colour of a picture.

        Args:
            asked: The picture.
            fetch: Asks the host for the luma of another frame; None: it cannot. May raise to stop.

        Raises:
            ClientError: The server's side.
        """
        name = luma_hash(asked.luma)
        known = self._kept.of(asked.number, name)
        if known is not None and known.verdict.is_final:
            return known
        is_same = self._seen.add(asked.number, name, asked.luma)
        if not is_same or self._has_changed_before(asked.number, fetch):
            self._begin_anew()
            self._seen.add(asked.number, name, asked.luma)
        colour = self._patiently(asked, PastOf(self._seen, fetch), known)
        self._kept.put(asked.number, name, colour)
        return colour

    def _has_changed_before(self, number: int, fetch: Callable[[int], Proxy | None] | None) -> bool:
        """Whether the frame before a step is another one now: what lies before the effect was changed meanwhile."""
        if fetch is None or self._final is None or self._final.next != number or self._settings.alone:
            return False
        seen = self._seen.at(number - 1)
        shown = fetch(number - 1) if seen is not None else None
        return seen is not None and shown is not None and not np.array_equal(seen, shown)

    def note(self, asked: Asked) -> None:
        """Remember a picture whose colour nobody wants: what comes after it may depend on it."""
        if not self._seen.add(asked.number, luma_hash(asked.luma), asked.luma):
            self._begin_anew()

    def learn(self, other: "LiveColours") -> None:
        """Know the pictures that another one was shown of the same clip."""
        self._seen.learn(other._seen)

    def close(self) -> None:
        """Leave the server. May be called while another thread is in `colour`, which then fails."""
        for line in (self._final, self._guess):
            if line is not None:
                line.close()

    def _begin_anew(self) -> None:
        self.changed += 1
        self._drop_lines()
        self._seen, self._kept, self._runs = self._nothing()

    def _nothing(self) -> tuple[SeenPictures, KeptColours, Runs]:
        limit_bytes = self._settings.memory_bytes
        return SeenPictures(limit_bytes), KeptColours(limit_bytes), Runs(_RUNS)

    def _drop_lines(self) -> None:
        self.close()
        self._final = self._guess = None

    def _patiently(self, asked: Asked, past: Past, known: Colour | None) -> Colour:
        while True:
            try:
                return self._once(asked, past, known)
            except ClientError as error:
                # The server has states of the runs, on disk if it was killed; where not, they are begun again.
                self._drop_lines()
                self._connection.recover(error, self._settings.patience_seconds)

    def _once(self, asked: Asked, past: Past, known: Colour | None) -> Colour:
        if self._final is not None and self._final.next == asked.number and not self._settings.alone:
            return self._step(self._final, asked)
        walk = self._walk(asked, past)
        line = self._line_to(asked, walk, past)
        if line is not None:
            self._final = line
            return self._step(line, asked)
        if known is not None:
            return known
        if self._guess is None or self._guess.next != asked.number:
            self._guess = self._open_guess(asked, walk)
        return self._step(self._guess, asked)

    def _step(self, line: Line, asked: Asked) -> Colour:
        planes = line.step(asked.luma)
        if planes.shot_start and not line.is_final and line.run.start < asked.number:
            self._promote(line, asked.number)
        verdict = FINAL if line.is_final else _STILL_UNKNOWN if line.run.start < asked.number else _UNKNOWN_PAST
        return _colour_of(planes, verdict)

    def _promote(self, line: Line, number: int) -> None:
        """A cut: from here on the shot is known from its beginning."""
        line.run.start, line.is_final = number, True
        self._runs.add(line.run)
        self._leave_final()
        self._final, self._guess = line, None

    # ---- ways to a frame ----

    def _walk(self, asked: Asked, past: Past) -> Walk:
        starts = self._settings.shot_starts

        def is_start(number: int) -> bool:
            is_listed = starts is not None and number in starts
            return number == asked.first_number or is_listed or self._settings.alone

        def is_enough(first: int) -> bool:
            """A state lies before `first`; and before frames as far back as the server's snapshots are apart."""
            run = self._runs.leading_to(asked.number) or self._runs.leading_to(first)
            if run is None:
                return False
            return first <= max(run.start, min(asked.number, run.through + 1) - _SNAPSHOT_FRAMES)

        return walk_back(
            asked.number,
            asked.luma,
            past,
            at_most=self._settings.search_frames,
            is_start=is_start,
            is_enough=is_enough,
            detects=starts is None,
        )

    def _line_to(self, asked: Asked, walk: Walk, past: Past) -> Line | None:
        """A line that stands before the frame, its shot known; None if there is no way."""
        run = self._runs.leading_to(asked.number) or self._runs.leading_to(walk.first)
        if run is not None and not self._settings.alone:
            line = self._resume(run, asked, walk)
            if line is not None:
                return line
            # The server has lost its states: from the beginning of the shot, if that is within reach.
            self._runs.remove(run)
            walk = self._walk(asked, past)
        return self._begin(walk) if walk.begins_shot else None

    def _resume(self, run: Run, asked: Asked, walk: Walk) -> Line | None:
        earliest = max(run.start, walk.first)
        line = Line(self._open(run.key, first=asked.number, earliest=earliest), run, is_final=True)
        if not line.is_resumed:
            line.end()
            return None
        self._leave_final()
        line.feed(walk.frames[line.next - walk.first :])
        return line

    def _begin(self, walk: Walk) -> Line:
        line = self._new_line(walk.first, is_final=True)
        self._leave_final()
        self._runs.add(line.run)
        line.feed(walk.frames)
        return line

    def _leave_final(self) -> None:
        """Its states stay on the server, which can be gone back to."""
        if self._final is not None:
            self._final.close()
            self._final = None

    def _open_guess(self, asked: Asked, walk: Walk) -> Line:
        if self._guess is not None:
            line, self._guess = self._guess, None
            line.end()
        frames = walk.frames[-_GUESS_FRAMES:]
        line = self._new_line(asked.number - len(frames), is_final=False)
        line.feed(frames)
        return line

    def _new_line(self, first: int, *, is_final: bool) -> Line:
        run = Run(f"effect-{uuid4().hex}", first, first - 1)
        return Line(self._open(run.key, first=first), run, is_final=is_final)

    def _open(self, key: str, *, first: int, earliest: int | None = None) -> ClipStream:
        settings = self._settings
        starts = settings.shot_starts
        return self._connection.open_clip(
            OpenRequest(
                clip_key=key,
                geometry=settings.geometry,
                transfer=settings.transfer,
                model=settings.model,
                variant=settings.variant,
                first_frame=first + WIRE_ZERO,
                earliest_frame=None if earliest is None else earliest + WIRE_ZERO,
                restart=earliest is None,
                want_confidence=settings.want_confidence,
                shot_starts=None if starts is None else tuple(start + WIRE_ZERO for start in starts),
                guides=tuple(_on_the_wire(guide) for guide in settings.guides),
                client_name=settings.client_name,
                is_interactive=True,
            )
        )


def _on_the_wire(guide: GuideFrame) -> GuideFrame:
    return replace(guide, frame_number=FrameNumber(guide.frame_number + WIRE_ZERO))


def _colour_of(planes: ColorPlanes, verdict: Verdict) -> Colour:
    return Colour(planes.ab, planes.confidence, verdict)
