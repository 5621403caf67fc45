"""A network that finds no memory ends the render at once, with its own exit code; no frame comes out grey."""

import sys
from pathlib import Path

import make

PROGRAM = (sys.executable, str(Path(__file__).with_name("hungry_server.py")))
OUT_OF_MEMORY = 5


def hungry(start_server, *, frames: int = 0, samples: int | None = None):
    """A server with memory for so many frames of the network, or for frames of so many samples."""
    words = ("--frames", str(frames)) if samples is None else ("--samples", str(samples))
    return start_server(program=(*PROGRAM, *words))


def test_a_size_that_does_not_fit_is_refused_before_the_first_frame(run, start_server, tmp_path: Path) -> None:
    source, out = make.film(tmp_path / "in.mkv", frames=6).path, tmp_path / "out.mkv"
    server = hungry(start_server)
    done = run("render", source, out, "--server", server.address, "-q", "-c", "ffv1")
    assert done.code == OUT_OF_MEMORY
    assert "has no memory for model tiny at 64 x 48; a lower quality or another model needs less" in done.message
    assert "clip opened" not in server.log
    assert server.log.count("no memory for a model") == 1  # it was not tried again
    assert not out.exists()


def test_a_frame_that_finds_no_memory_left_ends_the_render(run, start_server, tmp_path: Path) -> None:
    source, out = make.film(tmp_path / "in.mkv", frames=6).path, tmp_path / "out.mkv"
    server = hungry(start_server, frames=1 + 3)  # one of the self-test
    done = run("render", source, out, "--server", server.address, "-q", "-c", "ffv1")
    assert done.code == OUT_OF_MEMORY
    assert "the device has no memory for this frame; a lower quality needs less" in done.message
    assert server.log.count("clip opened") == 1
    assert not out.exists()
