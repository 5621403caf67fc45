"""Where the colours of a render come from: a server, or the store with a server behind it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from kinemacolor.render.colour_source import ColourSource, Opened
from kinemacolor.render.film_pipeline import Span
from kinemacolor.render.footage import Footage
from kinemacolor.render.server_choice import Session
from kinemacolor.render.server_print import private_server_print
from kinemacolor.render.server_streams import ServerStreams, Watch, identity_of
from kinemacolor.render.stored_colours import StoredColours, clip_key
from kinemacolor.store.clip_store import ClipStore
from kinemacolor.store.folder import StoreFolder

__all__ = ["OpenSession", "open_colours"]

OpenSession = Callable[[], AbstractContextManager[Session]]


@contextmanager
def open_colours(footage: Footage, open_session: OpenSession, watch: Watch, *, private: bool) -> Iterator[ColourSource]:
    """The colours of a film.

    Args:
        footage: The film.
        open_session: Connects to the server, or starts one.
        watch: Is told what happens to the server and the store.
        private: True: the server would be a private one with these options.

    Raises:
        ClientError: The server's side.
        SourceError: The input cannot be read.
    """
    options = footage.options
    with ExitStack() as stack:

        def open_streams() -> ServerStreams:
            return ServerStreams(footage, stack.enter_context(open_session()), watch)

        if options.store is None:
            yield _ServerColours(open_streams())
            return
        folder = StoreFolder(options.store, options.store_bytes)
        label = str(options.source.absolute())
        store = stack.enter_context(ClipStore(folder, clip_key(options), label, watch.say))
        server_print = private_server_print(options.server, options.model) if private else None
        yield StoredColours(footage, open_streams, store, server_print, watch.say)


class _ServerColours:
    """A server colours every frame."""

    frames_from_store = 0

    def __init__(self, streams: ServerStreams) -> None:
        self._streams = streams

    @contextmanager
    def open(self, span: Span) -> Iterator[Opened]:
        """A stream."""
        with self._streams.open(span.feed_from) as stream:
            yield Opened(stream, identity_of(stream.info))

    def note_extent(self, first: int, last: int) -> None:
        """Nobody wants to know."""
