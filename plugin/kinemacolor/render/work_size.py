"""The size at which the network sees a film: the one asked for, or a smaller one where the user allows that.

The server tries a picture before it opens a clip. With --allow-smaller a size that finds no memory is followed by the
next one below it, before the film's first frame. Everything that depends on the size is made of the one that was taken,
so a film has one size from its first frame to its last: a render that goes on with parts of an earlier run has theirs,
and a server that finds no memory later ends the render.
"""

import signal
from collections.abc import Iterator
from dataclasses import replace

from kinemacolor.client.errors import ClientError, RequestRefusedError, ServerStartError
from kinemacolor.render.errors import UsageError
from kinemacolor.render.identity import size_of
from kinemacolor.render.options import RenderOptions
from kinemacolor.render.parts import parts_made_of
from kinemacolor.render.prepare import Prepared, prepare
from kinemacolor.render.progress import Display
from kinemacolor.render.server_choice import ServerSession
from kinemacolor.render.server_streams import ServerStreams, Watch
from kinemacolor.wire.frame import Geometry
from kinemacolor.wire.reasons import ErrorReason

__all__ = ["SMALLER_PX", "at_size_of_parts", "fitted", "saying_what_helps"]

SMALLER_PX = (256, 224, 192, 160, 128)
"""Short sides that are tried below that of the quality. At 128 a film of 16:9 has the pixels of DeOldify's render
factor 10.7, one of 4:3 those of 9.2; its authors' tools go down to 7."""


def fitted(prepared: Prepared, session: ServerSession, display: Display) -> Prepared:
    """The render at the first size for which the server has memory.

    Args:
        prepared: At the size asked for.
        session: The server.
        display: Is told if another size is taken.

    Raises:
        ClientError: The server's side; RequestRefusedError or ServerStartError if it has no memory for any size.
        UsageError: The server does not have the model, or the model does not do what is wanted.
    """
    refusal: ClientError | None = None
    for tried in _sizes(prepared):
        try:
            if isinstance(refusal, ServerStartError):
                session.connect_again(refusal)
            _try(tried, session, display)
        except ClientError as error:
            if not _is_for_memory(error):
                raise
            refusal = error
            continue
        if refusal is not None:
            asked, taken = prepared.colouring.geometry, tried.colouring.geometry
            display.note(f"no memory for the network at {size_of(asked)}: it sees the film at {size_of(taken)}")
        return tried
    raise refusal if refusal is not None else AssertionError("the size asked for is always tried")


def at_size_of_parts(prepared: Prepared) -> Prepared | None:
    """The render at the size of an earlier run's parts; None if there are none, or they are of no size allowed here.

    Raises:
        MediaError: The input cannot be read any more.
    """
    made_of = parts_made_of(prepared.options.output) if prepared.options.resume else None
    if made_of is None:
        return None
    return next((tried for tried in _sizes(prepared) if tried.sizes.items() <= made_of.items()), None)


def saying_what_helps(
    error: RequestRefusedError | ServerStartError, options: RenderOptions
) -> RequestRefusedError | ServerStartError:
    """The same error; where memory ran out, with the options that need less."""
    if not _is_for_memory(error) or options.allow_smaller:
        return error
    text = f"{error} (--quality draft, another --model or --allow-smaller)"
    if isinstance(error, ServerStartError):
        return ServerStartError(text, error.exit_status)
    return RequestRefusedError(text, error.reason, error.expected)


def _sizes(prepared: Prepared) -> Iterator[Prepared]:
    """The render at the size asked for, and at those below it that can be used; a small film has fewer."""
    yield prepared
    options, last = prepared.options, prepared.colouring.geometry
    for side in SMALLER_PX:
        if side >= options.quality.short_side_px:
            continue
        try:
            smaller = prepare(replace(options, smaller_side_px=side))
        except UsageError:
            continue  # two hints of different colours that lie on one sample here
        if _is_smaller(smaller.colouring.geometry, last):
            last = smaller.colouring.geometry
            yield smaller


def _is_smaller(geometry: Geometry, other: Geometry) -> bool:
    return geometry.samples < other.samples


def _try(prepared: Prepared, session: ServerSession, display: Display) -> None:
    """Open a clip of this size and end it, without a frame.

    Raises:
        ClientError: It cannot be opened.
    """
    streams = ServerStreams(prepared.footage, session, Watch(display.note, lambda recovery: None))
    with streams.open(prepared.first_number) as stream:
        stream.end()


def _is_for_memory(error: ClientError) -> bool:
    """Linux promises memory that it does not have, and ends the server that uses it."""
    if isinstance(error, ServerStartError):
        return error.exit_status == -signal.SIGKILL
    return isinstance(error, RequestRefusedError) and error.reason is ErrorReason.OUT_OF_MEMORY
