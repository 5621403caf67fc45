"""Servers that end: those that cannot start, and one that dies and comes back."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from streams import connect

from kinemacolor.v1 import colorize_pb2_grpc as pb_grpc


def start(*options: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """Run a server whose stdin is at its end; its exit status and what it said."""
    command = [sys.executable, "-m", "kinemacolor.server", *options]
    variables = {**os.environ, **(environment or {})}
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False, env=variables
    )
    return done.returncode, done.stderr


class Box:
    """A machine whose server can be killed and started again on the same states, at the same address."""

    def __init__(self, start: Callable[..., object], folder: Path) -> None:
        self._start = start
        self.states = folder / "states"
        self._listen = f"unix:{folder}/s"
        self._channels = contextlib.ExitStack()

    def start(self, *options: str, **how: object) -> pb_grpc.ColorizeServiceStub:
        self.server = self._start("--state-dir", str(self.states), *options, listen=self._listen, **how)
        return self._channels.enter_context(connect(self.server.address))  # type: ignore[attr-defined]

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.server.stop(number)  # type: ignore[attr-defined]

    def restart(self, *options: str) -> pb_grpc.ColorizeServiceStub:
        self.kill()
        return self.start(*options)

    @property
    def log(self) -> str:
        return str(self.server.log)  # type: ignore[attr-defined]

    @property
    def address(self) -> str:
        return str(self.server.address)  # type: ignore[attr-defined]

    @property
    def pid(self) -> int:
        return int(self.server.process.pid)  # type: ignore[attr-defined]

    def close(self) -> None:
        self._channels.close()
