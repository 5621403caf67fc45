"""The helper's side of a start on Windows: a pipe and a section under numbers that are told as arguments.

Run in Wine only, with Windows' own Python; not on Windows itself.
"""

import _winapi
import argparse
import ctypes
import logging
import math
import sys
import time
import weakref
from ctypes import wintypes

from kinemacolor.ofx.helper.link import Link

assert sys.platform == "win32", "only Windows has what this module imports; for the type checker"

__all__ = ["inherited_link", "log_handler"]

_CHUNK_BYTES = 65536
_OPERATION_ABORTED = 995
_FILE_MAP_WRITE = 2
_LOOK_EVERY_SECONDS = 1.0
_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel32.MapViewOfFile.restype = ctypes.c_void_p
_kernel32.MapViewOfFile.argtypes = [
    wintypes.HANDLE, wintypes.DWORD, wintypes.DWORD, wintypes.DWORD, ctypes.c_size_t,
]  # fmt: skip
_kernel32.UnmapViewOfFile.argtypes = [ctypes.c_void_p]


def inherited_link() -> Link | None:
    """What the shim left us; None if it did not start us. It makes sure itself that nothing else is inherited."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pipe", type=int)
    parser.add_argument("--memory", type=int)
    options, _ = parser.parse_known_args()
    if options.pipe is None or options.memory is None or not _is_open(options.pipe):
        return None
    return Link(
        _PipeTransport(options.pipe),
        lambda size: _map_section(options.memory, size),
        lambda: _wait_for_hangup(options.pipe),
    )


class _PipeTransport:
    """A pipe that was opened for overlapped operations: only those have an end before something comes."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def read(self, timeout: float | None) -> bytes | None:
        """As `Transport` says."""
        operation, _ = _winapi.ReadFile(self._handle, _CHUNK_BYTES, overlapped=True)
        wait = _winapi.INFINITE if timeout is None else math.ceil(timeout * 1000)
        try:
            _winapi.WaitForMultipleObjects([operation.event], False, wait)
        finally:
            # Nothing happens if it has come to its end. If it does so only now, its bytes are there all the same.
            operation.cancel()
            _, error = operation.GetOverlappedResult(True)
        return None if error == _OPERATION_ABORTED else operation.getbuffer()

    def write(self, data: bytes) -> None:
        """As `Transport` says."""
        operation, _ = _winapi.WriteFile(self._handle, data, overlapped=True)
        written, _ = operation.GetOverlappedResult(True)
        if written != len(data):
            raise BrokenPipeError(f"{written} of {len(data)} bytes were taken")


def _is_open(pipe: int) -> bool:
    try:
        _winapi.PeekNamedPipe(pipe)
    except OSError:
        return False
    return True


def _wait_for_hangup(pipe: int) -> None:
    """The job that the shim puts us into ends us with the host; this is for a host that only lets go of us."""
    while _is_open(pipe):
        time.sleep(_LOOK_EVERY_SECONDS)


def _map_section(section: int, size: int) -> memoryview:
    """The section's first bytes. Python's own mmap opens sections by name, and this one has none."""
    address = _kernel32.MapViewOfFile(section, _FILE_MAP_WRITE, 0, 0, size)
    if not address:
        raise ctypes.WinError(ctypes.get_last_error())
    view = (ctypes.c_ubyte * size).from_address(address)
    # Pictures that look at it keep it alive; at the end of the process it goes by itself.
    weakref.finalize(view, _kernel32.UnmapViewOfFile, address).atexit = False
    return memoryview(view)


def log_handler(path: str) -> logging.Handler:
    """What writes to the shim's log: what we print goes there, by a handle that lets the shim put the log aside."""
    del path
    return logging.StreamHandler()
