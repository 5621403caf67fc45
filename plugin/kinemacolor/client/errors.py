"""Errors of the client side. grpc's exceptions are translated to these once, at the border of this package.

The tree, by who can do something about it:

ClientError
+-- ServerUnreachableError   nobody serves at the address (any more); the same request may succeed later
+-- ServerTimeoutError       the server is there but did not answer in time
+-- AccessError              no token or certificate, or none that is taken; or a server that is not trusted
|   +-- AccessFileError      the client's own token or certificate cannot be read
+-- RequestRefusedError      the request breaks the contract or a bound, `reason` says which; again would be vain
+-- ClipLostError            the clip went to a newer stream or was evicted
+-- ServerFaultError         the server failed, or broke the contract itself
    +-- ServerStartError     the private server did not come up
    +-- ServerChangedError   the server came back as one whose colours would not match
    +-- StateLostError       the server came back without the clip's past, and it is not at hand here either
"""

from typing import Protocol

import grpc

from kinemacolor.wire.errors import EXPECTED_KEY, reason_from_metadata
from kinemacolor.wire.reasons import ErrorReason


class ClientError(Exception):
    """Base of all errors of this package. The text is one clear line for a person."""

    reason: ErrorReason | None = None


class ServerUnreachableError(ClientError):
    """Nobody serves at the address: no listener, a server that went away, starts or drains."""

    def __init__(self, message: str, reason: ErrorReason | None = None) -> None:
        super().__init__(message)
        self.reason = reason


class ServerTimeoutError(ClientError):
    """The server did not answer within the deadline."""


class AccessError(ClientError):
    """Who the client is, or the server, could not be shown; it takes a person to change that."""

    def __init__(self, message: str, reason: ErrorReason | None = None) -> None:
        super().__init__(message)
        self.reason = reason


class AccessFileError(AccessError):
    """The client's own token or certificate cannot be read; nobody was asked."""


class RequestRefusedError(ClientError):
    """The server refused the request. `expected` is the frame number it wanted, where it said one."""

    def __init__(self, message: str, reason: ErrorReason | None, expected: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.expected = expected


class ClipLostError(ClientError):
    """The clip's stream lost its clip; `reason` is SUPERSEDED or EVICTED, or None where the stream was cancelled."""

    def __init__(self, message: str, reason: ErrorReason | None = None) -> None:
        super().__init__(message)
        self.reason = reason


class ServerFaultError(ClientError):
    """The server failed on a good request or answered against the contract."""

    def __init__(self, message: str, reason: ErrorReason | None = None) -> None:
        super().__init__(message)
        self.reason = reason


class ServerStartError(ServerFaultError):
    """The private server did not come up; the text carries the reason it gave, `exit_status` how it ended if it did."""

    def __init__(self, message: str, exit_status: int | None = None) -> None:
        super().__init__(message)
        self.exit_status = exit_status


class StateLostError(ServerFaultError):
    """The clip cannot go on where it was: from the start of the shot it can."""


class ServerChangedError(ServerFaultError):
    """The server came back with another model, other weights or another device: its colours would not match."""


class EndedCall(Protocol):
    """What an ended grpc call tells. grpc.RpcError is this at run time, but its stubs do not say so."""

    def code(self) -> grpc.StatusCode:
        """The status."""
        ...

    def details(self) -> str | None:
        """The text of the status."""
        ...

    def trailing_metadata(self) -> tuple[tuple[str, str | bytes], ...] | None:
        """The metadata after the last answer."""
        ...


_REFUSALS = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}


def translate(call: EndedCall, address: str) -> ClientError:
    """The error of our tree for a call that ended with a status other than OK.

    Args:
        call: The call, or the RpcError it raised.
        address: The server's address as the user knows it, for the text.
    """
    code, metadata = call.code(), call.trailing_metadata() or ()
    reason = reason_from_metadata(tuple(metadata))
    text = one_line(call.details() or code.name.lower())
    if code in _REFUSALS:
        return RequestRefusedError(text, reason, _expected(metadata))
    if code is grpc.StatusCode.UNAUTHENTICATED:
        return AccessError(f"the server at {address} refused: {text} (--token-file)", reason)
    if code is grpc.StatusCode.UNAVAILABLE:
        return _unavailable(text, reason, address)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return ServerTimeoutError(f"the server at {address} did not answer in time")
    if code is grpc.StatusCode.ABORTED:
        return ClipLostError(f"the server at {address} gave the clip away: {text}", reason)
    if code is grpc.StatusCode.CANCELLED:
        return ClipLostError("the stream was cancelled")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return ServerFaultError(f"{address} does not speak kinemacolor.v1: {text}")
    return ServerFaultError(f"the server at {address} failed: {text}", reason)


def _unavailable(text: str, reason: ErrorReason | None, address: str) -> ServerUnreachableError:
    if reason is ErrorReason.DRAINING:
        return ServerUnreachableError(f"the server at {address} is draining and takes no new clips", reason)
    return ServerUnreachableError(f"no server at {address} (any more): {text}", reason)


def _expected(metadata: tuple[tuple[str, str | bytes], ...]) -> int | None:
    value = next((value for key, value in metadata if key == EXPECTED_KEY), None)
    return int(value) if isinstance(value, str) and value.isdecimal() else None


def one_line(text: str) -> str:
    """The text without line breaks, cut to 300 characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= 300 else f"{flat[:297]}..."
