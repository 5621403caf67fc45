"""What a private server is started with."""

import pytest

from kinemacolor.render.options import ServerOptions
from kinemacolor.render.server_choice import network_threads, open_server


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (3, 2), (16, 15)])
def test_a_core_is_left_for_the_render_itself(cores: int, threads: int) -> None:
    assert network_threads(cores) == threads


def test_the_users_number_of_threads_is_taken() -> None:
    with open_server(ServerOptions(threads=2, device="cpu"), "tiny") as session:
        assert "|threads=2|" in session.client.server_info().device_class
