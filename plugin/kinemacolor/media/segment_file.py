"""One closed segment of the coloured picture as a file: the encoder's packets, nothing else.

    kinemacolor segment 1                  one line
    {"extradata": ..., "reorder_depth": N} one line of JSON
    packets, in decoding order: pts, duration, flags, sizes, CRC-32, then the side data and the payload

No container of FFmpeg's holds this: each rounds times to its own clock or takes some codecs only, and the packets must
come back exactly as the encoder gave them, so that a joined film has the bytes of one that was never interrupted.
"""

import hashlib
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast, get_args

import av
from av.packet import PacketSideData, PktSideDataT

from kinemacolor.media.errors import DamagedPartError
from kinemacolor.media.output_file import DiskFullPolicy, OutputFile

__all__ = ["SegmentReader", "SegmentWriter", "hash_file"]

_MAGIC = b"kinemacolor segment 1\n"
_HEAD = struct.Struct("<qqIIII")
"""pts, duration (ticks of the plan's time base), flags, bytes of side data, bytes of payload, CRC-32 of both."""
_SIDE = struct.Struct("<II")
"""Length of the name, length of the data."""
_KEY = 1
"""The packet is a key frame. That nothing refers to a packet is not kept: PyAV cannot say it to a muxer."""
_UNWRITTEN_SIDE_DATA = frozenset(("quality_stats",))
"""Side data that no muxer looks at."""
_MAX_HEADER_BYTES = 1 << 20
_HASH_BYTES = 1 << 20


def hash_file(path: Path) -> str:
    """SHA-256 of a file, lower case hexadecimal.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASH_BYTES):
            digest.update(block)
    return digest.hexdigest()


class SegmentWriter:
    """Writes a segment under a hidden name; `finish` makes it durable and names it."""

    def __init__(self, path: Path, policy: DiskFullPolicy) -> None:
        # A file of that name is a damaged segment that is made again.
        self._file = OutputFile(path, overwrite=True, policy=policy)
        self._digest = hashlib.sha256()

    def begin(self, extradata: bytes, reorder_depth: int) -> None:
        """Write the head of the file."""
        head = {"extradata": extradata.hex(), "reorder_depth": reorder_depth}
        self._append(_MAGIC + json.dumps(head).encode() + b"\n")

    def add(self, packet: "av.Packet[Any]") -> None:
        """Write a packet of the encoder."""
        side, payload = _side_bytes(packet), bytes(packet)
        flags = _KEY * packet.is_keyframe
        check = zlib.crc32(payload, zlib.crc32(side))
        self._append(_HEAD.pack(packet.pts, packet.duration or 0, flags, len(side), len(payload), check))
        self._append(side + payload)

    def finish(self) -> tuple[int, str]:
        """Name the file; its bytes and SHA-256."""
        self._file.commit()
        return self._file.size, self._digest.hexdigest()

    def discard(self) -> None:
        """Remove what was written, unless it is finished. Never raises."""
        self._file.discard()

    def _append(self, data: bytes) -> None:
        self._digest.update(data)
        self._file.append(data)


class SegmentReader:
    """Reads a segment back. A context manager.

    Raises:
        DamagedPartError: It is missing, cut off or changed; also while its packets are read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise self._damaged() from error
        try:
            head = self._head()
            self.extradata = bytes.fromhex(head["extradata"])
            self.reorder_depth = int(head["reorder_depth"])
            self._packets_at = self._file.tell()
        except (ValueError, KeyError, TypeError) as error:
            self._file.close()
            raise self._damaged() from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def ticks(self) -> list[int]:
        """Presentation times of all packets, in decoding order; reads no payload."""
        found = []
        for pts, _, _, side, payload, _ in self._records():
            self._file.seek(side + payload, 1)
            found.append(pts)
        return found

    def packets(self) -> Iterator["av.Packet[Any]"]:
        """The packets as the encoder gave them, without decoding times and time base."""
        for pts, duration, flags, side_size, payload_size, check in self._records():
            side, payload = self._exactly(side_size), self._exactly(payload_size)
            if zlib.crc32(payload, zlib.crc32(side)) != check:
                raise self._damaged()
            packet: av.Packet[Any] = av.Packet(len(payload))
            packet.update(payload)
            packet.pts, packet.duration, packet.is_keyframe = pts, duration, bool(flags & _KEY)
            _put_side_data(packet, side)
            yield packet

    def _head(self) -> dict[str, Any]:
        if self._file.read(len(_MAGIC)) != _MAGIC:
            raise ValueError("no segment")
        return cast(dict[str, Any], json.loads(self._file.readline(_MAX_HEADER_BYTES)))

    def _records(self) -> Iterator[tuple[int, int, int, int, int, int]]:
        self._file.seek(self._packets_at)
        while data := self._file.read(_HEAD.size):
            if len(data) < _HEAD.size:
                raise self._damaged()
            yield _HEAD.unpack(data)

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise self._damaged()
        return data

    def _damaged(self) -> DamagedPartError:
        return DamagedPartError(f"{self._path}: is missing or damaged; --resume makes it again")


def _side_bytes(packet: "av.Packet[Any]") -> bytes:
    parts = []
    for data in packet.iter_sidedata():
        if data.data_type not in _UNWRITTEN_SIDE_DATA:
            name, content = data.data_type.encode(), bytes(data)
            parts.append(_SIDE.pack(len(name), len(content)) + name + content)
    return b"".join(parts)


def _put_side_data(packet: "av.Packet[Any]", blob: bytes) -> None:
    known = get_args(PktSideDataT)
    while blob:
        name_size, size = _SIDE.unpack_from(blob)
        end = _SIDE.size + name_size + size
        name, content = blob[_SIDE.size : _SIDE.size + name_size].decode(), blob[end - size : end]
        data = cast(Any, PacketSideData)(known.index(name), size)
        memoryview(data)[:] = content
        packet.set_sidedata(data)
        blob = blob[end:]
