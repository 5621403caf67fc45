"""Is a film file complete? FFmpeg reads a file that was cut off as if it ended there; its own headers know better.

Measured with FFmpeg 8.1 on files cut at 60 %: MP4 without its index does not open; MP4 and MOV with the index in front,
Matroska, MPEG-TS, AVI and MXF all end without an error, some with a last packet that is flagged corrupt. What is
declared is compared with the file's size here: boxes of ISO media, the Matroska segment, RIFF chunks, the MXF footer,
whole packets of MPEG-TS. Raw streams and live Matroska declare nothing; for them only damage can be seen.
"""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

__all__ = ["missing_bytes"]

_MXF_PARTITION_KEY = bytes.fromhex("060e2b34020501010d0102010102")  # SMPTE 377-1, 7.1: header partition pack
_MXF_FOOTER_FIELD = 2 + 2 + 4 + 8 + 8  # version (major, minor), KAG size, this and previous partition
_EBML_ID, _SEGMENT_ID = bytes.fromhex("1a45dfa3"), bytes.fromhex("18538067")


def missing_bytes(path: Path) -> int:
    """How many bytes the file declares but does not have; at least 1 if only that something is missing is known.

    0 if it is complete, or of a kind that does not declare its size.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(256)
        return max(0, _measure_for(head)(file, size))


def _measure_for(head: bytes) -> Callable[[BinaryIO, int], int]:
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return _iso_media
    if head[:4] == _EBML_ID:
        return _matroska
    if head[:4] == b"RIFF":
        return _riff
    if head[:14] == _MXF_PARTITION_KEY:
        return _mxf
    for packet, sync in ((188, 0), (192, 4)):
        if len(head) > packet + sync and head[sync] == head[packet + sync] == 0x47:
            return _transport_stream(packet)
    return lambda file, size: 0


def _transport_stream(packet: int) -> Callable[[BinaryIO, int], int]:
    """Packets of 188 bytes (ISO/IEC 13818-1), or 192 with a time stamp before each (Blu-ray, AVCHD)."""
    return lambda file, size: -size % packet


def _iso_media(file: BinaryIO, size: int) -> int:
    """Top-level boxes follow each other to the end of the file (ISO/IEC 14496-12, 4.2)."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:  # 0: to the end of the file; else padding or junk that players ignore
            return 0
        at += length
    return at - size


def _matroska(file: BinaryIO, size: int) -> int:
    """The segment's size (RFC 8794); all ones means unknown, as in a live recording."""
    file.seek(4)
    header_length, _ = _ebml_size(file)
    file.seek(header_length, 1)
    if file.read(4) != _SEGMENT_ID:
        return 0
    length, unknown = _ebml_size(file)
    return 0 if unknown else file.tell() + length - size


def _ebml_size(file: BinaryIO) -> tuple[int, bool]:
    first = file.read(1)
    if not first or not first[0]:
        return 0, True
    extra = 8 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & (0x7F >> extra)]) + file.read(extra), "big")
    return value, value == (1 << 7 * (extra + 1)) - 1


def _riff(file: BinaryIO, size: int) -> int:
    """One RIFF chunk, or several in files over 1 GB (OpenDML)."""
    at = 0
    while at + 12 <= size:
        file.seek(at)
        head = file.read(8)
        if head[:4] != b"RIFF":
            return 0
        length = int.from_bytes(head[4:8], "little")
        if length in (0, 0xFFFFFFFF):  # never finished, or streamed
            return 0
        at += 8 + length + length % 2
    return at - size - (1 if at - size == 1 else 0)  # writers forget the last padding byte


def _mxf(file: BinaryIO, size: int) -> int:
    """A closed header partition points to the footer partition behind all pictures."""
    file.seek(16)
    first = file.read(1)
    if first and first[0] & 0x80:
        file.seek(first[0] & 0x7F, 1)
    file.seek(_MXF_FOOTER_FIELD, 1)
    footer = int.from_bytes(file.read(8), "big")
    return footer + 1 - size if footer >= size else 0
