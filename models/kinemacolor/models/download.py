"""A file from its address: gone on with where an earlier attempt stopped, checked by its hash before it counts."""

import os
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO

from kinemacolor.models.errors import DownloadError
from kinemacolor.models.files.load import is_web_page, sha256_of_file

__all__ = ["download"]

_CHUNK_BYTES = 1 << 20
_SILENCE_SECONDS = 60.0
_PARTIAL, _NOT_SATISFIABLE = 206, 416

Progress = Callable[[int, int | None], None]
"""Bytes that are there, bytes in all (None: the server does not say)."""


def download(url: str, target: Path, sha256: str, progress: Progress = lambda done, total: None) -> None:
    """Fetch a file.

    Args:
        url: http or https; redirects are followed.
        target: Where it goes; its folder exists. Until it is whole and right it is called `.NAME.download`.
        sha256: Lower case hexadecimal, or its first digits; empty: nobody knows it, and only web pages are refused.
        progress: Called now and then.

    Raises:
        DownloadError: It cannot be had, or is another file; one line. What came is kept, unless it is wrong.
        OSError: It cannot be written.
    """
    part = target.with_name(f".{target.name}.download")
    try:
        _fetch(url, part, progress)
    except urllib.error.HTTPError as error:
        raise DownloadError(f"{url}: the server answers {error.code} {' '.join(str(error.reason).split())}") from error
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError, ValueError) as error:
        reason = " ".join(str(getattr(error, "reason", error) or type(error).__name__).split())
        raise DownloadError(f"{url}: {reason}; the same command goes on where it stopped") from error
    found, web_page = sha256_of_file(part), is_web_page(part)
    if web_page or not found.startswith(sha256):
        part.unlink()
        expected = f"a file with SHA-256 {sha256}" if sha256 else "a file of weights"
        what = "a web page" if web_page else f"a file with SHA-256 {found}"
        raise DownloadError(f"{url}: expected {expected}, found {what}")
    os.replace(part, target)


def _fetch(url: str, part: Path, progress: Progress) -> None:
    there = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={there}-"} if there else {})
    if not url.startswith(("http://", "https://")):
        raise ValueError("expected an address that begins with http or https")
    try:
        answer = urllib.request.urlopen(request, timeout=_SILENCE_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == _NOT_SATISFIABLE and there:
            return  # it was whole already
        raise
    with answer:
        goes_on = answer.status == _PARTIAL and answer.headers.get("Content-Range", "").startswith(f"bytes {there}-")
        length = answer.headers.get("Content-Length")
        begin = there if goes_on else 0
        total = begin + int(length) if length is not None else None
        with part.open("ab" if goes_on else "wb") as file:
            done = _copy(answer, file, begin, total, progress)
            file.flush()
            os.fsync(file.fileno())
    if total is not None and done < total:
        raise ConnectionError(f"the connection ended after {done} of {total} bytes")


def _copy(source: HTTPResponse, file: BinaryIO, done: int, total: int | None, progress: Progress) -> int:
    # Not `read`: it waits for the whole chunk, and what had come of it would be lost with the connection.
    while chunk := source.read1(_CHUNK_BYTES):
        file.write(chunk)
        done += len(chunk)
        progress(done, total)
    return done
