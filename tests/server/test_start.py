"""Starting a server wrongly: one clear line and an exit code."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from box import start
from streams import wait_until

from kinemacolor.server import engine, lifecycle
from kinemacolor.server.config import ConfigError, ServerConfig
from kinemacolor.server.main import main

CANNOT_START = pytest.mark.fault(33, "port in use, no model, no GPU")


@pytest.mark.parametrize(
    "listen",
    [
        "0.0.0.0:7411",
        "[::]:7411",
        "192.168.1.4:7411",
        "example.org:80",
        ":7411",
        "unix:relative",
        "nonsense",
        "::1:7411",
        ":::7411",
        "127.0.0.1:7411 ",
        "127.0.0.1,[::1]:7411",
    ],
)
def test_addresses_that_others_can_reach_are_refused(listen: str) -> None:
    with pytest.raises(ConfigError, match=r"loopback|expected|name an address"):
        ServerConfig(listen=listen)


@pytest.mark.parametrize(
    "listen", ["127.0.0.1:0", "127.3.2.1:80", "[::1]:7411", "[::1%lo]:7411", "localhost:7411", "unix:/run/s"]
)
def test_local_addresses_are_accepted(listen: str) -> None:
    assert ServerConfig(listen=listen).listen == listen


@CANNOT_START
@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (["--listen", "0.0.0.0:7411"], 2, "loopback"),
        (["--window", "0"], 2, "--window must be 1 to 64"),
        (["--device", "tpu"], 2, "--device must be auto, cpu or cuda:N"),
        (["--device", "cuda:9"], 2, "CUDA device"),
        (["--model", "no-such"], 2, "tiny"),
        (["--model", "eccv16"], 2, "eccv16"),
        (["--model", "tiny", "--temporal", "lai"], 2, "no model 'tiny+lai'"),
        (["--model", "kinema+none", "--temporal", "none"], 2, "names a temporal network already"),
        (["--model", "tiny", "--listen", "unix:/no/such/folder/s"], 3, "no such folder"),
        (["--model", "tiny", "--listen", "unix:/tmp/\udcff"], 2, "expected unix:/absolute/path"),
    ],
)
def test_a_server_that_cannot_start_says_why_in_one_line(options: list[str], code: int, text: str) -> None:
    status, stderr = start(*options)
    assert (status, stderr.count("\n")) == (code, 1), stderr
    assert text in stderr


@CANNOT_START
@pytest.mark.parametrize(
    ("weights", "text"), [(None, "expected imported weights, found none"), (b"another", "import it again")]
)
def test_a_model_whose_weights_are_gone_or_others_is_not_served(
    tmp_path: Path, weights: bytes | None, text: str
) -> None:
    fields = ("sha256", "imported_from", "imported_sha256", "source", "licence", "terms")
    card = {**dict.fromkeys(fields, "x"), "name": "eccv16", "is_official": True}
    (tmp_path / "eccv16.json").write_text(json.dumps(card))
    if weights is not None:
        (tmp_path / "eccv16.safetensors").write_bytes(weights)
    status, stderr = start("--model", "eccv16", environment={"KINEMACOLOR_MODELS": str(tmp_path)})
    assert (status, stderr.count("\n")) == (1, 1), stderr
    assert text in stderr


def test_a_model_without_memory_is_one_line_and_a_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engine, "load_model", lambda *_, **__: torch.empty(1 << 60, dtype=torch.uint8))
    assert main(["--model", "tiny"]) == 5
    assert capsys.readouterr().err == "kinemacolor serve: no memory for the model; another one needs less\n"


@CANNOT_START
def test_an_address_in_use_is_refused_and_its_server_lives(start_server: Callable[..., object]) -> None:
    first = start_server()
    status, stderr = start("--model", "tiny", "--listen", first.address)  # type: ignore[attr-defined]
    assert status == 3
    assert "another server answers there" in stderr
    assert first.process.poll() is None  # type: ignore[attr-defined]


@CANNOT_START
@pytest.mark.parametrize("option", ["--listen", "--http"])
def test_what_is_no_name_of_a_host_is_one_line(tmp_path: Path, option: str) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("correct-horse-battery\n")
    tokens.chmod(0o600)
    status, stderr = start("--model", "tiny", option, "a..b:7411", "--token-file", str(tokens))
    assert status == 3
    assert stderr.splitlines()[-1].endswith("not a name that a machine can have")
    assert "Traceback" not in stderr


@CANNOT_START
def test_a_port_in_use_is_one_line_before_a_model_loads(start_server: Callable[..., object]) -> None:
    address = start_server(listen="127.0.0.1:0").address  # type: ignore[attr-defined]
    for model in ("tiny", "no-such"):
        status, stderr = start("--model", model, "--listen", address)
        assert (status, stderr) == (3, f"kinemacolor serve: cannot listen on {address}: Address already in use\n")


def test_the_socket_is_gone_after_the_server(start_server: Callable[..., object]) -> None:
    server = start_server()
    path = Path(server.address.removeprefix("unix:"))  # type: ignore[attr-defined]
    assert path.is_socket()
    assert path.stat().st_mode & 0o077 == 0
    assert server.stop() == 0  # type: ignore[attr-defined]
    assert not path.exists()


def test_the_end_of_stdin_ends_the_server(short_folder: Path) -> None:
    command = [sys.executable, "-m", "kinemacolor.server", "--model", "tiny", "--exit-with-stdin"]
    process = subprocess.Popen(
        [*command, "--listen", f"unix:{short_folder}/s"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert b"ready" in process.stdout.readline()
        process.stdin.close()
        assert process.wait(60) == 0


def test_a_folder_that_only_looks_private_is_left_alone(short_folder: Path) -> None:
    folder = short_folder / "kinemacolor-archive"
    (folder / "state").mkdir(parents=True)
    (folder / "state" / "reel1.txt").write_text("a film")
    status, _ = start("--model", "tiny", "--exit-with-stdin", "--listen", f"unix:{folder}/s")
    assert status == 0
    assert (folder / "state" / "reel1.txt").read_text() == "a film"


def test_a_private_folder_goes_with_its_server(short_folder: Path) -> None:
    folder = short_folder / "kinemacolor-x"
    folder.mkdir(mode=0o700)
    listen, state = f"unix:{folder}/2.sock", str(folder / "state")
    status, log = start("--model", "tiny", "--exit-with-stdin", "--listen", listen, "--state-dir", state)
    assert status == 0, log
    assert not folder.exists()


def test_ctrl_c_during_the_start_is_no_traceback(short_folder: Path) -> None:
    command = [sys.executable, "-m", "kinemacolor.server", "--model", "tiny", "--listen", f"unix:{short_folder}/s"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        maps = Path(f"/proc/{process.pid}/maps")
        wait_until(lambda: "libtorch" in maps.read_text())
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (-signal.SIGINT, "", "")


class SlowServer:
    """Stands for a grpc server: binds, and lets a test look before anything else happens."""

    def __init__(self) -> None:
        self.mode_at_birth = 0

    def add_insecure_port(self, address: str) -> int:
        path = Path(address.removeprefix("unix:"))
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
        self.mode_at_birth = path.stat().st_mode
        return 1


def test_nobody_else_can_connect_before_the_socket_is_closed_to_them(short_folder: Path) -> None:
    server = SlowServer()
    before = os.umask(0)
    try:
        lifecycle._bind(server, f"unix:{short_folder}/s")  # type: ignore[arg-type]
    finally:
        os.umask(before)
    assert server.mode_at_birth & 0o077 == 0


def test_a_server_too_busy_to_accept_keeps_its_socket(short_folder: Path) -> None:
    path = short_folder / "s"
    with (
        ThreadPoolExecutor(1) as pool,
        socket.socket(socket.AF_UNIX) as listener,
        socket.socket(socket.AF_UNIX) as waiting,
    ):
        listener.bind(str(path))
        listener.listen(0)
        waiting.connect(str(path))  # the backlog is full from here on: another connect would block
        error = pool.submit(lifecycle._check_socket_path, path).exception(timeout=20)
    assert "another server answers there" in str(error)


@pytest.mark.parametrize("folder_name", ["kinemacolor-x", "mine"])
def test_a_private_servers_empty_folder_goes_with_it_and_no_other(short_folder: Path, folder_name: str) -> None:
    folder = short_folder / folder_name
    folder.mkdir()
    listen = ("--listen", f"unix:{folder}/s", "--exit-with-stdin")
    # /dev/null is at its end at once, and no event loop can watch it.
    done = subprocess.run(
        [sys.executable, "-m", "kinemacolor.server", "--model", "tiny", *listen],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert folder.exists() == (folder_name == "mine")
