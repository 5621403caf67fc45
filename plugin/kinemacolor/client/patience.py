"""Opening a clip on a server that is gone for a while: as often as it takes, for as long as the policy says."""

import time
from collections.abc import Callable
from random import Random

from kinemacolor.client.errors import ClientError, ServerStartError
from kinemacolor.client.reconnect import ReconnectPolicy, may_pass, wait_before
from kinemacolor.client.stream import ClipStream


def open_patiently(
    open_clip: Callable[[ClientError], ClipStream],
    cause: ClientError,
    policy: ReconnectPolicy,
    *,
    sleep: Callable[[float], None],
    random: Random,
) -> ClipStream:
    """Open a clip after something broke.

    Args:
        open_clip: Tries to; is told what went wrong the last time.
        cause: What went wrong first.
        policy: How stubborn to be.
        sleep: Waits so many seconds; may raise.
        random: For the waits.

    Raises:
        ClientError: It cannot be opened, or not in time.
    """
    give_up = time.monotonic() + policy.patience_seconds
    attempt = failed_starts = 0
    while True:
        try:
            return open_clip(cause)
        except ClientError as error:
            attempt += 1
            failed_starts += isinstance(error, ServerStartError)
            left = give_up - time.monotonic()
            if not may_pass(error) or left <= 0 or failed_starts >= policy.breaks_without_answer:
                raise
            cause = error
        sleep(min(left, wait_before(attempt, policy, random)))
