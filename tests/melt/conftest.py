"""A melt in a box (`setup.sh`), films in it, and a server outside with the network that is shipped.

KINEMACOLOR_MELT names the box; `make test-melt` sets it up and runs these tests. They need root, as chroot does.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import ServerProcess, launch_server
from tests.e2e.waiting import wait_until
from tests.melt.box import SOCKET, Box
from tests.melt.strips import write_strip

StartServer = Callable[[], ServerProcess]
Note = Callable[[str, object], None]
"""`record_property`; what is recorded is printed at the end."""

LEAVING_SECONDS = 10
"""A helper whose host was killed finds out in at most half of that."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.melt)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, figure in report.user_properties:
                terminalreporter.write_line(f"{report.nodeid.partition('::')[2]}: {name}: {figure}")


@pytest.fixture(scope="session")
def box_root() -> Iterator[Path]:
    """The box, with what programs expect of a system mounted."""
    root = Path(os.environ["KINEMACOLOR_MELT"]).resolve()
    mounts = [("proc", root / "proc"), ("tmpfs", root / "dev/shm")]
    mounted = []
    for kind, place in mounts:
        if not os.path.ismount(place):
            subprocess.run(["mount", "-t", kind, kind, str(place)], check=True)
            mounted.append(place)
    yield root
    for place in mounted:
        subprocess.run(["umount", str(place)], check=True)


@pytest.fixture(scope="session")
def films(box_root: Path) -> str:
    """Folder in the box with grey8.mkv, other8.mkv and grey10.mkv."""
    folder = box_root / "srv/films"
    folder.mkdir(parents=True, exist_ok=True)
    write_strip(folder / "grey8.mkv", bits=8, seed=1)
    write_strip(folder / "other8.mkv", bits=8, seed=2)
    write_strip(folder / "grey10.mkv", bits=10, seed=1)
    return "/srv/films"


@pytest.fixture
def box(box_root: Path, films: str, request: pytest.FixtureRequest) -> Iterator[Box]:
    """The box with an empty place for the test. Whatever the effect leaves behind is a failure."""
    place = "/srv/" + re.sub(r"\W+", "_", request.node.name)
    inside = box_root / place.lstrip("/")
    shutil.rmtree(inside, ignore_errors=True)
    inside.mkdir()
    one = Box(box_root, place)
    yield one
    one.close()
    wait_until(lambda: not one.left_behind(), LEAVING_SECONDS)
    if request.session.testsfailed == 0:
        shutil.rmtree(inside)


@pytest.fixture
def start_server(box: Box, tmp_path: Path) -> Iterator[StartServer]:
    """Starts the server of the box; states outlive it."""
    servers: list[ServerProcess] = []

    def start() -> ServerProcess:
        socket = box.inside(SOCKET)
        servers.append(launch_server(tmp_path, "--model", "kinema", "--threads", "2", listen=f"unix:{socket}"))
        return servers[-1]

    yield start
    for server in servers:
        server.stop(signal.SIGKILL)
        assert server.process.stdout is not None
        server.process.stdout.close()
    box.inside(SOCKET).unlink(missing_ok=True)


@pytest.fixture
def server(start_server: StartServer) -> ServerProcess:
    return start_server()
