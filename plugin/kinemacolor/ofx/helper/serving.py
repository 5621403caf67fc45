"""The helper's loop: takes one request after another and lets the effect answer. Only here its errors end."""

import logging
import time

from kinemacolor.ofx.describe_table import table_hash
from kinemacolor.ofx.helper.channel import Channel, HostGone
from kinemacolor.ofx.helper.effect import Effect, MakeEffect, Outcome, Picture
from kinemacolor.ofx.helper.pixels_memory import SharedPixels
from kinemacolor.ofx.helper.protocol import (
    PROTOCOL_VERSION,
    Abort,
    Analyse,
    Changed,
    Done,
    Envelope,
    Fetch,
    Fetched,
    Gone,
    Heartbeat,
    Hello,
    Progress,
    ProtocolError,
    Render,
    Status,
    Welcome,
)

__all__ = ["serve"]

HEARTBEAT_SECONDS = 0.2
"""Between two heartbeats at least: far below the shim's deadline, and few enough to cost nothing."""
LINE_LIMIT = 1000
"""Letters of a line for the user; the shim shows half of that."""
_LOG = logging.getLogger(__name__)


def serve(channel: Channel, memory: SharedPixels, make_effect: MakeEffect, package_version: str) -> int:
    """Answer requests until the host is gone.

    Args:
        channel: To the shim.
        memory: With the pictures.
        make_effect: What colours them.
        package_version: Told to the shim.

    Returns:
        The exit status.

    Raises:
        ProtocolError: The shim says what it must not; only a new pair of both helps.
    """
    effect = None
    try:
        effect = _greet(channel, make_effect, package_version)
        while effect is not None:
            _answer(channel, memory, effect, channel.receive())
    except HostGone:
        pass
    finally:
        if effect is not None:
            effect.close()
    return 0 if effect is not None else 1


def _greet(channel: Channel, make_effect: MakeEffect, package_version: str) -> Effect | None:
    """Answer Hello; None if there can be no effect. The shim then knows why and closes the channel."""
    first = channel.receive()
    if first is None or not isinstance(first.message, Hello):
        raise ProtocolError("the first message is not Hello")
    welcome = Welcome(PROTOCOL_VERSION, table_hash(), package_version)
    hello = first.message
    if (hello.protocol_version, hello.table_hash) != (welcome.protocol_version, welcome.table_hash):
        # The shim sees the same in our answer, and says so to the user.
        channel.send(first.serial, welcome)
        return None
    try:
        effect = make_effect(hello)
    except Exception as error:  # noqa: BLE001 - the border of the helper: the user must be told
        channel.send(first.serial, Done(Status.FAILED, _told(error)))
        return None
    channel.send(first.serial, welcome)
    _LOG.info("at work for %s %s", hello.host_label or hello.host_name or "a host without a name", hello.host_version)
    return effect


def _answer(channel: Channel, memory: SharedPixels, effect: Effect, envelope: Envelope | None) -> None:
    """One message. Requests end in Done, whatever happens."""
    if envelope is None or isinstance(envelope.message, Abort):
        return  # it came when the answer was under way already
    if isinstance(envelope.message, Gone):
        effect.gone(envelope.message.instance)
        return
    try:
        outcome = _outcome(channel, memory, effect, envelope)
    except (HostGone, ProtocolError):
        raise
    except Exception as error:  # noqa: BLE001 - the border of the helper: the host must get an end
        outcome = Outcome(Status.FAILED, _told(error))
    channel.send(envelope.serial, Done(outcome.status, _line(outcome.text)))


def _outcome(channel: Channel, memory: SharedPixels, effect: Effect, envelope: Envelope) -> Outcome:
    match envelope.message:
        case Render() as request:
            host = _Host(channel, envelope, memory, request)
            return effect.render(request, memory.picture(0, request, envelope.generation), host)
        case Analyse() as request:
            return effect.analyse(request, _Host(channel, envelope))
        case Changed() as request:
            return effect.changed(request, _Host(channel, envelope))
        case _:
            raise ProtocolError(f"{type(envelope.message).__name__} is no request")


def _line(text: str) -> str:
    """A text of any kind as one line that can be sent."""
    flat = " ".join(text.split())[:LINE_LIMIT]
    return flat.encode("utf-8", "replace").decode()


def _told(error: Exception) -> str:
    """One line for the user; what nobody foresaw is in the log with its traceback."""
    text = _line(str(error))
    if text and type(error).__module__.startswith("kinemacolor."):
        _LOG.warning("%s", text)
        return text
    _LOG.error("internal error", exc_info=error)
    return f"internal error, the log says more: {type(error).__name__}: {text}"


class _Host:
    """`HostAccess` for one request."""

    def __init__(
        self, channel: Channel, envelope: Envelope, memory: SharedPixels | None = None, render: Render | None = None
    ) -> None:
        self._channel, self._serial, self._generation = channel, envelope.serial, envelope.generation
        self._memory, self._render = memory, render
        self._aborted = False
        self._said = time.monotonic()

    def heartbeat(self) -> None:
        now = time.monotonic()
        if now - self._said >= HEARTBEAT_SECONDS:
            self._said = now
            self._channel.send(self._serial, Heartbeat())

    def aborted(self) -> bool:
        self.heartbeat()
        while not self._aborted and (envelope := self._channel.receive(0)) is not None:
            self._note(envelope)
        return self._aborted

    def fetch(self, time: float) -> Picture | None:
        if self._memory is None or self._render is None or not self._render.has_temporal_access or self.aborted():
            return None
        self._channel.send(self._serial, Fetch(time))
        while not self._aborted:
            envelope = self._channel.receive()
            if envelope is not None and isinstance(envelope.message, Fetched) and envelope.serial == self._serial:
                return self._memory.picture(1, self._render, self._generation) if envelope.message.present else None
            if envelope is not None:
                self._note(envelope)
        return None

    def progress(self, fraction: float, text: str = "") -> None:
        self._channel.send(self._serial, Progress(fraction, _line(text)))

    def _note(self, envelope: Envelope) -> None:
        """During a request nothing comes but Abort; one that came too late for an earlier request means nothing."""
        if not isinstance(envelope.message, Abort):
            raise ProtocolError(f"{type(envelope.message).__name__} came in the middle of a request")
        self._aborted = self._aborted or envelope.serial == self._serial
