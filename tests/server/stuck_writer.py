"""A server whose disk takes 4 KiB of one snapshot and then no more: it hangs in that write for ever.

    python stuck_writer.py NEXT_FRAME ARGUMENTS...

NEXT_FRAME is the number in the snapshot's name.
"""

import sys
import threading
from pathlib import Path

from kinemacolor.server import state_folder
from kinemacolor.server.main import main

TAKEN_BYTES = 4096


def run(next_frame: int) -> int:
    write = state_folder._write_through

    def write_or_hang(path: Path, data: bytes) -> None:
        if not path.name.startswith(f"{next_frame:019d}-"):
            write(path, data)
            return
        with path.open("xb", buffering=0) as file:
            file.write(data[:TAKEN_BYTES])
            threading.Event().wait()

    state_folder._write_through = write_or_hang
    return main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(run(int(sys.argv[1])))
