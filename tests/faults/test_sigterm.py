"""Fault 29: a server is told to stop (SIGTERM) while clips stream, as Kubernetes and systemd do it."""

import signal
import time
from collections.abc import Callable

import grpc
import pytest
from box import Box
from film import Film
from grpc_health.v1 import health_pb2, health_pb2_grpc
from many import Lasting
from streams import Stream, open_clip, wait_until

from kinemacolor.wire.limits import DEFAULT_WINDOW_FRAMES

CLIENTS = 3
BEFORE, AFTER = 30, 10
"""Frames that are answered before the signal, and sent after the next server has come."""
GRACE_SECONDS, SLACK_SECONDS = 1, 20
Solo = Callable[[Film], dict[int, str]]


def is_serving(address: str) -> int:
    with grpc.insecure_channel(address, options=(("grpc.use_local_subchannel_pool", 1),)) as channel:
        request = health_pb2.HealthCheckRequest()
        return health_pb2_grpc.HealthStub(channel).Check(request, timeout=10).status


@pytest.mark.fault(29, "SIGTERM under load")
def test_a_server_that_is_told_to_stop_lets_go_of_all_in_time(
    box: Box, solo: Solo, record_property: Callable[[str, object], None]
) -> None:
    stub = box.start("--grace", str(GRACE_SECONDS))

    def may_go_on(client: Lasting) -> bool:
        """Without end until the next server is there, and then some more."""
        if client.recoveries and not hasattr(client, "last"):
            client.last = client.sent + AFTER  # type: ignore[attr-defined]
        return client.sent < getattr(client, "last", 10**9)

    clients = [Lasting(box.address, Film(10**9, ()), f"clip-{n}", may_go_on) for n in range(CLIENTS)]
    threads = [client.start() for client in clients]
    wait_until(lambda: all(len(client.colours) > BEFORE or client.error for client in clients))
    assert is_serving(box.address) == health_pb2.HealthCheckResponse.SERVING
    process = box.server.process  # type: ignore[attr-defined]
    told = time.monotonic()
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: "draining" in box.log)
    assert is_serving(box.address) == health_pb2.HealthCheckResponse.NOT_SERVING
    late = Stream(stub)
    late.send(open_clip("late"))
    assert late.refusal() == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
    assert process.wait(GRACE_SECONDS + SLACK_SECONDS) == 0
    took = time.monotonic() - told
    assert "stopped" in box.log
    assert "Traceback" not in box.log
    box.start()
    for thread in threads:
        thread.join()
    again, expected = [], solo(Film(max(client.sent for client in clients), ()))
    for client in clients:
        assert client.error is None, client.error
        assert len(client.colours) == client.sent
        assert client.colours.items() <= expected.items()
        [(_, recovery)] = client.recoveries
        again.append(recovery.frames_again)
    assert max(again) <= DEFAULT_WINDOW_FRAMES, "a state was not saved"
    record_property("figure", f"{CLIENTS} clips, gone after {took:.1f} s of {GRACE_SECONDS}; {max(again)} frames again")
