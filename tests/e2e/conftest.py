"""Runs the command as a user would, in this process against the shared server, or as a process of its own."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kinemacolor.cli.main import main

for folder in (Path(__file__).parent, Path(__file__).parents[1] / "media"):
    sys.path.insert(0, str(folder))


@dataclass(frozen=True)
class Done:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def message(self) -> str:
        """The one line that an error must be."""
        (line,) = self.err.splitlines()
        return line


Run = Callable[..., Done]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `kinemacolor ...` in this process."""

    def run_main(*arguments: object) -> Done:
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Done(code, out, err)

    return run_main


@pytest.fixture
def render(run: Run, tiny_server: str) -> Run:
    """Runs `kinemacolor render ...` on the shared server, quietly."""

    def run_render(*arguments: object) -> Done:
        return run("render", *arguments, "--server", tiny_server, "-q")

    return run_render


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `kinemacolor ...` as a process in a session of its own; what is left is killed after the test."""
    processes: list[subprocess.Popen[str]] = []

    def start_process(*arguments: object) -> subprocess.Popen[str]:
        # With Ctrl-C as in a terminal, also where the tests run in the background of a shell, which has it ignored.
        program = (
            "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
            "from kinemacolor.cli.main import main; sys.exit(main())"
        )
        command = [sys.executable, "-c", program]
        process = subprocess.Popen(
            [*command, *(str(argument) for argument in arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        return process

    yield start_process
    for process in processes:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
        process.communicate()
