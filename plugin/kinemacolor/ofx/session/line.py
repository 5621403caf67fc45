"""A clip that is open on the server: one frame goes in, its colour comes out."""

from collections.abc import Iterable

from kinemacolor.client.errors import ServerFaultError
from kinemacolor.client.stream import ClipStream
from kinemacolor.ofx.session.runs import Run
from kinemacolor.picture.proxy import Proxy
from kinemacolor.wire.frame import ColorPlanes

__all__ = ["WIRE_ZERO", "Line"]

WIRE_ZERO = 1 << 32
"""What is added to a host's frame number, which may be negative, to get one for the wire."""


class Line:
    """A stream that stands before one frame.

    Args:
        stream: Open.
        run: What is sent becomes part of it.
        is_final: Whether the shot is known from its beginning on.
    """

    def __init__(self, stream: ClipStream, run: Run, *, is_final: bool) -> None:
        self._stream, self.run, self.is_final = stream, run, is_final
        self.next = stream.info.resume_from - WIRE_ZERO
        """The frame before which it stands."""

    @property
    def is_resumed(self) -> bool:
        """True if the server had a state of the clip to go on from."""
        return self._stream.info.resumed

    def feed(self, frames: Iterable[Proxy]) -> None:
        """Send the next frames; they are not answered.

        Raises:
            ClientError: The server's side.
        """
        for luma in frames:
            self._stream.send(self.next + WIRE_ZERO, luma, pre_roll=True)
            self._advance()

    def step(self, luma: Proxy) -> ColorPlanes:
        """The colour of the next frame.

        Raises:
            ClientError: The server's side.
        """
        self._stream.send(self.next + WIRE_ZERO, luma)
        planes = self._stream.receive()
        if planes is None or planes.frame_number != self.next + WIRE_ZERO:
            raise ServerFaultError("the server answered another frame than the one that was sent")
        self._advance()
        return planes

    def _advance(self) -> None:
        self.run.through = max(self.run.through, self.next)
        self.next += 1

    def close(self) -> None:
        """Leave the clip; its states stay on the server."""
        self._stream.close()

    def end(self) -> None:
        """End the clip; its states are dropped.

        Raises:
            ClientError: The server's side.
        """
        self._stream.end()
        self._stream.close()
