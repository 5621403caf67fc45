"""`python -m kinemacolor.server`."""

import sys

from kinemacolor.server.main import main

if __name__ == "__main__":
    sys.exit(main())
