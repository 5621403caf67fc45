"""The helper's start: `python -I -m kinemacolor.ofx.helper`, by the shim, which leaves it a socket and a memory."""

import contextlib
import faulthandler
import logging
import mmap
import os
import select
import socket
import stat
import sys
import threading
import time
from importlib.metadata import version
from logging.handlers import WatchedFileHandler

from kinemacolor.ofx.helper.channel import Channel, SocketTransport
from kinemacolor.ofx.helper.choosing import EFFECT_VARIABLE, chosen_effect
from kinemacolor.ofx.helper.pixels_memory import SharedPixels
from kinemacolor.ofx.helper.protocol import ProtocolError
from kinemacolor.ofx.helper.serving import serve

SOCKET, MEMORY, FIRST_FREE = 3, 4, 5
"""Where the shim puts what the helper needs, and the first descriptor that cannot be meant for us."""
GRACE_SECONDS = 5.0
"""From the end of the host to the end of a helper that does not see it."""
LOG_VARIABLE = "KINEMACOLOR_OFX_LOG"
_LOG = logging.getLogger(__name__)


def main() -> int:
    """Serve until the host is gone."""
    if not _is_socket(SOCKET):
        sys.stderr.write("kinemacolor: this program is started by the OpenFX effect, not by hand\n")
        return 2
    _stand_alone()
    _open_log()
    faulthandler.enable()
    connection = socket.socket(fileno=SOCKET)
    threading.Thread(target=_leave_after, args=(connection.fileno(),), daemon=True).start()
    try:
        return serve(
            Channel(SocketTransport(connection)),
            SharedPixels(lambda size: mmap.mmap(MEMORY, size)),
            chosen_effect(os.environ.get(EFFECT_VARIABLE, "")),
            version("kinemacolor"),
        )
    except ProtocolError as error:
        _LOG.error("the effect and its helper do not understand each other: %s", error)
        return 1


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


def _open_log() -> None:
    handler = _log_handler(os.environ.get(LOG_VARIABLE, ""))
    formatter = logging.Formatter("%(asctime)s %(process)d helper: %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _log_handler(path: str) -> logging.Handler:
    try:
        # The shim puts a log that has grown too large aside; this handler then goes on in the new one.
        if stat.S_ISREG(os.stat(path).st_mode):
            return WatchedFileHandler(path)
    except OSError:
        pass
    # It is where the shim could open it: a terminal, or nowhere.
    return logging.StreamHandler()


def _leave_after(descriptor: int) -> None:
    """End the process some time after the host is gone, even if an effect hangs. In a thread of its own."""
    hangup = select.poll()
    hangup.register(descriptor, 0)
    hangup.poll()
    time.sleep(GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
