"""`python -m kinemacolor.server`."""

import contextlib
import logging
import os
import signal
import sys
from typing import NoReturn


def _main() -> int:
    # torch takes seconds to import; Ctrl-C ends the process meanwhile, without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Its worker threads spin while they wait for each other. On cores shared with a decoder and an encoder that is
    # ruinous (744 instead of 65 CPU-ms a frame, measured on 2 busy cores), and it must be said before torch loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # gRPC's own library writes what a stranger sends in place of HTTP/2 to stderr, byte by byte, also ends of lines.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    from kinemacolor.server.heap import keep_pages
    from kinemacolor.server.main import main

    keep_pages()
    return main()


def _leave(status: int) -> NoReturn:
    """End the process without taking the interpreter apart.

    By now everything is closed. gRPC's and torch's own threads are not; one that comes back to Python in its last
    moment would abort the process ("terminate called without an active exception", about once in a hundred ends).
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    _leave(_main())
