"""The helper's side of a start on Linux and macOS: a socket and a memory under fixed numbers."""

import contextlib
import logging
import mmap
import os
import select
import socket
import stat
from logging.handlers import WatchedFileHandler

from kinemacolor.ofx.helper.channel import SocketTransport
from kinemacolor.ofx.helper.link import Link

__all__ = ["inherited_link", "log_handler"]

SOCKET, MEMORY, FIRST_FREE = 3, 4, 5
"""Where the shim puts what the helper needs, and the first descriptor that cannot be meant for us."""


def inherited_link() -> Link | None:
    """What the shim left us, and nothing else of the host's; None if it did not start us."""
    if not _is_socket(SOCKET):
        return None
    _stand_alone()
    connection = socket.socket(fileno=SOCKET)
    return Link(
        SocketTransport(connection),
        lambda size: mmap.mmap(MEMORY, size),
        lambda: _wait_for_hangup(connection.fileno()),
    )


def _is_socket(descriptor: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError:
        return False


def _stand_alone() -> None:
    """What older systems cannot do at the start: a session of our own, and nothing open that is the host's."""
    with contextlib.suppress(OSError):
        os.setsid()
    os.closerange(FIRST_FREE, os.sysconf("SC_OPEN_MAX"))


def _wait_for_hangup(descriptor: int) -> None:
    hangup = select.poll()
    hangup.register(descriptor, 0)
    hangup.poll()


def log_handler(path: str) -> logging.Handler:
    """What writes to the shim's log."""
    try:
        # The shim puts a log that has grown too large aside; this handler then goes on in the new one.
        if stat.S_ISREG(os.stat(path).st_mode):
            return WatchedFileHandler(path)
    except OSError:
        pass
    # It is where the shim could open it: a terminal, or nowhere.
    return logging.StreamHandler()
