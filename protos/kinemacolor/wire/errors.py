"""One table between error reasons and status codes, read in both directions.

The reason travels in the trailing metadata, so a client decides by it and never by the English text.
"""

import grpc

from kinemacolor.wire.reasons import ErrorReason

REASON_KEY = "kinemacolor-reason"
EXPECTED_KEY = "kinemacolor-expected"


_CODE_BY_TENS = {
    0: grpc.StatusCode.INVALID_ARGUMENT,
    1: grpc.StatusCode.FAILED_PRECONDITION,
    2: grpc.StatusCode.NOT_FOUND,
    3: grpc.StatusCode.RESOURCE_EXHAUSTED,
    4: grpc.StatusCode.UNAVAILABLE,
    5: grpc.StatusCode.ABORTED,
    6: grpc.StatusCode.INTERNAL,
    7: grpc.StatusCode.UNAUTHENTICATED,
}


def status_code(reason: ErrorReason) -> grpc.StatusCode:
    """The status that answers a reason; the .proto numbers its reasons by tens so that the table stays one line."""
    return _CODE_BY_TENS[reason.value // 10]


class WireError(Exception):
    """A request that breaks the contract: `reason`, one line of text, and the expected frame number if any."""

    def __init__(self, reason: ErrorReason, message: str, expected: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.expected = expected

    def trailing_metadata(self) -> tuple[tuple[str, str], ...]:
        """What the server attaches to the status."""
        pairs = ((REASON_KEY, self.reason.name),)
        return pairs if self.expected is None else (*pairs, (EXPECTED_KEY, str(self.expected)))


def reason_from_metadata(metadata: tuple[tuple[str, str | bytes], ...]) -> ErrorReason | None:
    """The reason in a trailing metadata, or None where there is none or an unknown one."""
    name = next((value for key, value in metadata if key == REASON_KEY), None)
    return ErrorReason.__members__.get(name) if isinstance(name, str) else None
