import json
import subprocess
import sys
import time

import pytest

from kinemacolor.cli import exit_codes, main
from kinemacolor.client.errors import (
    ClipLostError,
    RequestRefusedError,
    ServerFaultError,
    ServerStartError,
    ServerTimeoutError,
    ServerUnreachableError,
)
from kinemacolor.media.errors import DiskFullError, OutputError, SourceError, TruncatedSourceError
from kinemacolor.render.errors import UsageError
from kinemacolor.wire.reasons import ErrorReason


def run(*arguments):
    command = [sys.executable, "-c", _MAIN, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


_MAIN = "import sys; from kinemacolor.cli.main import main; sys.exit(main())"


def test_help_is_quick_and_loads_nothing():
    started = time.monotonic()
    heavy = "import sys; from kinemacolor.cli.main import main; main(['--help']); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert time.monotonic() - started < 2  # measured 0.08 s; a busy machine gets room
    for name in ("numpy", "grpc", "av", "cv2", "tqdm", "torch", "argparse"):
        assert f"'{name}'" not in done.stdout


@pytest.mark.parametrize("name", sorted(set(main.COMMANDS) - {"serve"}))
def test_every_command_has_help(name, capsys):
    assert main.main([name, "--help"]) == 0
    assert "usage: " in capsys.readouterr().out


def test_version(capsys):
    assert main.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("kinemacolor 0.")


@pytest.mark.parametrize(("words", "code"), [([], 2), (["--help"], 0), (["nonsense"], 2)])
def test_words_that_are_no_command(words, code, capsys):
    assert main.main(words) == code


def test_a_missing_package_names_its_extra(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "av", None)
    for module in [name for name in sys.modules if name.startswith(("kinemacolor.media", "kinemacolor.cli.info"))]:
        monkeypatch.delitem(sys.modules, module)
    assert main.main(["info", "film.mov"]) == 1
    assert capsys.readouterr().err.count("pip install 'kinemacolor[render]'") == 1


def test_serve_becomes_the_server():
    done = run("serve", "--listen", "0.0.0.0:1")
    assert done.returncode == 2
    assert "loopback" in done.stderr


def test_debug_shows_where():
    assert "Traceback" not in run("info", "/nonexistent.mov").stderr
    assert "Traceback" in run("--debug", "info", "/nonexistent.mov").stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 2),
        (ServerUnreachableError("x"), 3),
        (ServerTimeoutError("x"), 3),
        (ServerFaultError("x"), 3),
        (ClipLostError("x"), 3),
        (ServerStartError("x"), 3),
        (ServerStartError("x", 3), 3),
        (ServerStartError("x", 2), 2),
        (ServerStartError("x", 5), 5),
        (RequestRefusedError("x", ErrorReason.TOO_MANY_CLIPS), 3),
        (RequestRefusedError("x", ErrorReason.UNKNOWN_MODEL), 2),
        (RequestRefusedError("x", ErrorReason.UNSUPPORTED), 2),
        (RequestRefusedError("x", ErrorReason.OUT_OF_MEMORY), 5),
        (SourceError("x"), 4),
        (TruncatedSourceError("x"), 4),
        (OutputError("x"), 1),
        (DiskFullError("x"), 1),
        (MemoryError(), 5),
        (RuntimeError("x"), 1),
    ],
)
def test_every_error_has_a_code_and_one_line(error, code):
    text, found = exit_codes.explain(error)
    assert found == code
    assert text
    assert "\n" not in text


def test_models_are_listed_by_a_running_server(tiny_server, capsys):
    assert main.main(["models", "list", "--json", "--server", tiny_server]) == 0
    models = json.loads(capsys.readouterr().out)
    assert {"name", "frame", "temporal", "licence", "terms", "weights_sha256", "is_default"} <= models[0].keys()
    assert "tiny" in [model["name"] for model in models]
    assert main.main(["models", "list", "--server", tiny_server]) == 0
    told = capsys.readouterr().out
    assert "(takes references and hints, 4 variants)" in told
    assert "(takes references and hints, 4 variants, says how sure it is)" in told
    assert "CC-BY-NC-4.0: The weights were trained on" in told


def test_doctor_finds_a_healthy_installation(tiny_server, capsys):
    assert main.main(["doctor", "--json", "--server", tiny_server]) == 0
    findings = {finding["name"]: finding["ok"] for finding in json.loads(capsys.readouterr().out)}
    assert set(findings) == {"python", "packages", "encoders", "temporary folder", "server", "models", "round trip"}
    assert all(findings.values())


def test_doctor_says_that_there_is_no_server(short_folder, capsys):
    assert main.main(["doctor", "--server", f"unix:{short_folder}/s"]) == 3
    assert "BAD  server: no server answers" in capsys.readouterr().out


LOCKED = """
import sys, threading
from kinemacolor.cli.main import main

class Call:
    def __init__(self):
        self.me, self.lock = self, threading.Lock()
        self.lock.acquire()
    def __del__(self):
        self.lock.acquire()

call = Call()
sys.exit(main(["--version"]))
"""


def test_a_lock_that_a_dead_thread_held_keeps_no_command_from_ending() -> None:
    """grpc's calls take one when they are collected, at the very end, too."""
    done = subprocess.run([sys.executable, "-c", LOCKED], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
