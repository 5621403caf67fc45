"""What operators ask of a running server: a real one, and the real commands."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from kinemacolor.cli import main
from kinemacolor.cli.status_text import duration, shortened, size, status_lines
from kinemacolor.client.address import ServerAddress
from kinemacolor.client.connection import ColorizeClient, ServerInfo, connect
from kinemacolor.client.errors import ClipLostError
from kinemacolor.client.operator import ClipInfo
from kinemacolor.client.requests import OpenRequest
from kinemacolor.client.stream import ClipStream
from kinemacolor.wire.frame import Geometry

Start = Callable[..., Any]


@pytest.fixture
def server(start_server: Start) -> Any:
    return start_server()


@pytest.fixture
def client(server: Any) -> Any:
    with connect(ServerAddress.parse(server.address)) as made:
        yield made


def opened(client: ColorizeClient, key: str, **fields: Any) -> ClipStream:
    """A clip with two answered frames."""
    request = OpenRequest(clip_key=key, geometry=Geometry(48, 32), transfer=1, **{"client_name": "test", **fields})
    stream = client.open_clip(request)
    for number in range(2):
        stream.send(number, np.full((32, 48), 30_000, np.uint16))
        assert stream.receive() is not None
    return stream


def run(*words: str) -> int:
    return main.main(list(words))


def test_status_says_what_each_clip_does(server: Any, client: ColorizeClient, capsys: Any) -> None:
    with opened(client, "reel-7", is_interactive=True):
        assert run("status", "--json", "--server", server.address) == 0
        told = json.loads(capsys.readouterr().out)
        [clip] = told["clips"]
        assert (clip["clip_key"], clip["client_name"], clip["model"]) == ("reel-7", "test", "tiny")
        assert (clip["width_px"], clip["height_px"]) == (48, 32)
        assert (clip["next_frame"], clip["frames_answered"], clip["frames_waiting"]) == (2, 2, 0)
        assert (clip["is_attached"], clip["is_interactive"], clip["state_tier"]) == (True, True, "device")
        assert 0 < clip["frames_per_second"] <= 2
        assert clip["state_bytes"] > 0
        assert told["server"]["device_state_bytes"] >= clip["state_bytes"]
        assert run("status", "--server", server.address) == 0
        text = capsys.readouterr().out
        assert re.search(r"reel-7 +test \(person\) +tiny +48x32 +2 ", text)
        assert "clips 1 of 32" in text
    assert run("status", "--server", server.address) == 0
    assert "lost" in capsys.readouterr().out  # the stream ended without its end


def test_a_clip_is_evicted(server: Any, client: ColorizeClient, capsys: Any) -> None:
    with opened(client, "reel-7") as stream:
        assert run("evict", "reel-7", "--server", server.address) == 0
        assert capsys.readouterr().out == "evicted: reel-7\n"
        with pytest.raises(ClipLostError):
            stream.receive()
    assert run("evict", "reel-7", "--server", server.address) == 2
    assert capsys.readouterr().err == "kinemacolor: no clip of that key\n"


def test_a_drained_server_ends_with_its_clips(server: Any, client: ColorizeClient, capsys: Any) -> None:
    with opened(client, "reel-7") as stream:
        assert run("drain", "--json", "--server", server.address) == 0
        assert json.loads(capsys.readouterr().out) == {"open_clips": 1}
        stream.end()
    assert server.process.wait(60) == 0


def test_the_log_level_is_changed_at_run_time(server: Any, client: ColorizeClient, capsys: Any) -> None:
    assert run("log-level", "error", "--server", server.address) == 0
    assert capsys.readouterr().out == "log level: error (was info)\n"
    with opened(client, "silent"):
        pass
    assert run("log-level", "info", "--server", server.address) == 0
    assert capsys.readouterr().out == "log level: info (was error)\n"
    with opened(client, "loud"):
        pass
    assert "clip=loud" in server.log
    assert "clip=silent" not in server.log
    assert run("log-level", "chatty", "--server", server.address) == 2
    assert "invalid choice" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["status"], ["drain"], ["evict", "x"], ["log-level", "info"], ["top"]])
def test_without_a_server_there_is_one_line(words: list[str], tmp_path: Any, capsys: Any) -> None:
    assert run(*words, "--server", f"unix:{tmp_path}/none") == 3
    assert capsys.readouterr().err == f"kinemacolor: no server answers at unix:{tmp_path}/none\n"


def test_the_server_of_the_environment_is_asked(server: Any, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setenv("KINEMACOLOR_SERVER", server.address)
    assert run("status") == 0
    assert "no clips" in capsys.readouterr().out


def test_top_without_a_terminal_prints_once(server: Any, capsys: Any) -> None:
    assert run("top", "--server", server.address) == 0
    assert "no clips" in capsys.readouterr().out


class Terminal:
    """A command on a pseudo-terminal of 120 x 20."""

    def __init__(self, *words: str, kind: str | None = "xterm") -> None:
        self._master, slave = pty.openpty()
        environment = {**os.environ, "LINES": "20", "COLUMNS": "120"}
        environment.pop("TERM", None)
        environment |= {} if kind is None else {"TERM": kind}
        program = "import sys; from kinemacolor.cli.main import main; sys.exit(main())"
        command = [sys.executable, "-c", program, *words]
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment)
        os.close(slave)
        self.shown = ""

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + 60
        while text not in self.shown:
            ready, _, _ = select.select([self._master], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"{text!r} did not come: {self.shown!r}"
            self.shown += os.read(self._master, 65536).decode(errors="replace")

    def press(self, key: str) -> None:
        os.write(self._master, key.encode())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)


def test_top_follows_a_server_and_ends_with_q(server: Any, client: ColorizeClient) -> None:
    with closing(Terminal("top", "--every", "0.2", "--server", server.address)) as terminal:
        terminal.wait_for("no clips")
        with opened(client, "reel-7"):
            terminal.wait_for("reel-7")
        server.process.send_signal(signal.SIGKILL)
        terminal.wait_for("waiting for it")
        terminal.press("q")
        assert terminal.process.wait(60) == 0


@pytest.mark.parametrize("kind", [None, "no-such-terminal"])
def test_top_on_a_terminal_that_nobody_knows_prints_once(server: Any, kind: str | None) -> None:
    with closing(Terminal("top", "--server", server.address, kind=kind)) as terminal:
        terminal.wait_for("no clips")
        assert terminal.process.wait(60) == 0
    assert "Traceback" not in terminal.shown


@pytest.mark.parametrize("command", ["status", "top"])
def test_a_terminal_that_has_ascii_alone_is_written_to(server: Any, client: ColorizeClient, command: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}
    program = "import sys; from kinemacolor.cli.main import main; sys.exit(main())"
    with opened(client, "reel-9", client_name="Müller"):
        done = subprocess.run(
            [sys.executable, "-c", program, command, "--server", server.address],
            capture_output=True, env=environment, timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"reel-9" in done.stdout


# ---- the text ----


def clip(**fields: Any) -> ClipInfo:
    values: dict[str, Any] = {
        "clip_key": "c", "model": "kinema", "client_name": "n", "width_px": 448, "height_px": 256,
        "is_interactive": False,
        "is_attached": True, "next_frame": 5, "frames_answered": 5, "frames_waiting": 3, "frames_per_second": 12.34,
        "state_bytes": 1, "state_tier": "device", "last_snapshot": None, "idle_seconds": 0.4,
    }  # fmt: skip
    return ClipInfo(**{**values, **fields})


def info(**fields: Any) -> ServerInfo:
    values: dict[str, Any] = dict.fromkeys(ServerInfo.__slots__, 0)
    values |= {"version": "1", "device": "cpu", "device_class": "cpu", "has_snapshots": True, "draining": False}
    return ServerInfo(**{**values, **fields})


def test_what_is_out_of_the_ordinary_is_said() -> None:
    lines = status_lines(
        "here", info(draining=True, has_snapshots=False, device_total_bytes=8e9, device_used_bytes=2e9), ()
    )
    assert "DRAINING" in lines[0]
    assert "no snapshots" in lines[0]
    assert "device 2.0 GB of 8.0 GB" in lines[1]


def test_columns_stand_under_each_other() -> None:
    head, first, second = status_lines("here", info(), [clip(), clip(clip_key="a-longer-one", last_snapshot=123)])[3:]
    assert head.index("client") == first.index("n ") == second.index("n ")
    assert first.split()[-5:] == ["12.3", "3", "device", "-", "0", "s"][-5:]
    assert "123" in second


def test_long_keys_keep_both_ends() -> None:
    assert shortened("abcdefghij", 5) == "ab…ij"
    assert len(shortened("x" * 100, 24)) == 24


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3660, "1 h 1 min"), (90_000, "1 d 1 h")]
)
def test_durations(seconds: int, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 MB"), (999_000_000, "999 MB"), (1_500_000_000, "1.5 GB")])
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text
