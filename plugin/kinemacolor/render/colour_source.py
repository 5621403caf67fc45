"""What a render asks for the colours of its frames."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from kinemacolor.render.film_pipeline import Span
from kinemacolor.render.stored_stream import ColourStream
from kinemacolor.store.clip_file import ServerIdentity

__all__ = ["ColourSource", "Opened"]


@dataclass(frozen=True, slots=True)
class Opened:
    """The colours of one pass."""

    stream: ColourStream
    identity: ServerIdentity
    """Of the server that made them, now or once."""


class ColourSource(Protocol):
    """Gives the colours of one pass after the other."""

    @property
    def frames_from_store(self) -> int:
        """Frames that no server was asked for."""

    def open(self, span: Span) -> AbstractContextManager[Opened]:
        """The colours of a pass, whose frames will be sent from `span.feed_from` on.

        Raises:
            ClientError: The server's side.
            UsageError: The server does not have the model.
        """

    def note_extent(self, first: int, last: int) -> None:
        """Say which are the film's first and last frame."""
