"""The streams of one film on its server, each of which outlives its connection."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from kinemacolor.client.errors import ClientError
from kinemacolor.client.lasting_stream import LastingStream, Recovery
from kinemacolor.client.patience import open_patiently
from kinemacolor.client.reconnect import ReconnectPolicy, may_pass
from kinemacolor.client.requests import OpenedClip, OpenRequest
from kinemacolor.client.stream import ClipStream
from kinemacolor.render.footage import Footage
from kinemacolor.render.server_choice import Session, check_model, refuse_unable
from kinemacolor.store.clip_file import ServerIdentity, Terms

__all__ = ["ServerStreams", "Watch", "identity_of"]


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told of what happens on the way; called in whatever thread it happens."""

    say: Callable[[str], None]
    """Takes one line."""
    recovered: Callable[[Recovery], None]
    """Told of a server that is back."""


class ServerStreams:
    """Opens one stream after the other.

    Args:
        footage: The film.
        session: The server, which is there.
        watch: Is told of breaks.

    Raises:
        UsageError: The server does not have the model, or the model does not do what is wanted.
        ClientError: No answer.
    """

    def __init__(self, footage: Footage, session: Session, watch: Watch) -> None:
        self._footage, self._session, self._watch = footage, session, watch
        model = check_model(session.client, footage.options.model)
        guides, variant = footage.guidance.guides, footage.options.variant
        refuse_unable(model, guides, variant, wants_confidence=footage.wants_confidence)
        self._model = model.name
        self._policy = ReconnectPolicy(patience_seconds=footage.options.server.patience_seconds)
        self._random = Random()

    def open(self, first_frame: int, sleep: Callable[[float], None] = time.sleep) -> LastingStream:
        """A stream of a clip that begins with this frame.

        Args:
            first_frame: Begins a shot.
            sleep: Waits for a server that has gone since the last stream; may raise.

        Raises:
            ClientError: The clip cannot be opened, or not in time.
        """
        is_open = False

        def open_clip(request: OpenRequest, broken_by: ClientError | None) -> ClipStream:
            nonlocal is_open
            stream = self._session.open_clip(request, broken_by) if is_open else self._open_first(request, sleep)
            is_open = True
            return stream

        return LastingStream(
            open_clip,
            self._request(first_frame),
            policy=self._policy,
            on_break=self._say_break,
            on_recovery=self._watch.recovered,
            random=self._random,
        )

    def _open_first(self, request: OpenRequest, sleep: Callable[[float], None]) -> ClipStream:
        """Between two streams nobody notices that a server goes, so a new one has to be as patient as an open one."""
        started = time.monotonic()
        try:
            return self._session.open_clip(request)
        except ClientError as error:
            if not may_pass(error) or self._policy.patience_seconds <= 0:
                raise
            self._say_break(str(error))
            cause = error
        stream = open_patiently(
            lambda broken_by: self._session.open_clip(request, broken_by),
            cause,
            self._policy,
            sleep=sleep,
            random=self._random,
        )
        self._watch.recovered(Recovery(str(cause), 0, time.monotonic() - started))
        return stream

    def _say_break(self, cause: str) -> None:
        self._watch.say(f"{cause}; trying again, for {self._policy.patience_seconds:.0f} seconds at most")

    def _request(self, first_frame: int) -> OpenRequest:
        footage = self._footage
        return OpenRequest(
            clip_key=f"{footage.purpose}-{uuid.uuid4().hex}",
            geometry=footage.geometry,
            transfer=footage.transfer,
            model=self._model,
            first_frame=first_frame,
            want_confidence=footage.wants_confidence,
            shot_starts=footage.edit_list.starts if footage.edit_list is not None else None,
            guides=footage.guidance.guides,
            variant=footage.options.variant,
            client_name=footage.client_name,
        )


def identity_of(opened: OpenedClip) -> ServerIdentity:
    """Who the server said it is."""
    return ServerIdentity(opened.model, opened.weights_sha256, opened.device_class, Terms(opened.licence, opened.terms))
