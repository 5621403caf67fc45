"""How many events a minute the clip machine takes, without a server: `python tests/bench/clip_machine.py`."""

import sys
import time

from kinemacolor.server import events as ev
from kinemacolor.server.clip_machine import ClipMachine


def run(frames: int) -> int:
    """Run a clip of `frames` frames through a machine; returns the number of events."""
    machine = ClipMachine(window=8)
    machine.handle(ev.StreamAttached(0))
    lumas = (bytes(2), bytes(4))
    for number in range(frames):
        machine.handle(ev.FrameArrived(number, lumas[number % 2]))
        machine.handle(ev.ProposalDone(number, 1, "proposal", number % 100 == 0))
        machine.handle(ev.StepDone(number, 1, number, number))
    return 3 * frames + 1


if __name__ == "__main__":
    started = time.perf_counter()
    events = run(350_000)
    seconds = time.perf_counter() - started
    sys.stdout.write(f"{events} events in {seconds:.1f} s: {events / seconds * 60 / 1e6:.1f} million a minute\n")
