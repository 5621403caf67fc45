"""A server that kills itself (SIGKILL) while it saves a snapshot, just before it gives a whole file its name.

    python server_child.py COUNT ARGUMENTS...

COUNT is how many snapshots get their names before.
"""

import os
import signal
import sys

from kinemacolor.server.main import main

SNAPSHOT = ".safetensors.partial"


def run(count: int) -> int:
    rename, calls = os.rename, [0]

    def rename_or_die(source: object, target: object) -> None:
        if str(source).endswith(SNAPSHOT):
            if calls[0] == count:
                os.kill(os.getpid(), signal.SIGKILL)
            calls[0] += 1
        rename(source, target)  # type: ignore[arg-type]

    os.rename = rename_or_die  # type: ignore[assignment]
    return main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(run(int(sys.argv[1])))
