"""What a system gives the helper to reach the shim with; `posix.py` and `windows.py` make it."""

from collections.abc import Callable
from typing import NamedTuple

from kinemacolor.ofx.helper.channel import Transport
from kinemacolor.ofx.helper.pixels_memory import Map

__all__ = ["Link"]


class Link(NamedTuple):
    """The two things that the shim leaves to a helper, and how its end is seen."""

    transport: Transport
    map_memory: Map
    wait_for_end: Callable[[], None]
    """Returns when the shim has closed its end. For a thread of its own."""
