"""Memory of a render against the length of the film: RSS of client and server at 1, 5 and 10 minutes of film.

python tests/bench/long_film.py [--minutes 10] [--model tiny] [--size 320x240]
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kinemacolor.media.made_film import write_grey_film

RATE = 24
_MARKS_MINUTES = (1, 5, 10)


@dataclass(frozen=True)
class Memory:
    """Resident megabytes when so much film was through."""

    minutes: float
    client_mb: float
    server_mb: float


def pictures(width: int, height: int, frames: int) -> Iterator[NDArray[np.uint8]]:
    """A pan with a cut every 100 frames."""
    random = np.random.default_rng(1)
    shapes = [random.integers(16, 235, (height // 8 + 1, width // 8 + 40)).astype(np.uint8) for _ in range(8)]
    wide = [np.kron(shape, np.ones((8, 8), np.uint8)) for shape in shapes]
    for number in range(frames):
        at = number % 100 * 2
        yield wide[number // 100 % 8][:height, at : at + width]


def resident_mb(pid: int) -> float:
    """VmRSS."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


def server_of(pid: int) -> int:
    """The private server that a render started."""
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                if b"kinemacolor.server" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
    raise LookupError("the render has no private server")


def measure(folder: Path, minutes: float, model: str, size: tuple[int, int]) -> list[Memory]:
    """Render a film of that length; the memory at the marks, and near the end."""
    frames = round(minutes * 60 * RATE)
    film = folder / "long.mp4"
    write_grey_film(film, pictures(*size, frames), Fraction(RATE))
    command = [sys.executable, "-c", "import sys; from kinemacolor.cli.main import main; sys.exit(main())"]
    options = ["--model", model, "--progress", "json", "-e", "preset=ultrafast"]
    # The last mark lies a little before the end, or the render would be through before it can be looked at.
    marks = [min(mark * 60 * RATE, frames - 5 * RATE) for mark in _MARKS_MINUTES if mark <= minutes]
    found: list[Memory] = []
    with subprocess.Popen(
        [*command, "render", str(film), str(folder / "out.mp4"), *options], stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout or ():
            done = json.loads(line).get("frames_done") or 0
            if marks and done >= marks[0]:
                marks.pop(0)
                server = server_of(process.pid)
                found.append(Memory(done / RATE / 60, resident_mb(process.pid), resident_mb(server)))
    if process.returncode:
        raise RuntimeError(f"the render failed with {process.returncode}")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--size", default="320x240")
    values = parser.parse_args(arguments)
    width, height = (int(side) for side in values.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), values.minutes, values.model, (width, height))
    for row in rows:
        sys.stdout.write(f"{row.minutes:5.1f} min: client {row.client_mb:6.0f} MB, server {row.server_mb:6.0f} MB\n")


if __name__ == "__main__":
    main()
