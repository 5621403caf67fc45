"""Fault 31: half an hour of everything, KINEMACOLOR_SOAK_MINUTES of it; KINEMACOLOR_SOAK_SEED is another half hour."""

import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from abuse import raw
from box import Box
from film import Film
from gauges import Sample, check_flat, look, table
from soak_faults import FILMS, PLAIN, WEIGHTS, Neighbour, World, send_too_much
from streams import connect

MINUTES = float(os.environ.get("KINEMACOLOR_SOAK_MINUTES", "30"))
SEED = int(os.environ.get("KINEMACOLOR_SOAK_SEED", "31"))
WARM_UP = 80
"""Messages of 8 MB. gRPC's buffers for them grow the heap by 50 MB and then no more; that would hide a slow leak."""
STATE_BYTES = 4 << 20
STATE_SLACK_BYTES = 256 << 10
"""The lock, the epoch, and a file that is being written."""
FLOOD_OF_TIME = 60 * MINUTES + 600


def soak(world: World, neighbour: Neighbour, look_now: Callable[[float, int], Sample]) -> tuple[list[Sample], str]:
    """Provoke fault after fault; a look every minute, and how often each fault was."""
    for _ in range(WARM_UP):
        send_too_much(world)
    samples, counts = [look_now(0.0, 0)], Counter[str]()
    started = time.monotonic()
    while (minutes := (time.monotonic() - started) / 60) < MINUTES:
        [fault] = world.random.choices(list(WEIGHTS), list(WEIGHTS.values()))
        fault(world)
        assert neighbour.error is None
        counts[fault.__name__] += 1
        if minutes >= len(samples):
            samples.append(look_now(minutes, counts.total()))
    samples.append(look_now(MINUTES, counts.total()))
    return samples, ", ".join(f"{name} {times}" for name, times in sorted(counts.items()))


@pytest.mark.soak
@pytest.mark.timeout(FLOOD_OF_TIME)
@pytest.mark.fault(31, "soak")
def test_a_server_that_is_tried_for_long_stays_as_it_was(
    start_server: Callable[..., Any],
    box: Box,
    solo: Callable[[Film], dict[int, str]],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    for film in (*FILMS, PLAIN):
        solo(film)  # two threads ask for them later
    states = tmp_path / "states"
    options = ("--state-dir", str(states), "--snapshot-bytes", str(STATE_BYTES), "--max-clips", "16")
    server = start_server(*options, "--resume-ttl", "20", "--idle", "60", listen="127.0.0.1:0")
    mortal = box.start()

    def look_now(minute: float, rounds: int) -> Sample:
        sample = look(server.process.pid, states, minute, rounds)
        with capsys.disabled():
            lines = list(table([sample]))
            print("\n".join(lines if minute == 0 else lines[1:]), flush=True)  # noqa: T201 - half an hour is long
        return sample

    with connect(server.address) as stub, raw(server.address) as channel:
        world = World(server.address, stub, channel, box, mortal, Random(SEED), solo)
        neighbour = Neighbour(world)
        try:
            samples, counts = soak(world, neighbour, look_now)
        finally:
            neighbour.stop()
    for line in table(samples):
        record_property("figure", line)
    record_property("figure", f"{counts}; {world.frames} frames and {neighbour.films} films beside them equal")
    check_flat(samples, STATE_BYTES + STATE_SLACK_BYTES)
    assert "Traceback" not in server.log
    assert server.stop() == 0
