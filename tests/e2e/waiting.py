"""Waiting for what another process does."""

import time


def wait_until(condition, seconds=60.0):
    give_up = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < give_up, "the condition did not come true in time"
        time.sleep(0.02)
    return found
