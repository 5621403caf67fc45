"""A file from its address: gone on with where an earlier attempt stopped, checked by its hash before it counts.

Beside what came stands a note of where it came from: the address, and what the server says tells its version apart from
others (ETag, else Last-Modified). Where no hash would notice it, two addresses or two versions must not be joined: then
only the same address is gone on with, and only on the condition of that version (RFC 9110, 13.1.5, If-Range).
"""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO

from kinemacolor.models.errors import DownloadError
from kinemacolor.models.file_lock import TakenError, held
from kinemacolor.models.files.load import is_web_page, sha256_of_file

__all__ = ["alone", "download"]

_CHUNK_BYTES = 1 << 20
_SILENCE_SECONDS = 60.0
_PARTIAL, _NOT_SATISFIABLE = 206, 416

Progress = Callable[[int, int | None], None]
"""Bytes that are there, bytes in all (None: the server does not say)."""


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where a part of a file came from."""

    url: str
    """As it was asked for; redirects may lead elsewhere each time."""
    version: str
    """A strong ETag, else Last-Modified; empty: the server says neither."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What has come so far, and the note beside it."""

    path: Path
    note: Path

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def origin(self) -> _Origin | None:
        try:
            found = json.loads(self.note.read_text(encoding="utf-8"))
            origin = _Origin(**found)
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return origin if isinstance(origin.url, str) and isinstance(origin.version, str) else None

    def begin(self, origin: _Origin) -> BinaryIO:
        """Anew. At no moment does the note speak of other bytes than those that are there."""
        self.note.unlink(missing_ok=True)
        file = self.path.open("wb")
        self.note.write_text(json.dumps(asdict(origin)), encoding="utf-8")
        return file

    def drop(self) -> None:
        self.note.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


@contextmanager
def alone(target: Path) -> Iterator[None]:
    """While no other command fetches this file: two would write into one part.

    Raises:
        DownloadError: Another one does.
        OSError: The folder cannot be written to.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(held(target.with_name(f".{target.name}.lock")))
        except TakenError as error:
            raise DownloadError(f"{target.name}: another command is fetching it") from error
        yield


def download(url: str, target: Path, sha256: str, progress: Progress = lambda done, total: None) -> None:
    """Fetch a file.

    Args:
        url: http or https; redirects are followed.
        target: Where it goes; its folder exists, and the caller is `alone` with it. Until it is whole and right it is
            called `.NAME.download`.
        sha256: Lower case hexadecimal, or its first digits; empty: nobody knows it, and only web pages are refused.
        progress: Called now and then.

    Raises:
        DownloadError: It cannot be had, or is another file; one line. What came is kept, unless it is wrong.
        OSError: It cannot be written.
    """
    name = f".{target.name}.download"
    part = _Part(target.with_name(name), target.with_name(f"{name}.json"))
    if not url.startswith(("http://", "https://")):
        raise DownloadError(f"{url}: expected an address that begins with http or https")
    try:
        _fetch(url, part, bool(sha256), progress)
    except _WrongSizeError:
        part.drop()
        raise
    found, web_page = sha256_of_file(part.path), is_web_page(part.path)
    if web_page or not found.startswith(sha256):
        part.drop()
        expected = f"a file with SHA-256 {sha256}" if sha256 else "a file of weights"
        what = "a web page" if web_page else f"a file with SHA-256 {found}"
        raise DownloadError(f"{url}: expected {expected}, found {what}")
    os.replace(part.path, target)
    part.note.unlink(missing_ok=True)


def _fetch(url: str, part: _Part, is_checked: bool, progress: Progress) -> None:
    """Go on with a part, or begin; `is_checked`: a hash will say whether the parts belong together."""
    there, origin = part.size(), part.origin()
    version = origin.version if origin is not None and origin.url == url else ""
    if there and (version or is_checked) and _goes_on(url, part, there, version, progress):
        return
    with _asked(url, {}) as answer:
        _begin(url, part, answer, progress)


def _goes_on(url: str, part: _Part, there: int, version: str, progress: Progress) -> bool:
    """Fetch the rest, or all of it if the server gives all; False: what it has is not the rest of this part."""
    condition = {"If-Range": version} if version else {}
    try:
        with _asked(url, {"Range": f"bytes={there}-", **condition}) as answer:
            if answer.status != _PARTIAL:
                _begin(url, part, answer, progress)
                return True
            begins_there = answer.headers.get("Content-Range", "").startswith(f"bytes {there}-")
            if not begins_there or (version and _version(answer) != version):
                return False  # a server that heeds no If-Range
            with part.path.open("ab") as file:
                _copy(url, answer, file, there, progress)
            return True
    except _NotSatisfiableError as error:
        # It was whole already, if the server says so or a hash will.
        return error.total == there or (error.total is None and not version)


def _begin(url: str, part: _Part, answer: HTTPResponse, progress: Progress) -> None:
    with part.begin(_Origin(url, _version(answer))) as file:
        _copy(url, answer, file, 0, progress)


class _WrongSizeError(DownloadError):
    """There is more than the server has."""


class _NotSatisfiableError(Exception):
    """The server has no bytes from there on."""

    def __init__(self, total: int | None) -> None:
        super().__init__()
        self.total = total
        """Bytes of the file, if the server says it."""


@contextmanager
def _asked(url: str, headers: dict[str, str]) -> Iterator[HTTPResponse]:
    """The answer of the server.

    Raises:
        _NotSatisfiableError: The range that was asked for is beyond the file.
        DownloadError: There is none.
    """
    try:
        with _of_the_net(url):
            answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_SILENCE_SECONDS)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == _NOT_SATISFIABLE and headers:
            raise _NotSatisfiableError(_number(error.headers.get("Content-Range", "").partition("*/")[2])) from error
        raise DownloadError(f"{url}: the server answers {error.code} {' '.join(str(error.reason).split())}") from error
    with answer:
        yield answer


@contextmanager
def _of_the_net(url: str) -> Iterator[None]:
    """Failures of names, sockets, TLS and HTTP as one line; those of files never pass through here."""
    try:
        yield
    except urllib.error.HTTPError:
        raise
    except (OSError, HTTPException, ValueError) as error:  # URLError, SSLError and time-outs are of OSError
        reason = " ".join(str(getattr(error, "reason", error) or type(error).__name__).split())
        raise DownloadError(f"{url}: {reason}; the same command goes on where it stopped") from error


def _version(answer: HTTPResponse) -> str:
    """What If-Range takes: an ETag that is not weak, else a date."""
    tag = str(answer.headers.get("ETag", ""))
    return tag if tag.startswith('"') else str(answer.headers.get("Last-Modified", ""))


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None


def _copy(url: str, source: HTTPResponse, file: BinaryIO, done: int, progress: Progress) -> None:
    """All that comes, safely into the file.

    Raises:
        DownloadError: There is less than the server said; of its kind `_WrongSizeError`: more.
        OSError: It cannot be written.
    """
    length = _number(source.headers.get("Content-Length", ""))
    total = _number(source.headers.get("Content-Range", "").rpartition("/")[2])  # else it has no range
    if total is None and length is not None:
        total = done + length
    for chunk in _chunks(url, source):
        file.write(chunk)
        done += len(chunk)
        progress(done, total)
    file.flush()
    os.fsync(file.fileno())
    if total is not None and done < total:
        raise DownloadError(
            f"{url}: the connection ended after {done} of {total} bytes; the same command goes on where it stopped"
        )
    size = os.fstat(file.fileno()).st_size
    if size != (done if total is None else total):
        raise _WrongSizeError(f"{url}: expected {done if total is None else total} bytes, found {size}")


def _chunks(url: str, source: HTTPResponse) -> Iterator[bytes]:
    while True:
        # Not `read`: it waits for the whole chunk, and what had come of it would be lost with the connection.
        with _of_the_net(url):
            chunk = source.read1(_CHUNK_BYTES)
        if not chunk:
            return
        yield chunk
