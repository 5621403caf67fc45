"""Fault 30: all clients lose their server at once, and all come back to the next one."""

import threading
import time
from collections.abc import Callable

import pytest
from box import Box
from drive import resident_bytes
from film import Film
from many import Lasting
from streams import wait_until
from ways import FILMS

from kinemacolor.v1 import colorize_pb2 as pb

FRAMES, BREAK = 40, 30
"""The break comes behind a snapshot, with frames in flight."""
BACK_SECONDS = 60
GROWTH_BYTES = 64 << 20
Solo = Callable[[Film], dict[int, str]]


@pytest.mark.timeout(600)
@pytest.mark.fault(30, "reconnect storm")
@pytest.mark.parametrize("count", [8, pytest.param(64, marks=pytest.mark.slow)])
def test_all_clients_come_back_and_each_has_its_own_state(
    box: Box, solo: Solo, count: int, record_property: Callable[[str, object], None]
) -> None:
    stub = box.start("--max-clips", str(count))
    ready, broken = threading.Barrier(count + 1), threading.Event()

    def may_go_on(client: Lasting) -> bool:
        if client.sent == BREAK:
            ready.wait()
            broken.wait()
        return client.sent < FRAMES

    clients = [Lasting(box.address, FILMS[n % len(FILMS)], f"storm-{n}", may_go_on) for n in range(count)]
    threads = [client.start() for client in clients]
    ready.wait(120)
    base = resident_bytes(box.pid)
    assert len(stub.ListClips(pb.ListClipsRequest()).clips) == count
    box.kill()
    broken.set()
    stub = box.start("--max-clips", str(count))
    started, peak = time.monotonic(), 0
    while any(thread.is_alive() for thread in threads):
        peak = max(peak, resident_bytes(box.pid))
        threads[0].join(0.05)
        keys = [clip.clip_key for clip in stub.ListClips(pb.ListClipsRequest()).clips]
        assert len(set(keys)) == len(keys) <= count
    for client in clients:
        assert client.error is None, client.error
        assert client.colours == solo(client.film)
        assert len(client.recoveries) == 1
    wait_until(lambda: not stub.ListClips(pb.ListClipsRequest()).clips)
    # Once, or once more by a client that is told that its state is not there and goes on at the shot's start.
    assert count <= box.log.count("info clip opened") <= 2 * count
    back = sorted(when - started for client in clients for when, _ in client.recoveries)
    again = [recovery.frames_again for client in clients for _, recovery in client.recoveries]
    returned = f"back {max(back[0], 0):.1f} to {back[-1]:.1f} s after the next server, half in {back[count // 2]:.1f} s"
    memory = f"RSS {base >> 20} MB before, {peak >> 20} MB at most after"
    record_property("figure", f"{count} clients {returned}; {max(again)} frames again at most; {memory}")
    assert back[-1] < BACK_SECONDS
    assert back[-1] - back[0] > 0.05, "all at once"
    assert peak < base + GROWTH_BYTES
