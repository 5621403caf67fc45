import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kinemacolor.client import private_server as module
from kinemacolor.client.errors import ServerStartError
from kinemacolor.client.private_server import private_server

FAKE = Path(__file__).with_name("fake_private_server.py")


def fake(behaviour):
    return private_server(command=(sys.executable, str(FAKE), behaviour), start_timeout=20)


def is_gone(pid):
    """True once the process has ended (a zombie has ended too)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until(condition, seconds=10.0):
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "the condition did not come true in time"
        time.sleep(0.02)


def test_it_runs_while_used_and_leaves_nothing():
    with fake("ready") as server:
        folder = Path(str(server.address).removeprefix("unix:")).parent
        assert server.exit_status() is None
        assert folder.stat().st_mode & 0o777 == 0o700
        assert os.getsid(server.pid) == server.pid != os.getsid(0)
    assert is_gone(server.pid)
    assert not folder.exists()


def test_it_is_stopped_when_the_body_raises():
    with pytest.raises(KeyboardInterrupt), fake("ready") as server:
        raise KeyboardInterrupt
    assert is_gone(server.pid)


def test_one_that_ignores_the_polite_signal_is_killed(monkeypatch):
    monkeypatch.setattr(module, "STOP_TIMEOUT_SECONDS", 0.2)
    with fake("stubborn") as server:
        pass
    assert is_gone(server.pid)


def test_the_reason_of_a_failed_start_is_passed_on():
    with pytest.raises(ServerStartError, match="no model named 'nope'; there are: tiny, kinema"), fake("refuse"):
        pass


def test_another_word_than_ready_is_refused():
    with pytest.raises(ServerStartError, match="said 'hello' instead"), fake("babble"):
        pass


def test_silence_ends():
    start = private_server(command=(sys.executable, str(FAKE), "silent"), start_timeout=0.3)
    with pytest.raises(ServerStartError, match="not ready within"), start:
        pass


def test_it_ends_when_the_client_is_killed(tmp_path):
    client = subprocess.Popen(
        [sys.executable, "-c", _CLIENT, str(FAKE)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},  # nobody is left to remove the folder
    )
    with client:
        server_pid = int(client.stdout.readline())
        client.send_signal(signal.SIGKILL)
    wait_until(lambda: is_gone(server_pid))


def test_a_long_temporary_folder_is_avoided(tmp_path, monkeypatch):
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with fake("ready") as server:
        assert len(os.fsencode(str(server.address))) < 110
    assert list(deep.iterdir()) == []


_CLIENT = """
import sys, time
from kinemacolor.client.private_server import private_server
with private_server(command=(sys.executable, sys.argv[1], "ready")) as server:
    print(server.pid, flush=True)
    time.sleep(600)
"""
