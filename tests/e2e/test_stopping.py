"""Renders that end before their end: by a person, by the system, by the server. Nothing is left behind."""

import contextlib
import json
import os
import signal
from pathlib import Path

import make
import pytest
from waiting import wait_until

INTERRUPTED, SERVER = 130, 3
FRAMES = 1500


@pytest.fixture(scope="module")
def long_film(tmp_path_factory):
    """Long enough that it is not through before it is stopped."""
    path = tmp_path_factory.mktemp("long") / "in.mkv"
    return make.film(path, frames=FRAMES, width=160, height=120, pixel_format="gray").path


def server_of(process):
    """The pid of the private server that a render started, or None while there is none."""
    for task in Path(f"/proc/{process.pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                if b"kinemacolor.server" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
    return None


def is_gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def frames_done(process):
    """Reads progress lines until the first frames are through."""
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "progress" and event["frames_done"] > 0:
            return event["frames_done"]
    pytest.fail(f"the render ended early: {process.stderr.read()}")


@pytest.fixture
def start_running(tmp_path, long_film, start, monkeypatch):
    """Starts a render on a private server and waits until it has done some frames: (process, server's pid)."""
    scratch = tmp_path / "t"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))

    def start_render(*options):
        arguments = ["--model", "tiny", "--threads", "1", "--progress", "json", *options]
        process = start("render", long_film, tmp_path / "out.mkv", *arguments)
        assert frames_done(process) < FRAMES
        return process, server_of(process)

    return start_render


@pytest.fixture
def running(start_running):
    return start_running()


def leftovers(tmp_path):
    return sorted(path.name for path in tmp_path.rglob("*") if path.is_file())


def stop_by_terminal(process):
    """Ctrl-C as a terminal sends it: to the whole foreground group."""
    os.killpg(process.pid, signal.SIGINT)


def stop_impatiently(process):
    """A service manager's signal, and more signals while it cleans up."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        process.send_signal(number)


@pytest.mark.parametrize("stop", [stop_by_terminal, stop_impatiently])
def test_a_signal_stops_in_order(tmp_path, running, stop):
    process, server = running
    stop(process)
    _, err = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert err.splitlines()[-1] == "kinemacolor: interrupted"
    assert "Traceback" not in err
    assert is_gone(server)
    assert leftovers(tmp_path) == []
    assert not list((tmp_path / "t").iterdir())


def test_a_killed_client_takes_its_server_along(running):
    process, server = running
    process.kill()
    process.communicate()
    wait_until(lambda: is_gone(server))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_that_was_ended_is_started_again(tmp_path, running, number):
    process, server = running
    os.kill(server, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert leftovers(tmp_path) == ["out.mkv"]
    assert not list((tmp_path / "t").iterdir())


def test_a_killed_server_fails_an_impatient_render_aloud(tmp_path, start_running):
    process, server = start_running("--patience", "0")
    os.kill(server, signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == SERVER
    assert "private server ended" in err.splitlines()[-1]
    assert leftovers(tmp_path) == []


def test_a_foreign_server_that_goes_away_fails_the_render_aloud(tmp_path, long_film, start, start_server):
    server = start_server()
    process = start(
        "render", long_film, tmp_path / "out.mkv", "--progress", "json", "--server", server.address, "--patience", "1"
    )
    frames_done(process)
    server.process.kill()
    _, err = process.communicate(timeout=60)
    assert process.returncode == SERVER
    assert "no server answers at" in err.splitlines()[-1]
    assert leftovers(tmp_path) == []


def test_a_render_leaves_a_foreign_server_running(tmp_path, start, start_server):
    server = start_server()
    film = make.film(tmp_path / "in.mkv", frames=3).path
    for name in ("a.mkv", "b.mkv"):
        process = start("render", film, tmp_path / name, "-q", "--server", server.address)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert server.process.poll() is None
