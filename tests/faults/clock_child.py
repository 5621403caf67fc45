"""A server whose wall clock is off by what a file says, in seconds, at each look.

python clock_child.py FILE ARGUMENTS...
"""

import sys
import time
from pathlib import Path

from kinemacolor.server.main import main


def run(path: Path) -> int:
    seconds, nanoseconds = time.time, time.time_ns

    def offset() -> int:
        return int(path.read_text())

    time.time = lambda: seconds() + offset()
    time.time_ns = lambda: nanoseconds() + offset() * 1_000_000_000
    return main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1])))
