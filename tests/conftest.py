"""What all tests share: a real server process, and switches that turn a silent skip into a failure."""

import json
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fault_table import FaultTable

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the server does, and before any test imports torch

READY_SECONDS = 90
"""torch takes seconds to import, more on a busy machine."""


@dataclass
class ServerProcess:
    """A server that a test may kill."""

    process: subprocess.Popen[str]
    address: str
    log_path: Path

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=60)


def read_ready_line(process: subprocess.Popen[str], log: Path) -> str:
    """The address of the readiness line, or a failure with the server's own words."""
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], READY_SECONDS)
    line = process.stdout.readline() if readable else ""
    if not line:
        process.kill()
        pytest.fail(f"the server did not get ready: {log.read_text()}")
    return str(json.loads(line)["address"])


SERVER = (sys.executable, "-m", "kinemacolor.server")


def launch_server(
    folder: Path, *options: str, listen: str | None = None, program: Sequence[str] = SERVER
) -> ServerProcess:
    log = folder / "server.log"
    command = [*program, "--listen", listen or f"unix:{folder}/s", "--threads", "1"]
    if "--state-dir" not in options:
        command += ["--state-dir", str(folder / "state")]
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [*command, *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True
        )
    return ServerProcess(process, read_ready_line(process, log), log)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path is short enough for a unix socket."""
    with tempfile.TemporaryDirectory(prefix="kc", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def start_server(short_folder: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Starts servers of one's own, with options; all are ended after the test."""
    servers: list[ServerProcess] = []

    def start(*options: str, listen: str | None = None, program: Sequence[str] = SERVER) -> ServerProcess:
        folder = short_folder / str(len(servers))
        folder.mkdir()
        chosen = options if "--model" in options else ("--model", "tiny", *options)
        servers.append(launch_server(folder, *chosen, listen=listen, program=program))
        return servers[-1]

    yield start
    for server in servers:
        server.stop(signal.SIGKILL)
        assert server.process.stdout is not None
        server.process.stdout.close()


@pytest.fixture(scope="module")
def launch() -> Iterator[Callable[..., ServerProcess]]:
    """As `launch_server`, for fixtures that several tests share; all are ended after the module."""
    servers: list[ServerProcess] = []

    def start(folder: Path, *options: str, **how: Any) -> ServerProcess:
        servers.append(launch_server(folder, *options, **how))
        return servers[-1]

    yield start
    for server in servers:
        server.stop(signal.SIGKILL)
        assert server.process.stdout is not None
        server.process.stdout.close()


@pytest.fixture(scope="session")
def tiny_server() -> Iterator[str]:
    """Address of one server with the seeded test network, shared because starting one costs seconds."""
    with tempfile.TemporaryDirectory(prefix="kc", dir="/tmp") as folder:
        server = launch_server(Path(folder), "--model", "tiny", "--max-clips", "64")
        yield server.address
        assert server.stop() == 0, server.log
        assert server.process.stdout is not None
        server.process.stdout.close()


@pytest.fixture(autouse=True)
def _own_states(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that tests start in other ways must not use the states of the person who runs them."""
    monkeypatch.setenv("KINEMACOLOR_STATE", str(tmp_path_factory.getbasetemp() / "states"))


@pytest.fixture(autouse=True)
def _seeds() -> None:
    random.seed(20261123)
    np.random.seed(20261123)  # noqa: NPY002 - libraries that use the old generator


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder that KINEMACOLOR_DATA names."""
    return Path(os.environ["KINEMACOLOR_DATA"])


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(FaultTable(config))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "KINEMACOLOR_DATA" not in os.environ:
        reason = pytest.mark.skip(reason="set KINEMACOLOR_DATA to the folder of evaluation pictures to run this")
        for item in items:
            if item.get_closest_marker("needs_data"):
                item.add_marker(reason)
    if not any(item.get_closest_marker("needs_gpu") for item in items):
        return
    import torch

    if torch.cuda.is_available() or os.environ.get("KINEMACOLOR_REQUIRE_GPU"):
        return
    for item in items:
        if item.get_closest_marker("needs_gpu"):
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))
