"""Faults 24 and 25: a render that is not let in, or that does not trust the server, ends at once; it tries no storm."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import make
import pytest

from certificates import Authority

TOKEN = "correct-horse-battery"
AT_ONCE_SECONDS = 60
"""Far below the ten minutes of a render's patience; Python, PyAV and gRPC have to load."""
MOST_CONNECTIONS = 3
"""One for the question whether a server is there, and what gRPC adds while that fails."""


class Door:
    """A port before the server's that counts who comes."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._behind = (host, int(port))
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.visits = 0
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                visitor, _ = self._socket.accept()
                self.visits += 1
                server = socket.create_connection(self._behind)
                for source, target in ((visitor, server), (server, visitor)):
                    threading.Thread(target=pump, args=(source, target), daemon=True).start()


def pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shut")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder)


@pytest.fixture(scope="module")
def server(folder: Path, authority: Authority, launch: Callable[..., object]) -> Any:
    own = authority.issue("127.0.0.1")
    (folder / "tokens").write_text(TOKEN)
    (folder / "server").mkdir()
    tls = ("--tls-cert", str(own.certificate), "--tls-key", str(own.key), "--token-file", str(folder / "tokens"))
    return launch(folder / "server", "--model", "tiny", *tls, listen="127.0.0.1:0")


@pytest.fixture
def door(server: Any) -> Iterator[Door]:
    door = Door(server.address)
    yield door
    door.close()


@pytest.fixture(scope="module")
def film(folder: Path) -> Path:
    return make.film(folder / "in.mkv", frames=4).path


def render(film: Path, address: str, *options: str) -> tuple[int, str, float]:
    """Exit code, what was said, and how long that took."""
    started = time.monotonic()
    words = ["render", str(film), str(film.with_name("out.mkv")), "-c", "ffv1", "--server", address, "-q", *options]
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from kinemacolor.cli.main import main; sys.exit(main())", *words],
        env={name: value for name, value in os.environ.items() if not name.startswith("KINEMACOLOR_T")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stderr, time.monotonic() - started


def check_shut_out(door: Door, came: tuple[int, str, float], said: str) -> None:
    code, stderr, seconds = came
    assert (code, stderr.count("\n")) == (3, 1), stderr
    assert said in stderr
    assert door.visits <= MOST_CONNECTIONS
    assert seconds < AT_ONCE_SECONDS


@pytest.mark.fault(25, "no token, wrong token")
def test_a_render_with_a_wrong_token_ends_at_once(server: Any, door: Door, folder: Path, film: Path) -> None:
    (folder / "mine").write_text("wrong-horse-battery-1")
    access = ("--tls-ca", str(folder / "ca.pem"), "--token-file", str(folder / "mine"))
    check_shut_out(door, render(film, f"tls:{door.address}", *access), "does not take this token")
    assert server.log.count("wrong token") <= 1
    assert not film.with_name("out.mkv").exists()


@pytest.mark.fault(24, "TLS that does not fit")
def test_a_render_that_does_not_trust_the_server_ends_at_once(
    server: Any, door: Door, folder: Path, film: Path
) -> None:
    stranger = Authority(folder, "stranger")
    access = ("--tls-ca", str(stranger.file), "--token-file", str(folder / "tokens"))
    check_shut_out(door, render(film, f"tls:{door.address}", *access), "no authority that is trusted")
    assert "Traceback" not in server.log
