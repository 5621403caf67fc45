"""`kinemacolor models get|import|verify|licence` against a real server on loopback, which may misbehave."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError

from kinemacolor.models import download, library
from kinemacolor.models.command import main
from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.library import installed_card, load_installed
from kinemacolor.models.networks.lai import Lai
from kinemacolor.models.registry import list_models, load_model


class Shop:
    """A server with one file, and what it does to those who ask."""

    def __init__(self, data: bytes) -> None:
        self.data, self.behaviour, self.asked = data, "good", list[str | None]()
        self.released = threading.Event()
        shop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                shop.asked.append(self.headers.get("Range"))
                getattr(shop, f"_{shop.behaviour}")(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/files/lai-blind.pth"

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(
        self, request: BaseHTTPRequestHandler, status: int, data: bytes, says: int | None = None, **more: str
    ) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(data) if says is None else says))
        for name, value in more.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(data)
        if says is not None:
            request.close_connection = True

    def _good(self, request: BaseHTTPRequestHandler) -> None:
        begin = request.headers.get("Range")
        if begin is None:
            return self._answer(request, 200, self.data)
        start = int(begin.removeprefix("bytes=").removesuffix("-"))
        if start >= len(self.data):
            return self._answer(request, 416, b"")
        return self._answer(
            request, 206, self.data[start:], Content_Range=f"bytes {start}-{len(self.data) - 1}/{len(self.data)}"
        )

    def _cut_off(self, request: BaseHTTPRequestHandler) -> None:
        self._answer(request, 200, self.data[: len(self.data) // 3], says=len(self.data))

    def _slow(self, request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(self.data)))
        request.end_headers()
        for start in range(0, len(self.data), 50_000):
            request.wfile.write(self.data[start : start + 50_000])
            request.wfile.flush()

    def _silent(self, request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(self.data)))
        request.end_headers()
        request.wfile.write(self.data[:50_000])
        request.wfile.flush()
        self.released.wait(30)
        request.close_connection = True

    def _no_ranges(self, request: BaseHTTPRequestHandler) -> None:
        self._answer(request, 200, self.data)

    def _missing(self, request: BaseHTTPRequestHandler) -> None:
        self._answer(request, 404, b"<html>gone</html>")

    def _page(self, request: BaseHTTPRequestHandler) -> None:
        self._answer(request, 200, b"<!DOCTYPE html><html>please log in</html>")

    def _other(self, request: BaseHTTPRequestHandler) -> None:
        self._answer(request, 200, b"\x80" + self.data[1:])

    def _moved(self, request: BaseHTTPRequestHandler) -> None:
        self.behaviour = "good"
        self._answer(request, 302, b"", Location=self.url)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    torch.manual_seed(4)
    path = tmp_path_factory.mktemp("weights") / "lai.pth"
    torch.save({"model": Lai().state_dict(), "optimizer": {}}, path)
    return path.read_bytes()


@pytest.fixture
def shop(weights: bytes) -> Iterator[Shop]:
    one = Shop(weights)
    yield one
    one.close()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KINEMACOLOR_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


Get = Callable[[], tuple[int, str]]


@pytest.fixture
def get(shop: Shop, capsys: pytest.CaptureFixture[str]) -> Get:
    def run() -> tuple[int, str]:
        sha256 = hashlib.sha256(shop.data).hexdigest()
        code = main(["get", "lai", "--url", shop.url, "--sha256", sha256])
        return code, capsys.readouterr().err

    return run


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_and_imported(get: Get, folder: Path, weights: bytes) -> None:
    assert get() == (0, "")
    assert names(folder) == ["lai.json", "lai.safetensors"]
    assert (folder / "lai.safetensors").stat().st_mode == (folder / "lai.json").stat().st_mode
    card = installed_card("lai")
    assert card is not None
    assert card.imported_sha256 == hashlib.sha256(weights).hexdigest()
    torch.manual_seed(4)
    expected = Lai().state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in load_installed("lai").state_dict().items())
    assert main(["verify"]) == 0


def test_a_connection_that_breaks_is_gone_on_with(get: Get, shop: Shop, folder: Path) -> None:
    shop.behaviour = "cut_off"
    code, message = get()
    assert code == 1
    assert "the connection ended after" in message or "goes on where it stopped" in message
    assert message.count("\n") == 1
    assert names(folder / "downloads") == [".lai-blind.pth.download", ".lai-blind.pth.download.json"]
    shop.behaviour = "good"
    assert get() == (0, "")
    assert shop.asked == [None, f"bytes={len(shop.data) // 3}-"]


def test_a_server_without_ranges_begins_anew(get: Get, shop: Shop) -> None:
    shop.behaviour = "cut_off"
    assert get()[0] == 1
    shop.behaviour = "no_ranges"
    assert get() == (0, "")


def test_a_download_that_was_whole_is_not_fetched_again(get: Get, shop: Shop, folder: Path) -> None:
    folder.mkdir()
    (folder / "downloads").mkdir(parents=True, exist_ok=True)
    (folder / "downloads" / ".lai-blind.pth.download").write_bytes(shop.data)
    assert get() == (0, "")
    assert shop.asked == [f"bytes={len(shop.data)}-"]


def test_a_slow_server_is_waited_for(get: Get, shop: Shop) -> None:
    shop.behaviour = "slow"
    assert get() == (0, "")


def test_a_server_that_falls_silent_is_left_and_gone_on_with(
    get: Get, shop: Shop, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_SILENCE_SECONDS", 0.5)
    shop.behaviour = "silent"
    code, message = get()
    assert code == 1
    assert "timed out; the same command goes on where it stopped" in message
    there = (folder / "downloads" / ".lai-blind.pth.download").stat().st_size
    shop.behaviour = "good"
    assert get() == (0, "")
    assert shop.asked == [None, f"bytes={there}-"]


def test_a_redirect_is_followed(get: Get, shop: Shop) -> None:
    shop.behaviour = "moved"
    assert get() == (0, "")


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [("missing", "the server answers 404"), ("page", "found a web page"), ("other", "found a file with SHA-256")],
)
def test_what_is_not_the_file_is_named_and_not_kept(
    get: Get, shop: Shop, folder: Path, behaviour: str, message: str
) -> None:
    shop.behaviour = behaviour
    code, said = get()
    assert code == 1
    assert message in said
    assert said.count("\n") == 1
    assert names(folder) == []


def test_a_page_in_place_of_a_file_whose_hash_is_not_known_is_named_and_not_kept(
    capsys: pytest.CaptureFixture[str], shop: Shop, folder: Path
) -> None:
    shop.behaviour = "page"
    assert main(["get", "ddcolor-t", "--url", shop.url]) == 1
    assert "expected a file of weights, found a web page" in capsys.readouterr().err
    assert names(folder) == []


def test_a_disk_that_is_full_leaves_no_half_of_a_file_and_is_said_in_one_line(
    get: Get, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(library, "save_file", full)
    code, said = get()
    assert code == 1
    assert "expected to keep weights there, found: I/O error: No space left" in said
    assert said.count("\n") == 1
    assert names(folder) == ["downloads"]
    assert names(folder / "downloads") == ["lai-blind.pth"]


def test_nobody_at_the_address(capsys: pytest.CaptureFixture[str], shop: Shop) -> None:
    shop.close()
    assert main(["get", "lai", "--url", shop.url]) == 1
    assert "Connection refused" in capsys.readouterr().err
    assert main(["get", "lai", "--url", "ftp://127.0.0.1/lai.pth"]) == 1
    assert "http or https" in capsys.readouterr().err
    assert main(["get", "lai"]) == 1
    assert "not to be had any more" in capsys.readouterr().err


def test_import_verify_and_licence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, folder: Path, weights: bytes
) -> None:
    path = tmp_path / "mine.pth"
    path.write_bytes(weights)
    assert main(["verify", "lai"]) == 2
    assert "kinemacolor models get lai" in capsys.readouterr().err
    assert main(["import", "lai", "--from", str(path)]) == 0
    assert "whose it is cannot be told: no hash of the authors' file is known" in capsys.readouterr().out
    assert main(["verify", "lai"]) == 0
    data = bytearray((folder / "lai.safetensors").read_bytes())
    data[-5] ^= 1
    (folder / "lai.safetensors").write_bytes(bytes(data))
    assert main(["verify", "lai"]) == 1
    assert "import it again" in capsys.readouterr().err
    assert main(["import", "eccv16", "--from", str(path)]) == 1
    assert "found those of lai" in capsys.readouterr().err
    assert main(["import", "nobody", "--from", str(path)]) == 2
    assert main(["licence", "siggraph17"]) == 0
    assert "BSD-2-Clause" in capsys.readouterr().out


def test_an_address_that_is_named_like_installed_weights_harms_none(shop: Shop, folder: Path) -> None:
    url = shop.url.replace("lai-blind.pth", "lai.safetensors")
    assert main(["get", "lai", "--url", url, "--sha256", hashlib.sha256(shop.data).hexdigest()]) == 0
    assert names(folder) == ["lai.json", "lai.safetensors"]
    assert main(["verify", "lai"]) == 0


@pytest.mark.parametrize("url", ["http://[::1", "http://127.0.0.1:1/a b", "ftp://127.0.0.1/a"])
def test_what_is_no_address_is_said_in_one_line(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["get", "lai", "--url", url, "--sha256", "00"]) == 1
    (line,) = [text for text in capsys.readouterr().err.splitlines() if text]
    assert url in line


def test_a_damaged_card_is_told_when_its_model_is_asked_for_and_harms_no_other(folder: Path) -> None:
    folder.mkdir()
    (folder / "siggraph17.json").write_text('{"broken')
    told = {spec.name: spec for spec in list_models()}
    assert told["siggraph17"].weights_sha256 == ""
    assert told["siggraph17"].description.endswith("its installed weights are damaged")
    assert load_model("kinema").spec == told["kinema"]
    with pytest.raises(CheckpointError, match=r"siggraph17\.json: expected a card of imported weights, found damage"):
        load_model("siggraph17")


def test_a_card_under_another_name_is_damage(folder: Path) -> None:
    folder.mkdir()
    card = dict.fromkeys(("sha256", "imported_from", "imported_sha256", "source", "licence", "terms"), "x")
    (folder / "siggraph17.json").write_text(json.dumps({**card, "name": "eccv16", "is_official": True}))
    with pytest.raises(CheckpointError, match=r"siggraph17\.json: .* found damage: it is that of 'eccv16'"):
        load_model("siggraph17")


def test_without_a_home_the_models_of_the_package_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("KINEMACOLOR_MODELS", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert "kinema" in [spec.name for spec in list_models()]
    with pytest.raises(CheckpointError, match=r"found no home.*; set KINEMACOLOR_MODELS"):
        load_model("eccv16")


def test_a_file_that_changes_while_it_is_imported_is_refused(
    tmp_path: Path, weights: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lai.pth"
    path.write_bytes(weights)
    read = library.read_weights

    def read_and_change(*arguments: Any) -> Any:
        tensors = read(*arguments)
        path.write_bytes(weights + b"more")
        return tensors

    monkeypatch.setattr(library, "read_weights", read_and_change)
    with pytest.raises(CheckpointError, match=r"lai\.pth: was changed while it was read"):
        library.import_weights("lai", path)
    assert installed_card("lai") is None


def test_an_import_without_memory_has_its_own_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(library, "read_weights", lambda *_: torch.empty(1 << 60, dtype=torch.uint8))
    path = tmp_path / "lai.pth"
    path.write_bytes(b"weights")
    assert main(["import", "lai", "--from", str(path)]) == 5
    assert capsys.readouterr().err == "kinemacolor: out of memory; lai needs about twice the size of its file\n"
