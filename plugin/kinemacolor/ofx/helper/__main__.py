"""The helper's start: `python -I -m kinemacolor.ofx.helper`, by the shim, which leaves it a connection and a memory."""

import faulthandler
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from importlib.metadata import version

from kinemacolor.ofx.helper.channel import Channel
from kinemacolor.ofx.helper.choosing import EFFECT_VARIABLE, chosen_effect
from kinemacolor.ofx.helper.pixels_memory import SharedPixels
from kinemacolor.ofx.helper.protocol import ProtocolError
from kinemacolor.ofx.helper.serving import serve

if sys.platform == "win32":
    from kinemacolor.ofx.helper.windows import inherited_link, log_handler
else:
    from kinemacolor.ofx.helper.posix import inherited_link, log_handler

GRACE_SECONDS = 5.0
"""From the end of the host to the end of a helper that does not see it."""
LOG_VARIABLE = "KINEMACOLOR_OFX_LOG"
_LOG = logging.getLogger(__name__)


def main() -> int:
    """Serve until the host is gone."""
    link = inherited_link()
    if link is None:
        sys.stderr.write("kinemacolor: this program is started by the OpenFX effect, not by hand\n")
        return 2
    _open_log()
    faulthandler.enable()
    threading.Thread(target=_leave_after, args=(link.wait_for_end,), daemon=True).start()
    try:
        return serve(
            Channel(link.transport),
            SharedPixels(link.map_memory),
            chosen_effect(os.environ.get(EFFECT_VARIABLE, "")),
            version("kinemacolor"),
        )
    except ProtocolError as error:
        _LOG.error("the effect and its helper do not understand each other: %s", error)
        return 1


def _open_log() -> None:
    handler = log_handler(os.environ.get(LOG_VARIABLE, ""))
    formatter = logging.Formatter("%(asctime)s %(process)d helper: %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _leave_after(wait_for_end: Callable[[], None]) -> None:
    """End the process some time after the host is gone, even if an effect hangs. In a thread of its own."""
    wait_for_end()
    time.sleep(GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
