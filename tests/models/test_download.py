"""A download goes on only with the file that it began with, and a failure is one line that names the address."""

import errno
import hashlib
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

from kinemacolor.models import command, library
from kinemacolor.models.command import main
from kinemacolor.models.download import download
from kinemacolor.models.errors import DownloadError
from kinemacolor.models.library import installed_card
from kinemacolor.models.networks.lai import Lai

OLD, NEW = (bytes([letter]) * 300_000 for letter in b"on")
NOTE = ".a.pth.download.json"


class Server:
    """Serves `data`, by ranges, and breaks off after `stops_after` bytes of a body."""

    def __init__(self) -> None:
        self.data, self.tags = OLD, {"ETag": '"old"'}
        self.stops_after: int | None = None
        self.heeds_if_range = True
        self.asked: list[tuple[str | None, str | None]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.root = f"http://127.0.0.1:{self._http.server_address[1]}"
        self.url = f"{self.root}/a.pth"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        span, condition = request.headers.get("Range"), request.headers.get("If-Range")
        self.asked.append((span, condition))
        if condition is not None and self.heeds_if_range and condition not in self.tags.values():
            span = None
        start = 0 if span is None else int(span.removeprefix("bytes=").removesuffix("-"))
        if span is not None and start >= len(self.data):
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(self.data)}")
            request.end_headers()
            return
        request.send_response(200 if span is None else 206)
        if span is not None:
            request.send_header("Content-Range", f"bytes {start}-{len(self.data) - 1}/{len(self.data)}")
        for name, value in self.tags.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(self.data) - start))
        request.end_headers()
        request.wfile.write(self.data[start:][: self.stops_after])


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


def broken_off(server: Server, target: Path, sha256: str = "") -> None:
    server.stops_after = 100_000
    with pytest.raises(DownloadError, match="the connection ended after 100000 of 300000 bytes"):
        download(server.url, target, sha256)
    server.stops_after = None
    server.asked.clear()


@pytest.mark.parametrize(
    "tags", [{"ETag": '"x"'}, {"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}], ids=["etag", "date"]
)
def test_what_the_server_says_is_the_same_file_is_gone_on_with(
    server: Server, tmp_path: Path, tags: dict[str, str]
) -> None:
    server.tags = tags
    broken_off(server, tmp_path / "a.pth")
    download(server.url, tmp_path / "a.pth", "")
    assert server.asked == [("bytes=100000-", *tags.values())]
    assert (tmp_path / "a.pth").read_bytes() == OLD
    assert [path.name for path in tmp_path.iterdir()] == ["a.pth"]


@pytest.mark.parametrize("heeds", [True, False], ids=["heeds", "ignores If-Range"])
@pytest.mark.parametrize("sha256", ["", hashlib.sha256(NEW).hexdigest()], ids=["unknown", "known"])
def test_another_version_is_begun_anew(server: Server, tmp_path: Path, heeds: bool, sha256: str) -> None:
    broken_off(server, tmp_path / "a.pth")
    server.data, server.tags, server.heeds_if_range = NEW, {"ETag": '"new"'}, heeds
    download(server.url, tmp_path / "a.pth", sha256)
    assert (tmp_path / "a.pth").read_bytes() == NEW


def test_another_address_is_begun_anew(server: Server, tmp_path: Path) -> None:
    broken_off(server, tmp_path / "a.pth")
    server.data = NEW  # with the same tag: tags of two addresses cannot be compared
    download(f"{server.root}/other/a.pth", tmp_path / "a.pth", "")
    assert server.asked == [(None, None)]
    assert (tmp_path / "a.pth").read_bytes() == NEW


def test_a_file_of_known_hash_is_gone_on_with_from_another_address(server: Server, tmp_path: Path) -> None:
    broken_off(server, tmp_path / "a.pth")
    download(f"{server.root}/mirror/a.pth", tmp_path / "a.pth", hashlib.sha256(OLD).hexdigest())
    assert server.asked == [("bytes=100000-", None)]


@pytest.mark.parametrize("tags", [{}, {"ETag": 'W/"weak"'}], ids=["none", "weak"])
def test_without_anything_to_tell_versions_apart_it_is_begun_anew(
    server: Server, tmp_path: Path, tags: dict[str, str]
) -> None:
    server.tags = tags
    broken_off(server, tmp_path / "a.pth")
    server.data = NEW
    download(server.url, tmp_path / "a.pth", "")
    assert server.asked == [(None, None)]
    assert (tmp_path / "a.pth").read_bytes() == NEW


@pytest.mark.parametrize("note", [None, "{", "[]", '{"url": 3}'])
def test_a_part_without_a_note_of_where_it_came_from_is_begun_anew(
    server: Server, tmp_path: Path, note: str | None
) -> None:
    (tmp_path / ".a.pth.download").write_bytes(NEW[:1000])
    if note is not None:
        (tmp_path / NOTE).write_text(note)
    download(server.url, tmp_path / "a.pth", "")
    assert (tmp_path / "a.pth").read_bytes() == OLD


def test_a_whole_part_is_taken_and_a_longer_one_is_not(server: Server, tmp_path: Path) -> None:
    for more in (b"", b"more"):
        broken_off(server, tmp_path / "a.pth")
        (tmp_path / ".a.pth.download").write_bytes(OLD + more)
        download(server.url, tmp_path / "a.pth", "")
        assert (tmp_path / "a.pth").read_bytes() == OLD
        assert len(server.asked) == (2 if more else 1)


def test_a_part_that_is_longer_than_what_the_server_has_is_not_taken(server: Server, tmp_path: Path) -> None:
    broken_off(server, tmp_path / "a.pth")

    def meddle(done: int, total: int | None) -> None:
        with (tmp_path / ".a.pth.download").open("ab") as other:
            other.write(b"more")

    with pytest.raises(DownloadError, match=rf"expected {len(OLD)} bytes, found "):
        download(server.url, tmp_path / "a.pth", "", meddle)
    assert not list(tmp_path.iterdir())


# ---- one line that names the address ----


@pytest.fixture
def rude() -> Iterator[Callable[[bytes], str]]:
    """A server that says something and resets the connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    answers: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.recv(1 << 16)
                client.sendall(answers[0])
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def start(answer: bytes) -> str:
        answers.append(answer)
        return f"://127.0.0.1:{listener.getsockname()[1]}/a.pth"

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield start
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "answer",
    [b"", b"no HTTP at all\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\npart", b"HTTP/1.1 200 OK\r\nCo"],
    ids=["nothing", "noise", "part", "head"],
)
def test_a_connection_that_fails_is_one_line_with_the_address(
    rude: Callable[[bytes], str], tmp_path: Path, scheme: str, answer: bytes
) -> None:
    url = scheme + rude(answer)
    with pytest.raises(DownloadError) as caught:
        download(url, tmp_path / "a.pth", "")
    assert str(caught.value).startswith(f"{url}: ")
    assert "\n" not in str(caught.value)


def test_an_error_of_tls_while_the_body_comes_names_the_address(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import http.client
    import ssl

    def fail(*_: Any) -> bytes:
        raise ssl.SSLError(1, "[SSL: DECRYPTION_FAILED_OR_BAD_RECORD_MAC] decryption failed")

    monkeypatch.setattr(http.client.HTTPResponse, "read1", fail)
    with pytest.raises(DownloadError, match=f"^{server.url}: .*DECRYPTION_FAILED"):
        download(server.url, tmp_path / "a.pth", "")


def test_a_folder_that_cannot_be_written_to_is_not_the_server_s_fault(server: Server, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        download(server.url, tmp_path / "missing" / "a.pth", "")


# ---- a good file whose import fails ----


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KINEMACOLOR_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def lai(server: Server, tmp_path: Path) -> Server:
    torch.save(Lai().state_dict(), tmp_path / "lai.pth")
    server.data = (tmp_path / "lai.pth").read_bytes()
    return server


@pytest.mark.parametrize("what", ["rename", "tensors", "read"])
def test_a_file_that_could_not_be_imported_for_want_of_room_is_kept_and_said_so(
    lai: Server, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    rename = os.replace

    def full(source: Path, *others: Path) -> None:
        if others and others[0].parent != folder:
            return rename(source, *others)  # the download's own
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "lai.safetensors")

    def full_for_tensors(*_: Any) -> None:
        raise library.SafetensorError("I/O error: No space left on device (os error 28)")

    with monkeypatch.context() as patched:
        match what:
            case "rename":
                patched.setattr(library.os, "replace", full)
            case "tensors":
                patched.setattr(library, "save_file", full_for_tensors)
            case "read":
                patched.setattr(library, "sha256_of_weights", full)
        assert main(["get", "lai", "--url", lai.url]) == 1
    kept = folder / "downloads" / "a.pth"
    (line,) = capsys.readouterr().err.splitlines()
    assert "No space left on device" in line
    assert line.endswith(f"the file is kept: kinemacolor models import lai --from {kept}")
    assert kept.read_bytes() == lai.data
    assert main(["import", "lai", "--from", str(kept)]) == 0
    assert installed_card("lai") is not None


def test_a_file_whose_import_was_broken_off_is_kept(lai: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "import_weights", interrupted)
    with pytest.raises(KeyboardInterrupt):
        main(["get", "lai", "--url", lai.url])
    assert (folder / "downloads" / "a.pth").read_bytes() == lai.data


def test_a_file_that_another_command_is_fetching_is_left_to_it(
    lai: Server, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked, codes = threading.Event(), list[int]()
    may_end, answer = threading.Event(), lai.answer

    def slow(request: BaseHTTPRequestHandler) -> None:
        asked.set()
        may_end.wait(60)
        answer(request)

    monkeypatch.setattr(lai, "answer", slow)
    first = threading.Thread(target=lambda: codes.append(main(["get", "lai", "--url", lai.url])))
    first.start()
    assert asked.wait(60)
    capsys.readouterr()
    try:
        assert main(["get", "lai", "--url", lai.url]) == 1
        assert "a.pth: another command is fetching it" in capsys.readouterr().err
    finally:
        may_end.set()
        first.join(60)
    assert codes == [0]
    assert installed_card("lai") is not None
    assert not (folder / "downloads").exists()
