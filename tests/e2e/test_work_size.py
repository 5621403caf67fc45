"""--allow-smaller: a size that finds no memory gives way to a smaller one before the first frame, once, and marked."""

import functools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import av
import make
import pytest

from kinemacolor.client.private_server import private_server
from kinemacolor.render import server_choice

FOLDER = Path(__file__).parent
FRAMES, SEGMENT = 10, 4
WIDTH, HEIGHT = 400, 300
STANDARD, SECOND, DRAFT = "341x256", "299x224", "256x192"
ENOUGH_FOR_SECOND, ENOUGH_FOR_DRAFT, ENOUGH_FOR_SMALLEST, TOO_LITTLE = 70_000, 60_000, 30_000, 1_000
"""Samples: standard has 87,296, the size between them 66,976, draft 49,152, the smallest 21,888."""
OK, USAGE, OUT_OF_MEMORY = 0, 2, 5


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("source") / "in.mkv"
    return make.film(path, width=WIDTH, height=HEIGHT, frames=FRAMES, codec="libx264").path


@pytest.fixture
def hungry(start_server):
    """Starts a server with memory for pictures of so many samples."""

    def start(samples: int, **how: str):
        program = (sys.executable, str(FOLDER / "hungry_server.py"), "--samples", str(samples))
        return start_server(program=program, **how)

    return start


def events(done) -> list[dict]:
    return [json.loads(line) for line in done.out.splitlines()]


def notes(done) -> list[str]:
    return [event["text"] for event in events(done) if event["event"] == "note"]


def chroma(path: Path) -> list[bytes]:
    with av.open(str(path)) as film:
        return [b"".join(bytes(plane) for plane in frame.planes[1:]) for frame in film.decode(video=0)]


def comment(path: Path) -> str:
    with av.open(str(path)) as film:
        return next(value for key, value in film.metadata.items() if key.lower() == "comment")


def words(source: Path, out: Path, address: str, *options: object) -> list[str]:
    return [str(word) for word in ("render", source, out, "-c", "ffv1", "--server", address, *options)]


def child(point: str, arguments: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, str(FOLDER / "render_child.py"), str(SEGMENT), point, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str], code: int) -> str:
    """The errors of a render that ends with this code."""
    _, errors = process.communicate(timeout=100)
    assert process.returncode == code, errors
    return errors


def test_a_smaller_size_is_taken_said_and_marked(run, hungry, tiny_server, source: Path, tmp_path: Path) -> None:
    out, draft = tmp_path / "out.mkv", tmp_path / "draft.mkv"
    server = hungry(ENOUGH_FOR_DRAFT)
    done = run(*words(source, out, server.address, "--allow-smaller", "--progress", "json"))
    assert done.code == OK, done.err
    assert notes(done)[0] == f"no memory for the network at {STANDARD}: it sees the film at {DRAFT}"
    told = [event for event in events(done) if event["event"] in ("started", "done")]
    assert [(event["network_width_px"], event["network_height_px"]) for event in told] == [(256, 192)] * 2
    said = comment(out)
    assert f"The network's picture is {DRAFT} in place of {STANDARD}, for want of memory" in said
    assert run(*words(source, draft, tiny_server, "--quality", "draft", "-q")).code == OK
    assert chroma(out) == chroma(draft)
    assert "for want of memory" not in comment(draft)


def test_a_size_that_fits_is_kept(run, tiny_server, source: Path, tmp_path: Path) -> None:
    out, plain = tmp_path / "out.mkv", tmp_path / "plain.mkv"
    assert run(*words(source, out, tiny_server, "--allow-smaller", "-q")).code == OK
    assert run(*words(source, plain, tiny_server, "-q")).code == OK
    assert out.read_bytes() == plain.read_bytes()


def test_without_permission_a_render_is_refused_and_says_what_helps(run, hungry, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    done = run(*words(source, out, hungry(ENOUGH_FOR_DRAFT).address, "-q"))
    assert done.code == OUT_OF_MEMORY
    assert done.message.endswith("(--quality draft, another --model or --allow-smaller)")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def killed_private_server(monkeypatch):
    """The private server of a render is ended by the system for pictures of more than so many samples."""

    def starve(samples: int) -> None:
        command = (sys.executable, str(FOLDER / "hungry_server.py"), "--killed", str(samples))
        wanted = functools.partial(private_server, command=command)
        monkeypatch.setattr(server_choice, "private_server", wanted)

    return starve


PRIVATE = ("-c", "ffv1", "--model", "tiny", "-q")


def test_a_private_server_that_is_killed_gives_way_to_a_smaller_size(
    run, killed_private_server, source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mkv"
    killed_private_server(ENOUGH_FOR_SECOND)
    done = run("render", source, out, *PRIVATE, "--allow-smaller")
    assert done.code == OK, done.err
    assert f"The network's picture is {SECOND} in place of {STANDARD}, for want of memory" in comment(out)


def test_a_private_server_that_is_killed_says_what_helps(run, killed_private_server, source: Path, tmp_path) -> None:
    killed_private_server(ENOUGH_FOR_SECOND)
    done = run("render", source, tmp_path / "out.mkv", *PRIVATE)
    assert done.code == OUT_OF_MEMORY
    assert "it was killed, perhaps for lack of memory" in done.message
    assert done.message.endswith("(--quality draft, another --model or --allow-smaller)")
    assert not list(tmp_path.iterdir())


def test_no_size_is_smaller_than_the_smallest(run, hungry, source: Path, tmp_path: Path) -> None:
    server = hungry(TOO_LITTLE)
    done = run(*words(source, tmp_path / "out.mkv", server.address, "--allow-smaller", "-q"))
    assert done.code == OUT_OF_MEMORY
    assert "no memory for model tiny at 171 x 128" in done.message
    assert server.log.count("no memory for a model") == 5
    assert not list(tmp_path.iterdir())


def test_a_size_at_which_two_hints_are_on_one_sample_is_passed_over(run, hungry, source: Path, tmp_path: Path) -> None:
    """They are two of the size that was asked for; the user has named no other."""
    hints = [word for x, colour in ((0.29316, "c83232"), (0.29336, "3232c8"))
             for word in ("--hint", f"0:{x},0.5=#{colour},0.1")]  # fmt: skip
    server = hungry(ENOUGH_FOR_DRAFT)
    done = run(*words(source, tmp_path / "out.mkv", server.address, "--allow-smaller", "-q", *hints))
    assert done.code == OUT_OF_MEMORY, done.err
    assert "no memory for model tiny at 341 x 256" in done.message
    assert not list(tmp_path.iterdir())


def test_stored_colours_are_those_of_the_size_that_was_taken(
    run, hungry, tiny_server, source: Path, tmp_path: Path
) -> None:
    store = ("--store", tmp_path / "store", "--progress", "json", "-y")
    address = hungry(ENOUGH_FOR_DRAFT).address
    assert run(*words(source, tmp_path / "out.mkv", address, "--allow-smaller", *store)).code == OK
    found = {
        quality: events(run(*words(source, tmp_path / "again.mkv", tiny_server, "--quality", quality, *store)))[-1]
        for quality in ("standard", "draft")
    }
    assert {quality: event["frames_from_store"] for quality, event in found.items()} == {"standard": 0, "draft": FRAMES}


def test_a_resumed_render_has_the_size_of_its_parts(run, hungry, tiny_server, source: Path, tmp_path: Path) -> None:
    """Whether there is more memory now or less: a film has one size."""
    whole, out = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    server = hungry(ENOUGH_FOR_DRAFT)
    allowed = ("--allow-smaller", "-q")
    finished(child("none", words(source, whole, server.address, *allowed)), OK)
    finished(child(f"frame:{SEGMENT + 1}", words(source, out, server.address, *allowed)), -signal.SIGKILL)

    less = child("none", words(source, out, hungry(ENOUGH_FOR_SMALLEST).address, *allowed, "--resume"))
    assert "no memory for model tiny at 256 x 192" in finished(less, OUT_OF_MEMORY)
    asked = child("none", words(source, out, tiny_server, "-q", "--resume"))
    assert f"the network's picture was {DRAFT} and is {STANDARD}" in finished(asked, USAGE)
    finished(child("none", words(source, out, tiny_server, *allowed, "--resume")), OK)
    assert out.read_bytes() == whole.read_bytes()


def test_a_server_that_comes_back_with_less_memory_changes_no_size(hungry, short_folder: Path, tmp_path: Path) -> None:
    # So long that the answers that run ahead of the frame where it stands still do not reach the end.
    source = make.film(tmp_path / "in.mkv", width=WIDTH, height=HEIGHT, frames=60, codec="libx264").path
    out, address = tmp_path / "out.mkv", f"unix:{short_folder}/again"
    server = hungry(ENOUGH_FOR_DRAFT, listen=address)
    process = child(f"stop:{SEGMENT + 1}", words(source, out, address, "--allow-smaller", "--progress", "json"))
    assert os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT).si_status == signal.SIGSTOP
    server.stop(signal.SIGKILL)
    hungry(ENOUGH_FOR_SMALLEST, listen=address)
    process.send_signal(signal.SIGCONT)
    assert "no memory for model tiny at 256 x 192" in finished(process, OUT_OF_MEMORY)
    assert not out.exists()
