"""A network that finds no memory ends the render at once, with its own exit code; no frame comes out grey."""

import sys
from pathlib import Path

import make
import pytest

PROGRAM = (sys.executable, str(Path(__file__).with_name("hungry_server.py")))
OUT_OF_MEMORY = 5


def hungry(start_server, *, frames: int = 0, samples: int | None = None):
    """A server with memory for so many frames of the network, or for frames of so many samples."""
    words = ("--frames", str(frames)) if samples is None else ("--samples", str(samples))
    return start_server(program=(*PROGRAM, *words))


@pytest.mark.parametrize("frames", [0, 3])
def test_a_frame_without_memory_ends_the_render(run, start_server, tmp_path: Path, frames: int) -> None:
    source, out = make.film(tmp_path / "in.mkv", frames=6).path, tmp_path / "out.mkv"
    server = hungry(start_server, frames=frames)
    done = run("render", source, out, "--server", server.address, "-q", "-c", "ffv1")
    assert done.code == OUT_OF_MEMORY
    assert "the device has no memory for this frame; a lower quality needs less" in done.message
    assert server.log.count("clip opened") == 1  # it was not tried again
    assert not out.exists()
