"""A writer of TensorFlow checkpoints (second version), as plain as the format allows."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kinemacolor.models.files.crc32c import crc32c

MAGIC = struct.pack("<Q", 0xDB4775248B80FB57)


def masked(data: bytes) -> int:
    value = crc32c(data)
    return (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def field(at: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return number(at << 3) + number(value)
    return number(at << 3 | 2) + number(len(value)) + value


def entry(shape: Sequence[int], offset: int, raw: bytes, *, dtype: int = 1, more: bytes = b"") -> bytes:
    sides = b"".join(field(2, field(1, side)) for side in shape)
    fixed = number(6 << 3 | 5) + struct.pack("<I", masked(raw))
    return field(1, dtype) + field(2, sides) + field(4, offset) + field(5, len(raw)) + fixed + more


def block(items: Sequence[tuple[bytes, bytes]], kind: int = 0) -> bytes:
    body = b"".join(number(0) + number(len(key)) + number(len(value)) + key + value for key, value in items)
    body += struct.pack("<II", 0, 1) + bytes([kind])
    return body + struct.pack("<I", masked(body))


def table(items: Sequence[tuple[bytes, bytes]], kind: int = 0) -> bytes:
    data = block(items, kind)
    handle = number(0) + number(len(data) - 5)
    meta, index = block([]), block([(items[-1][0] + b"~" if items else b"", handle)])
    places = [(len(data), len(meta) - 5), (len(data) + len(meta), len(index) - 5)]
    footer = b"".join(number(part) for place in places for part in place).ljust(40, b"\0") + MAGIC
    return data + meta + index + footer


HEADER = field(1, 1) + field(3, field(1, 1))


def write_checkpoint(prefix: Path, variables: Mapping[str, NDArray[np.float32]], header: bytes = HEADER) -> None:
    """NAME.index and NAME.data-00000-of-00001."""
    items, numbers = [(b"", header)], b""
    for name in sorted(variables):
        raw = np.ascontiguousarray(variables[name], dtype="<f4").tobytes()
        items.append((name.encode(), entry(variables[name].shape, len(numbers), raw)))
        numbers += raw
    prefix.with_name(f"{prefix.name}.index").write_bytes(table(items))
    prefix.with_name(f"{prefix.name}.data-00000-of-00001").write_bytes(numbers)
