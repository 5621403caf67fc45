"""Faults 19 and 20: a device that has no memory, fails for good, or does not come back."""

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from box import Box
from film import Client, Film, snapshots
from streams import wait_until

from kinemacolor.server.device_faults import is_device_lost
from kinemacolor.server.watchdog import EXIT_STATUS, Watchdog

FILM = Film(frames=60, cuts=())
CHILD = Path(__file__).with_name("device_child.py")
Solo = Callable[[Film], dict[int, str]]
BROKEN = pytest.mark.fault(20, "device fails for good")


@BROKEN
@pytest.mark.parametrize(
    ("way", "said"),
    [("hangs", "takes more than 1 s"), ("illegal-access", "an illegal memory access was encountered")],
)
def test_a_server_without_its_device_ends_and_the_next_one_goes_on(box: Box, solo: Solo, way: str, said: str) -> None:
    expected = solo(FILM)
    client = Client(box.start("--stall", "1", program=(sys.executable, str(CHILD), way, "42")), FILM)
    client.open()
    client.play(range(40))
    wait_until(lambda: 24 in snapshots(box.states))
    with contextlib.suppress(grpc.RpcError):
        client.play(range(40, FILM.frames))
    assert box.server.process.wait(60) == EXIT_STATUS
    log = box.server.log
    assert "device lost, the server ends" in log
    assert said in log
    assert "Thread 0x" in log  # where each thread stood
    stub = box.start()
    client.come_back(stub, first=len(client.colours))
    again = len(client.sent)
    client.play(range(len(client.colours), FILM.frames))
    assert client.colours == expected
    assert again <= 24


def test_what_a_gpu_says_when_it_fails_for_good() -> None:
    assert is_device_lost(RuntimeError("CUDA error: device-side assert triggered\nCompile with TORCH_USE_CUDA_DSA"))
    assert is_device_lost(RuntimeError("CUDA error: unspecified launch failure"))
    assert not is_device_lost(RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"))
    assert not is_device_lost(RuntimeError("shape mismatch"))
    assert not is_device_lost(ValueError("CUDA error: device-side assert triggered"))


def test_a_watchdog_counts_its_looks_at_one_piece_of_work() -> None:
    """Each look is at the list's next number; the last one stays."""
    looks = [None, 1, 1, 2, 2, 2, None, 3, 3, 3, 3]
    seen, reasons = [], []

    def busy_with() -> int | None:
        number = looks[min(len(seen), len(looks) - 1)]
        seen.append(number)
        return number

    dog = Watchdog(busy_with, 0.002, reasons.append, tick_seconds=0.001)
    with dog:
        dog._thread.join(60)
    assert seen == looks
    assert len(reasons) == 1
