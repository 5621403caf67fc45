"""Fault 26: names from outside are names, whatever stands in them, and never ways through a file system."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from film import Client, Film
from streams import Stream, connect, open_clip

from kinemacolor.models.command import main as models
from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.v1 import colorize_pb2_grpc as pb_grpc

PATHS = pytest.mark.fault(26, "path traversal")
FILM = Film(frames=30, cuts=())
WAYS_OUT = (
    "../../etc/passwd",
    "/etc/passwd",
    "..",
    "a/../../b",
    "..\\..\\windows",
    "C:\\boot.ini",
    "a\0b",
    "a\nb",
    "．．／etc",
    "e\u0301",
    "\u202etxt.exe",
    "%2e%2e%2f",
    "~root",
    "$HOME",
    "a b",
)
ODD_BUT_GOOD = ("CON", "NUL.safetensors", "lpt1", "a..b", "...a", "-rf", "x" * 128, "C:", ".hidden")
CLIP_FOLDER = re.compile(r"[0-9a-f]{32}-[0-9a-f]{16}")
Stub = pb_grpc.ColorizeServiceStub


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, launch: Callable[..., object]) -> Any:
    return launch(tmp_path_factory.mktemp("names"), "--model", "tiny", listen="127.0.0.1:0")


@pytest.fixture
def stub(server: Any) -> Iterator[Stub]:
    with connect(server.address) as made:
        yield made


def refusal(stub: Stub, **fields: object) -> tuple[grpc.StatusCode, str | None]:
    stream = Stream(stub)
    stream.send(open_clip(**fields))
    return stream.refusal()


@PATHS
def test_a_key_that_is_a_way_out_is_refused(stub: Stub) -> None:
    for key in (*WAYS_OUT, "x" * 129):
        assert refusal(stub, clip_key=key) == (grpc.StatusCode.INVALID_ARGUMENT, "BAD_FIELD"), key
        with pytest.raises(grpc.RpcError) as caught:
            stub.EvictClip(pb.EvictClipRequest(clip_key=key))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


@PATHS
def test_a_key_that_is_odd_on_some_system_is_never_the_name_of_a_file(server: Any, stub: Stub) -> None:
    for key in ODD_BUT_GOOD:
        client = Client(stub, FILM, key)
        client.open()
        client.play(range(FILM.frames))
        client.wait_durable(FILM.frames - 1, through=23)
    clips = server.log_path.parent / "state" / "clips"
    folders = [path.name for path in clips.iterdir()]
    assert len(folders) == len(ODD_BUT_GOOD)
    assert all(map(CLIP_FOLDER.fullmatch, folders))


@PATHS
def test_a_model_that_is_a_way_out_is_unknown(stub: Stub) -> None:
    for name in (*WAYS_OUT, *ODD_BUT_GOOD, "tiny/../tiny", "ｔｉｎｙ", "tiny+../lai", "x" * 5000):
        assert refusal(stub, model=name) == (grpc.StatusCode.NOT_FOUND, "UNKNOWN_MODEL"), name


@PATHS
@pytest.mark.parametrize("action", ["get", "import", "verify", "licence"])
def test_a_network_that_is_a_way_out_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    monkeypatch.setenv("KINEMACOLOR_MODELS", str(tmp_path / "models"))
    (tmp_path / "lai.safetensors").write_bytes(b"x")
    for name in (*WAYS_OUT, "../lai"):
        assert (
            models([action, name, *(["--from", str(tmp_path / "lai.safetensors")] if action == "import" else [])]) == 2
        )
        said = capsys.readouterr().err
        assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["lai.safetensors"]


@PATHS
@pytest.mark.parametrize("end", ["..", ".", "%2e%2e", "a%2f..%2fb", "a\\..\\b", "x" * 300])
def test_a_download_has_a_name_inside_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], end: str
) -> None:
    monkeypatch.setenv("KINEMACOLOR_MODELS", str(tmp_path / "models"))
    (tmp_path / "page").mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(tmp_path / "page")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        text=True,
    ) as shop:
        assert shop.stdout is not None
        port = re.search(r"port (\d+)", shop.stdout.readline())
        assert port is not None
        assert models(["get", "lai", "--url", f"http://127.0.0.1:{port[1]}/{end}", "--sha256", ""]) == 1
        shop.terminate()
    assert capsys.readouterr().err.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} <= {"models", "page"}
    assert not list((tmp_path / "models").rglob("*.safetensors"))
