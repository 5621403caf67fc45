"""What an effect is to the helper: it colours pictures in place, and may ask things of the host meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from kinemacolor.ofx.helper.protocol import Analyse, Changed, Hello, Render, Status

__all__ = ["Effect", "EffectError", "HostAccess", "MakeEffect", "Outcome", "Picture"]

Picture = NDArray[Any]
"""(H, W, C), top-down, writable: uint8, uint16, float16 or float32; C is 4 (RGBA) or 3 (RGB). In shared memory."""


class EffectError(Exception):
    """A frame cannot be coloured. The text is one clear line for the user."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a request ended, if it did not raise."""

    status: Status
    text: str = ""
    """The status line."""

    @classmethod
    def final(cls, text: str = "") -> "Outcome":
        """Done, and it will not change any more."""
        return cls(Status.OK, text)

    @classmethod
    def provisional(cls, text: str) -> "Outcome":
        """Done, but the colour may change once the past is known."""
        return cls(Status.PROVISIONAL, text)

    @classmethod
    def aborted(cls) -> "Outcome":
        """Stopped, because the host wanted so."""
        return cls(Status.ABORTED)


class HostAccess(Protocol):
    """The host, while it waits for an answer. Any call may raise `HostGone`; let it pass."""

    def heartbeat(self) -> None:
        """Say that work goes on. Whoever is silent for five seconds is killed; call it as often as you like."""

    def aborted(self) -> bool:
        """Whether the answer is not wanted any more; if so, return soon. Says that work goes on, too."""

    def fetch(self, time: float) -> Picture | None:
        """The source picture at another time, in the size and depth of the one that is rendered.

        It is valid until the next call, and None if the host does not give it or the frame is not wanted any more. The
        host is under no duty to give any: few are (`docs/ofx-bridge.md`).
        """

    def progress(self, fraction: float, text: str = "") -> None:
        """Tell how far an analysis is, 0 to 1."""


class Effect(Protocol):
    """Answers one request at a time, in the helper's main thread.

    An exception of this package's or its neighbours' own kinds becomes the line that the user reads; any other is an
    internal error with a traceback in the log. Either way the frame has no colour and the helper lives on.
    """

    def render(self, request: Render, picture: Picture, host: HostAccess) -> Outcome:
        """Colour the picture in place. What is in it afterwards is shown if the outcome is final or provisional."""

    def analyse(self, request: Analyse, host: HostAccess) -> Outcome:
        """Colour the whole media file into the store."""

    def changed(self, request: Changed, host: HostAccess) -> Outcome:
        """A parameter that is not cheap was changed by the user; the text becomes the status line. Be quick: 10 s."""

    def gone(self, instance: int) -> None:
        """Forget an instance. Not every instance that is gone is told; what is kept for them must have a bound."""

    def close(self) -> None:
        """The host is gone: let go of everything."""


MakeEffect = Callable[[Hello], Effect]
"""Makes the effect when the host is known. May take seconds (imports); an exception tells why it cannot work."""
