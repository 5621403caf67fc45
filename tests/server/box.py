"""A server that dies and comes back."""

import contextlib
import signal
from collections.abc import Callable
from pathlib import Path

from streams import connect

from kinemacolor.v1 import colorize_pb2_grpc as pb_grpc


class Box:
    """A machine whose server can be killed and started again on the same states, at the same address."""

    def __init__(self, start: Callable[..., object], folder: Path) -> None:
        self._start = start
        self.states = folder / "states"
        self._listen = f"unix:{folder}/s"
        self._channels = contextlib.ExitStack()

    def start(self, *options: str) -> pb_grpc.ColorizeServiceStub:
        self.server = self._start("--state-dir", str(self.states), *options, listen=self._listen)
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
    def pid(self) -> int:
        return int(self.server.process.pid)  # type: ignore[attr-defined]

    def close(self) -> None:
        self._channels.close()
