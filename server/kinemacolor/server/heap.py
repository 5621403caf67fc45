"""The C library's heap, told to keep what it has: the networks ask for the same large buffers for every frame."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of `mallopt`, from glibc's malloc.h."""
_KEPT_BYTES = 1 << 30
_LARGEST_MMAP_THRESHOLD = 32 << 20
"""The most that glibc takes."""


def keep_pages() -> None:
    """Give buffers of a frame back to the system only above a gigabyte. Does nothing where the C library is not glibc.

    Pages that are given back come again zeroed, one fault each: on two cores shared with a render the networks took 61
    to 68 instead of 52 to 54 core-milliseconds a frame (1080p, five interleaved runs). What is kept is bounded by what
    the process needed at its peak.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
