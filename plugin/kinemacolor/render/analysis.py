"""A film's colours into the store, without a film that comes out: for hosts that ask for frames in any order.

    source --decoded--> proxy, send --sent--> receive

What the store has already is not coloured again, so an analysis that was interrupted goes on where it was.
"""

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from kinemacolor.client.errors import ServerFaultError, StateLostError
from kinemacolor.client.lasting_stream import Recovery
from kinemacolor.media.errors import SourceError
from kinemacolor.media.output_file import DiskFullPolicy
from kinemacolor.media.reader import Source
from kinemacolor.media.types import SourceFrame
from kinemacolor.render.colour_source import ColourSource
from kinemacolor.render.colours import OpenSession, open_colours
from kinemacolor.render.edit_list import read_edit_list
from kinemacolor.render.film import Film
from kinemacolor.render.film_pipeline import DECODED_FRAMES, Span, Tally
from kinemacolor.render.footage import Footage
from kinemacolor.render.guide_frames import read_guides
from kinemacolor.render.guided import guide_film
from kinemacolor.render.options import ColourOptions
from kinemacolor.render.pipeline import BoundedQueue, Stages
from kinemacolor.render.progress import Display
from kinemacolor.render.proxies import network_geometry, proxy_maker
from kinemacolor.render.report import ReviewReport, plural, review_values
from kinemacolor.render.review_list import FilmReview, check_review_output, seconds_of
from kinemacolor.render.server_streams import Watch
from kinemacolor.render.stored_stream import ColourStream
from kinemacolor.render.tone import read_tone
from kinemacolor.wire.limits import MAX_WINDOW_FRAMES

__all__ = ["AnalysisReport", "analyse", "read_footage"]

_PASSES_IN_VAIN = 3
_STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class AnalysisReport:
    """What an analysis did."""

    frames: int
    frames_from_store: int
    """That were there already."""
    breaks: int
    seconds: float
    review: ReviewReport | None = None
    """None: no list was wanted."""

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0

    def values(self) -> dict[str, object]:
        """For a machine."""
        return {
            "frames": self.frames,
            "frames_from_store": self.frames_from_store,
            "breaks": self.breaks,
            "fps": round(self.fps, 3),
            "elapsed_seconds": round(self.seconds, 3),
            **review_values(self.review),
        }

    def line(self, name: str) -> str:
        """For a person."""
        known = f" ({self.frames_from_store} were there already)" if self.frames_from_store else ""
        return f"{name}: the colours of {plural(self.frames, 'frame')} are stored{known}, {self.fps:.2f} a second"


def read_footage(options: ColourOptions, purpose: str = "analyse") -> Footage:
    """What the network will see of a film.

    Raises:
        SourceError: It cannot be read or honestly coloured.
        OutputError: The list that is wanted of it cannot be written.
        UsageError: The options do not fit it.
    """
    check_review_output(options)
    film = Film(options)
    edit_list = read_edit_list(options.shots, film, options.shots_start) if options.shots is not None else None
    geometry = network_geometry(film.info, options.quality.short_side_px)
    tone = read_tone(options.source, film.info, options.tone)
    asked = read_guides(options.guides, film, geometry)
    return Footage(
        purpose=purpose,
        options=options,
        film=film,
        geometry=geometry,
        make_proxy=proxy_maker(film.info, geometry, tone),
        edit_list=edit_list,
        tone=tone,
        asked=asked,
    )


def analyse(footage: Footage, open_session: OpenSession, display: Display, *, private: bool) -> AnalysisReport:
    """Colour every frame of a film that the store does not have.

    Args:
        footage: The film; its options name the store.
        open_session: Connects to the server, or starts one; only called if a frame is missing.
        display: Is told how it goes; may raise to stop.
        private: True: the server would be a private one with these options.

    Raises:
        ValueError: The options name no store.
        ClientError: The server's side; what was coloured before is stored.
        SourceError: The film cannot be read to its end; as before.
        OutputError: The list that is wanted of it cannot be written; as before.
    """
    if footage.options.store is None:
        raise ValueError("an analysis needs a store")
    return _Analysis(footage, display).run(open_session, private=private)


class _Analysis:
    """One analysis."""

    def __init__(self, footage: Footage, display: Display) -> None:
        self._footage, self._display = footage, display
        self._tally = Tally(started=time.monotonic())
        self._said: queue.SimpleQueue[str] = queue.SimpleQueue()
        """Notes of other threads."""
        wanted, film = footage.options.review, footage.film
        self._review = FilmReview(wanted, film, film.first_number) if wanted is not None else None

    def run(self, open_session: OpenSession, *, private: bool) -> AnalysisReport:
        """All of it."""
        for note in self._notes():
            self._display.note(note)
        self._find_shots()
        watch = Watch(self._said.put, self._note_recovery)
        try:
            with open_colours(self._footage, open_session, watch, private=private) as colours:
                self._pass_again(colours)
                known = colours.frames_from_store
        finally:
            self._look_up()
        tally, listed = self._tally, self._write_review()
        return AnalysisReport(tally.encoded, known, tally.breaks, time.monotonic() - tally.started, listed)

    def _write_review(self) -> ReviewReport | None:
        if self._review is None:
            return None
        last = self._footage.film.first_number + self._tally.encoded - 1
        file, report = self._review.write(last, DiskFullPolicy())
        try:
            file.commit()
        finally:
            file.discard()
        return report

    def _find_shots(self) -> None:
        footage = self._footage
        guided = guide_film(
            footage.asked,
            footage.film,
            footage.make_proxy,
            edit_list=footage.edit_list,
            frames=None,
            display=self._display,
        )
        self._footage = replace(footage, edit_list=guided.edit_list, guidance=guided.guidance)
        self._tally.started = time.monotonic()

    def _notes(self) -> tuple[str, ...]:
        by_list = self._footage.edit_list
        return (*self._footage.tone.notes, *([by_list.note] if by_list is not None else []))

    def _pass_again(self, colours: ColourSource) -> None:
        in_vain = 0
        while True:
            furthest = self._tally.encoded
            try:
                self._pass(colours)
                return
            except StateLostError as error:
                in_vain = in_vain + 1 if self._tally.encoded <= furthest else 0
                if in_vain >= _PASSES_IN_VAIN:
                    raise
                self._said.put(f"{error}; going on from what is stored")

    def _pass(self, colours: ColourSource) -> None:
        film, tally = self._footage.film, self._tally
        first = film.first_number
        span = Span(first=first, last=None, feed_from=first)
        tally.sent = tally.coloured = tally.encoded = 0
        if self._review is not None:
            self._review.begin_pass(first)
        with film.open(first) as source, colours.open(span) as opened:
            _Pass(self._footage, source, opened.stream, tally, self._review).run(self._look_up)
        if not tally.encoded:
            raise SourceError(f"{film.path}: has no frame")
        colours.note_extent(first, first + tally.encoded - 1)

    def _look_up(self) -> None:
        while not self._said.empty():
            self._display.note(self._said.get())
        self._display.update(self._tally, self._footage.film.info.frame_count)

    def _note_recovery(self, recovery: Recovery) -> None:
        self._tally.breaks += 1
        self._tally.recomputed += recovery.frames_again
        self._said.put(f"the server is back after {recovery.seconds:.1f} s")


@dataclass(frozen=True, slots=True)
class _Sent:
    """A frame whose colour is awaited."""

    number: int
    seconds: float
    """As `seconds_of` says."""


class _Pass:
    """The threads of one run through the film."""

    def __init__(
        self, footage: Footage, source: Source, stream: ColourStream, tally: Tally, review: FilmReview | None
    ) -> None:
        self._footage, self._source, self._stream, self._tally = footage, source, stream, tally
        self._review = review
        self._stages = Stages()
        self._decoded: BoundedQueue[SourceFrame] = BoundedQueue(DECODED_FRAMES, self._stages.abort)
        self._sent: BoundedQueue[_Sent] = BoundedQueue(MAX_WINDOW_FRAMES, self._stages.abort)

    def run(self, look_up: Callable[[], None]) -> None:
        """Until the film has ended or something fails."""
        try:
            for name, work in (("decode", self._decode), ("send", self._send), ("receive", self._receive)):
                self._stages.start(name, work)
            self._stages.wait(look_up)
        except BaseException:
            self._stages.abort.throw()
            self._stream.close()
            self._stages.join(_STOP_SECONDS)
            raise

    def _decode(self) -> None:
        for item in self._source:
            if isinstance(item, SourceFrame):
                self._decoded.put(item)
        self._decoded.close()

    def _send(self) -> None:
        for frame in self._decoded:
            self._stream.send(frame.number, self._footage.make_proxy(frame))
            self._tally.sent += 1
            self._sent.put(_Sent(frame.number, seconds_of(frame)))
        self._stream.send_end()
        self._sent.close()

    def _receive(self) -> None:
        for sent in self._sent:
            colour = self._stream.receive()
            if colour is None or colour.frame_number != sent.number or colour.provisional:
                raise ServerFaultError(f"the server did not answer frame {sent.number} with its final colour")
            if self._review is not None:
                self._review.take(sent.number, sent.seconds, colour)
            self._tally.coloured += 1
            self._tally.shots += colour.shot_start
            self._tally.encoded += 1
        self._stream.end()
