"""The border to FFmpeg for reading: opens files, turns every av error into one clear line, keeps FFmpeg silent.

FFmpeg's log never reaches the terminal, because PyAV discards it unless a level is set. `dump` is the one place that
sets a level, for the few microseconds in which FFmpeg describes a file.
"""

import os
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import av.logging
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Stream
from av.video.stream import VideoStream

from kinemacolor.media.errors import SourceError, UnsupportedSourceError

__all__ = ["DecodeFailedError", "demux", "dump", "naming", "open_input", "picture_stream", "plain_reason", "reading"]

_FFMPEG_DEFAULT_LEVEL = 32  # AV_LOG_INFO, av_log_level in libavutil/log.c
_LOG_LEVEL = threading.Lock()  # the level belongs to the process; two probes at once would undo each other's


class DecodeFailedError(SourceError):
    """FFmpeg refused a packet or a picture; what came before is good."""


def plain_reason(error: FFmpegError) -> str:
    """FFmpeg's own words for an error, without code, file name and log."""
    return (error.strerror or type(error).__name__).strip().rstrip(".")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Translate whatever av raises while a file is read."""
    try:
        yield
    except FFmpegError as error:
        raise DecodeFailedError(f"{path}: {plain_reason(error)}") from error


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the file's name before a refusal that was raised where the name is not known."""
    try:
        yield
    except UnsupportedSourceError as error:
        raise UnsupportedSourceError(f"{path}: {error}") from error


def open_input(path: Path) -> InputContainer:
    """Open a film file for reading.

    Only local files are opened, also by formats that name other files (playlists).

    Raises:
        SourceError: missing, a directory, not readable, empty, not a film, or its index is missing.
    """
    _check_file(path)
    try:
        # An absolute path is never taken for a protocol ("a:b.mkv"); the white list keeps playlists off the network.
        return av.open(str(path.absolute()), "r", options={"protocol_whitelist": "file"}, metadata_errors="replace")
    except FFmpegError as error:
        raise SourceError(_why_not_opened(path, error)) from error


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise SourceError(f"{path}: is a directory; give a film file or a sequence pattern such as name.%04d.png")
        if not stat.S_ISREG(status.st_mode):
            raise SourceError(f"{path}: is not a file; pipes and devices cannot be read")
        with path.open("rb"):
            pass
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        raise SourceError(f"{path}: {reason}") from error
    if status.st_size == 0:
        raise SourceError(f"{path}: the file is empty")


def _why_not_opened(path: Path, error: FFmpegError) -> str:
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] in (b"ftyp", b"mdat", b"wide", b"free", b"skip"):
        return f"{path}: the index of the film (moov) is missing or broken; the recording or the copy was cut off"
    if isinstance(error, ValueError):  # InvalidDataError and ArgumentError
        return f"{path}: not a film that can be read"
    return f"{path}: cannot be opened ({plain_reason(error)})"


def picture_stream(container: InputContainer, path: Path) -> VideoStream:
    """The film picture of a file: the first real picture track, the default one if several are there.

    Raises:
        SourceError: no picture track, only sound or a cover picture, encrypted, or a codec that FFmpeg cannot decode.
    """
    real = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not real:
        sound = "only sound" if container.streams.audio else "no picture track"
        cover = " and a cover picture" if container.streams.video else ""
        raise SourceError(f"{path}: has {sound}{cover}, no film to colour")
    marked = [s for s in real if s.disposition & av.stream.Disposition.default]
    chosen = (marked or real)[0]
    if chosen.codec_context is None:
        raise SourceError(f"{path}: the picture's codec is unknown, it cannot be decoded")
    if chosen.codec_context.codec_tag in ("encv", "drmi"):
        raise SourceError(f"{path}: the picture is encrypted")
    return chosen


def demux(container: InputContainer, streams: Sequence[Stream]) -> Iterator[Any]:
    """The packets of some tracks that carry a payload, in the order of the file.

    PyAV's empty ones at the end are left out: who decodes flushes the decoder himself, once.
    """
    try:
        for packet in container.demux(list(streams)):
            if packet.size:
                yield packet
    except IndexError:
        # A track that appeared in mid-file (MPEG-TS) is unknown to PyAV, which stumbles over it when it flushes. By
        # then all packets have been read.
        return


def dump(container: InputContainer) -> str:
    """What FFmpeg prints about an open file, at the level at which it names the chroma siting."""
    with _LOG_LEVEL, av.logging.Capture(local=False):
        try:
            av.logging.set_libav_level(av.logging.DEBUG)
            av.logging.set_level(av.logging.INFO)
            return str(container.dumps_format())  # type: ignore[attr-defined]  # missing in PyAV's stubs
        finally:
            av.logging.set_level(None)
            av.logging.set_libav_level(_FFMPEG_DEFAULT_LEVEL)
