"""Feeds a reader with damaged inputs and watches what it takes: errors, memory, time."""

import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from mutate import Mutator

COUNT = int(os.environ.get("KINEMACOLOR_FUZZ_COUNT", "1000"))
"""Inputs for each reader; `make fuzz` asks for 100,000."""
GROWTH_BYTES = 24 << 20
"""Allowed after the first tenth of the inputs: the noise of an allocator, far below one leaked kilobyte for each of
100,000."""
SLOWEST_SECONDS = 2.0
"""CPU time for one input of a few kilobytes."""


def resident_bytes(pid: int | str = "self") -> int:
    """RSS of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def drive(mutator: Mutator, read: Callable[[bytes], str], count: int = COUNT) -> str:
    """Let a reader read.

    Args:
        mutator: Of the inputs.
        read: Reads one; returns one word for what became of it. Whatever it raises is a fault of the reader.
        count: How many inputs.

    Returns:
        One line: inputs, what became of them, memory, time.
    """
    outcomes: Counter[str] = Counter()
    begun, slowest, base = time.monotonic(), 0.0, 0
    for number in range(count):
        data = mutator.next()
        started = time.thread_time()
        try:
            outcomes[read(data)] += 1
        except BaseException as error:
            error.add_note(f"input {number}: {data[:400]!r}")
            raise
        slowest = max(slowest, time.thread_time() - started)
        if number == count // 10:
            base = resident_bytes()
    grown = resident_bytes() - base
    assert grown < GROWTH_BYTES, f"memory grew by {grown >> 10} KB over {count} inputs"
    assert slowest < SLOWEST_SECONDS, f"one input took {slowest:.1f} s"
    became = ", ".join(f"{times} {name}" for name, times in sorted(outcomes.items()))
    seconds = time.monotonic() - begun
    return (
        f"{count} inputs: {became}; RSS {base >> 20} MB {grown / (1 << 20):+.1f} MB; {seconds:.0f} s, "
        f"the slowest input {slowest * 1000:.0f} ms of CPU"
    )
