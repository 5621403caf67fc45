"""Child processes of the fault tests."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from film import Film

RENDER = Path(__file__).parents[1] / "e2e" / "render_child.py"
CLIP = Path(__file__).with_name("clip_child.py")


def wait_stopped(process: "subprocess.Popen[str]") -> None:
    """Return when a child has stopped itself (SIGSTOP); a failure if it ended."""
    state = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    assert state is not None
    assert state.si_status == signal.SIGSTOP


class ClipChild:
    """A client in a process of its own, see `clip_child.py`. A context manager that leaves no process."""

    def __init__(
        self, address: str, key: str, film: Film, first: int = 0, earliest: int | None = None, *, stays: bool = False
    ) -> None:
        words = [address, key, film.frames, first, "" if earliest is None else earliest, "stays" if stays else ""]
        self.process = subprocess.Popen(
            [sys.executable, str(CLIP), *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        self.colours: dict[int, str] = {}
        self.durable: int | None = None
        self.opened = self._next()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def due(self) -> int:
        """The first frame whose answer has not come."""
        return max(self.colours) + 1

    def read_until(self, number: int) -> None:
        """Take answers until that of a frame."""
        while number not in self.colours:
            self._note(self._next())

    def read_to_end(self) -> dict[str, Any]:
        """Take all the answers that there are; what the child said last."""
        said: dict[str, Any] = {}
        for said in self._lines():
            if "frame" in said:
                self._note(said)
        return said

    def _note(self, said: dict[str, Any]) -> None:
        assert said["frame"] not in self.colours
        self.colours[said["frame"]], self.durable = said["colour"], said["durable"]

    def _next(self) -> dict[str, Any]:
        return next(self._lines())

    def _lines(self) -> Iterator[dict[str, Any]]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            yield json.loads(line)
