"""`python -m kinemacolor.server`."""

import os
import signal
import sys


def _main() -> int:
    # torch takes seconds to import; Ctrl-C ends the process meanwhile, without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Its worker threads spin while they wait for each other. On cores shared with a decoder and an encoder that is
    # ruinous (744 instead of 65 CPU-ms a frame, measured on 2 busy cores), and it must be said before torch loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from kinemacolor.server.heap import keep_pages
    from kinemacolor.server.main import main

    keep_pages()
    return main()


if __name__ == "__main__":
    sys.exit(_main())
