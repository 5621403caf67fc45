"""What a private server is started with."""

import os
import signal
import time

import pytest

from kinemacolor.client.errors import ClientError, ServerTimeoutError, ServerUnreachableError
from kinemacolor.client.requests import OpenRequest
from kinemacolor.render.options import ServerOptions
from kinemacolor.render.server_choice import network_threads, open_server
from kinemacolor.wire.frame import Geometry


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (3, 2), (16, 15)])
def test_a_core_is_left_for_the_render_itself(cores: int, threads: int) -> None:
    assert network_threads(cores) == threads


def test_the_users_number_of_threads_is_taken() -> None:
    with open_server(ServerOptions(threads=2, device="cpu"), "tiny") as session:
        assert "|threads=2|" in session.client.server_info().device_class


@pytest.mark.parametrize("noticed_as", [ServerTimeoutError("silent"), ServerUnreachableError("ping timeout")])
def test_a_private_server_that_hangs_is_started_again(noticed_as: ClientError) -> None:
    request = OpenRequest(clip_key="clip", geometry=Geometry(48, 32), transfer=13)
    with open_server(ServerOptions(device="cpu"), "tiny") as session:
        assert session.private is not None
        frozen = session.private.pid
        os.kill(frozen, signal.SIGSTOP)
        with session.open_clip(request, noticed_as) as stream:
            assert stream.info.model == "tiny"
        assert session.private.pid != frozen


def test_the_end_does_not_wait_for_a_private_server_that_hangs() -> None:
    with open_server(ServerOptions(device="cpu"), "tiny") as session:
        assert session.private is not None
        os.kill(session.private.pid, signal.SIGSTOP)
        started = time.monotonic()
    assert time.monotonic() - started < 30
