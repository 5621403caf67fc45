"""The colours of a render with a store: what is there is answered, the rest comes from the server and is kept."""

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from kinemacolor.client.errors import ClientError, ServerFaultError
from kinemacolor.client.lasting_stream import LastingStream
from kinemacolor.media.errors import SourceError
from kinemacolor.media.types import SourceFrame
from kinemacolor.render.colour_source import Opened
from kinemacolor.render.film_pipeline import Span
from kinemacolor.render.footage import Footage
from kinemacolor.render.identity import source_values
from kinemacolor.render.options import FilmOptions
from kinemacolor.render.server_streams import ServerStreams, identity_of
from kinemacolor.render.stored_stream import ColourStream, ShotTracker, StoredStream
from kinemacolor.store.clip_file import ServerIdentity
from kinemacolor.store.clip_store import ClipStore
from kinemacolor.store.dependency import ColourSettings

__all__ = ["StoredColours", "clip_key"]


def clip_key(options: FilmOptions) -> str:
    """Names the footage in the store, wherever the file lies: its content, and how frames are made of it.

    Raises:
        SourceError: The input cannot be read.
    """
    values = [*sorted(source_values(options.source).items()), ("bob", options.bob), ("missing", options.missing.value)]
    return blake2b(repr(values).encode(), digest_size=16, person=b"kc clip").hexdigest()


class StoredColours:
    """The store answers what it has.

    The server is asked when a frame is missing, or when nothing else says whether the stored colours are its own.

    Args:
        footage: The film.
        open_streams: Connects to the server, or starts one; called once at most.
        store: Of the film.
        server_print: Names the private server that would be started; None: the server has to be asked who it is.
        say: Takes one line, in whatever thread.
    """

    def __init__(
        self,
        footage: Footage,
        open_streams: Callable[[], ServerStreams],
        store: ClipStore,
        server_print: bytes | None,
        say: Callable[[str], None],
    ) -> None:
        self._footage, self._open_streams = footage, open_streams
        self._store, self._print, self._say = store, server_print, say
        self._has_said = False
        self._streams: ServerStreams | None = None
        self._identity: ServerIdentity | None = None
        self._is_used = False
        """True: colours of that identity are in the film."""
        self._answered: set[int] = set()
        """By the store; a pass that was begun again asks for some frames twice."""

    @property
    def frames_from_store(self) -> int:
        """Frames that no server was asked for."""
        return len(self._answered)

    @contextmanager
    def open(self, span: Span) -> Iterator[Opened]:
        """A stream that begins in the store."""
        ready = self._ready_stream(span)
        identity = self._identity
        if identity is None:
            raise ValueError("a stream has been opened, so the server is known")

        def open_stream(first: int, sleep: Callable[[float], None]) -> ColourStream:
            nonlocal ready
            stream, ready = ready, None
            if stream is not None and stream.info.resume_from == first:
                return stream
            if stream is not None:
                _dismiss(stream)
            return self._open_clip(first, sleep)

        tracker = ShotTracker(self._footage.edit_list)
        stream = StoredStream(
            self._store,
            self._settings(identity),
            tracker,
            open_stream,
            self._replay,
            self._footage.guidance.hash_of,
            self._say_unsaid if self._footage.wants_confidence else None,
        )
        try:
            self._is_used = True
            yield Opened(stream, identity)
        finally:
            stream.close()
            if ready is not None:
                _dismiss(ready)
            self._answered |= stream.from_store

    def note_extent(self, first: int, last: int) -> None:
        """Tell the store, which then knows what it has to have."""
        if self._identity is not None:
            self._store.note_extent(self._settings(self._identity), first, last)

    def _ready_stream(self, span: Span) -> LastingStream | None:
        """Ask the server now unless it can stay asleep; what it is asked with is a stream that will be needed."""
        known = self._identity
        if known is None and self._print is not None:
            known = self._store.server(self._print)
        guided = self._footage.guidance.shots
        if known is not None and self._store.covers(self._settings(known), span.first, span.last, guided):
            self._identity = known
            return None
        return self._open_clip(span.feed_from)

    def _open_clip(self, first_frame: int, sleep: Callable[[float], None] = time.sleep) -> LastingStream:
        if self._streams is None:
            self._streams = self._open_streams()
        stream = self._streams.open(first_frame, sleep)
        try:
            self._check(identity_of(stream.info))
        except BaseException:
            stream.close()
            raise
        return stream

    def _check(self, found: ServerIdentity) -> None:
        if found == self._identity:
            return
        if self._print is not None:
            self._store.remember_server(self._print, found)
        if self._is_used:
            raise ServerFaultError(
                f"the server is {found.model} on {found.device_class} now, the stored colours are of another; "
                "the same command again takes none of them"
            )
        self._identity = found

    def _say_unsaid(self) -> None:
        if not self._has_said:
            self._has_said = True
            self._say("stored colours that do not say how sure they are are coloured again, for the list")

    def _settings(self, identity: ServerIdentity) -> ColourSettings:
        geometry = self._footage.geometry
        return ColourSettings(
            model=identity.model,
            weights_sha256=identity.weights_sha256,
            device_class=identity.device_class,
            transfer=self._footage.transfer,
            width_px=geometry.width_px,
            height_px=geometry.height_px,
            variant=self._footage.options.variant,
        )

    def _replay(self, first: int, last: int) -> Iterator[tuple[int, NDArray[np.uint16]]]:
        """Decode frames of the film again; they are not kept, for a shot may be long.

        Raises:
            SourceError: The film cannot be read up to there.
        """
        film, expected = self._footage.film, first
        with film.open(first) as source:
            for item in source:
                if isinstance(item, SourceFrame) and item.number >= first:
                    yield item.number, self._footage.make_proxy(item)
                    expected = item.number + 1
                    if item.number >= last:
                        return
        raise SourceError(f"{film.path}: ends before frame {expected}, which it had before")


def _dismiss(stream: LastingStream) -> None:
    """End a stream of which nothing was wanted, so that the server keeps nothing of it."""
    with contextlib.suppress(ClientError):
        stream.end()
    stream.close()
