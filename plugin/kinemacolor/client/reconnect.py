"""When to try a server again, and how long to wait before: pure."""

from dataclasses import dataclass
from random import Random

from kinemacolor.client.errors import (
    ClientError,
    ClipLostError,
    RequestRefusedError,
    ServerChangedError,
    ServerFaultError,
    ServerStartError,
    ServerTimeoutError,
    ServerUnreachableError,
    StateLostError,
)
from kinemacolor.wire.reasons import ErrorReason

# Clips end and leave their places; what does not fit into the memory now will not fit a second later.
_PASSING_REFUSALS = frozenset((ErrorReason.TOO_MANY_CLIPS,))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconnectPolicy:
    """How stubborn a stream is."""

    patience_seconds: float = 600.0
    """How long a server may be gone; 0 gives up at the first break."""
    first_wait_seconds: float = 0.2
    largest_wait_seconds: float = 10.0
    breaks_without_answer: int = 3
    """So many breaks in a row, without an answer between, and the server is taken for broken."""
    kept_bytes: int = 256 << 20
    """Of frames that no snapshot covers."""


def wait_before(attempt: int, policy: ReconnectPolicy, random: Random) -> float:
    """Seconds before attempt 1, 2, ...: doubling, up to a bound, and no two clients at the same time."""
    longest = min(policy.largest_wait_seconds, policy.first_wait_seconds * 2.0 ** min(attempt - 1, 30))
    return longest * random.uniform(0.5, 1.0)


def may_pass(error: ClientError) -> bool:
    """True if the same request may succeed later."""
    if isinstance(error, ClipLostError):
        return error.reason is ErrorReason.EVICTED
    if isinstance(error, RequestRefusedError):
        return error.reason in _PASSING_REFUSALS
    if isinstance(error, ServerStartError):
        return error.exit_status is not None and error.exit_status < 0  # it was killed, perhaps for want of memory
    if isinstance(error, (ServerChangedError, StateLostError)):
        return False
    return isinstance(error, (ServerUnreachableError, ServerTimeoutError, ServerFaultError))
