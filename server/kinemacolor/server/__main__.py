"""`python -m kinemacolor.server`."""

import signal
import sys

if __name__ == "__main__":
    # torch takes seconds to import; Ctrl-C ends the process meanwhile, without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from kinemacolor.server.main import main

if __name__ == "__main__":
    sys.exit(main())
