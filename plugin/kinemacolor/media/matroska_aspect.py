"""Writes the display size into a finished Matroska or WebM file.

PyAV cannot hand the sample aspect ratio to FFmpeg's Matroska muxer (that reads AVStream.sample_aspect_ratio, which
PyAV does not set), and ffv1, ProRes and VP9 do not carry it themselves. So DisplayWidth and DisplayHeight (RFC 9559,
5.1.4.1.28) are put into the Video element afterwards. The bytes they need are taken from the Void element that FFmpeg
reserves after the SeekHead, so nothing behind Tracks moves and every position recorded in the file stays true; only
what lies between Void and Tracks moves forward, and the SeekHead is corrected for it.
"""

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from kinemacolor.media.errors import OutputError
from kinemacolor.media.types import OutputPlan

__all__ = ["HEAD_BYTES", "display_size", "set_display_size"]

HEAD_BYTES = 4 << 20
"""Enough to reach behind Tracks; code tables of tracks are a few kilobytes."""

_SEGMENT, _SEEK_HEAD, _SEEK, _SEEK_POSITION = 0x18538067, 0x114D9B74, 0x4DBB, 0x53AC
_VOID, _CRC, _TRACKS, _TRACK, _TRACK_TYPE, _VIDEO = 0xEC, 0xBF, 0x1654AE6B, 0xAE, 0x83, 0xE0
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2


@dataclass(frozen=True, slots=True)
class _Element:
    """One EBML element: where it begins, where its payload begins and ends."""

    id: int
    start: int
    body: int
    end: int


def set_display_size(head: bytes, plan: OutputPlan) -> bytes:
    """`head`, the first `HEAD_BYTES` of a Matroska file, with the display size of the plan; same length.

    Returns `head` itself for square pixels and for other containers.

    Raises:
        OutputError: The file is not laid out as FFmpeg does it.
    """
    if plan.source.sample_aspect_ratio == 1 or plan.container not in ("matroska", "webm"):
        return head
    segment = next((e for e in _children(head, 0, len(head)) if e.id == _SEGMENT), None)
    found = {e.id: e for e in _children(head, segment.body, len(head))} if segment is not None else {}
    if segment is None or not {_SEEK_HEAD, _VOID, _TRACKS} <= found.keys():
        raise OutputError(f"{plan.path.name}: the sample aspect ratio cannot be written")
    seek, void, tracks = found[_SEEK_HEAD], found[_VOID], found[_TRACKS]
    new_tracks = _new_tracks(head, tracks, plan)
    growth = len(new_tracks) - (tracks.end - tracks.start)
    if not (seek.end == void.start < tracks.start) or void.end - void.body < growth:
        raise OutputError(f"{plan.path.name}: no room for the sample aspect ratio in the header")
    moved = range(void.end - segment.body, tracks.start - segment.body + 1)
    parts = (
        head[: seek.start],
        _new_seek_head(head, seek, moved, growth),
        _element(_VOID, bytes(void.end - void.body - growth), void.body - void.start - 1),
        head[void.end : tracks.start],
        new_tracks,
        head[tracks.end :],
    )
    return b"".join(parts)


def display_size(width_px: int, height_px: int, plan: OutputPlan) -> tuple[int, int]:
    """Whole numbers in exactly the picture's display ratio, not smaller than the picture is high."""
    aspect = plan.source.sample_aspect_ratio
    width, height = width_px * aspect.numerator, height_px * aspect.denominator
    common = math.gcd(width, height)
    times = -(-height_px // (height // common))
    return width // common * times, height // common * times


def _new_tracks(head: bytes, tracks: _Element, plan: OutputPlan) -> bytes:
    body = b""
    picture_done = False
    for child in _children(head, tracks.body, tracks.end):
        if child.id == _CRC:
            continue
        if child.id == _TRACK and not picture_done and _is_picture(head, child):
            body += _new_track(head, child, plan)
            picture_done = True
        else:
            body += head[child.start : child.end]
    return _with_checksum(head, tracks, body)


def _is_picture(head: bytes, track: _Element) -> bool:
    return any(e.id == _TRACK_TYPE and head[e.end - 1] == 1 for e in _children(head, track.body, track.end))


def _new_track(head: bytes, track: _Element, plan: OutputPlan) -> bytes:
    body = b""
    for child in _children(head, track.body, track.end):
        body += _new_video(head, child, plan) if child.id == _VIDEO else head[child.start : child.end]
    return _element(_TRACK, body, track.body - track.start - 1)


def _new_video(head: bytes, video: _Element, plan: OutputPlan) -> bytes:
    body = b""
    for child in _children(head, video.body, video.end):
        if child.id == _DISPLAY_UNIT:
            body += _element(_DISPLAY_UNIT, b"\0", 1)  # pixels
        elif child.id not in (_DISPLAY_WIDTH, _DISPLAY_HEIGHT):
            body += head[child.start : child.end]
    width, height = display_size(plan.source.width_px, plan.source.height_px, plan)
    body += _element(_DISPLAY_WIDTH, _unsigned(width), 1) + _element(_DISPLAY_HEIGHT, _unsigned(height), 1)
    return _element(_VIDEO, body, video.body - video.start - 1)


def _new_seek_head(head: bytes, seek: _Element, moved: range, growth: int) -> bytes:
    body = b""
    for entry in _children(head, seek.body, seek.end):
        if entry.id != _SEEK:
            continue
        inside = b""
        for child in _children(head, entry.body, entry.end):
            payload = head[child.body : child.end]
            position = int.from_bytes(payload, "big")
            if child.id == _SEEK_POSITION and position in moved:
                payload = (position - growth).to_bytes(len(payload), "big")
            inside += head[child.start : child.body] + payload
        body += head[entry.start : entry.body] + inside
    return _with_checksum(head, seek, body)


def _with_checksum(head: bytes, old: _Element, body: bytes) -> bytes:
    """The element with a new body, and a new CRC-32 in front of it where it had one (RFC 8794, 11.3.1)."""
    first = next(_children(head, old.body, old.end), None)
    if first is not None and first.id == _CRC:
        body = _element(_CRC, zlib.crc32(body).to_bytes(4, "little"), 1) + body
    id_bytes = (old.id.bit_length() + 7) // 8
    return _element(old.id, body, old.body - old.start - id_bytes)


def _children(data: bytes, start: int, end: int) -> Iterator[_Element]:
    """The elements in data[start:end]; the last may reach beyond the data, and then ends the walk."""
    position = start
    while position < end:
        id_length = 9 - data[position].bit_length()
        if position + id_length >= end:
            return
        identity = int.from_bytes(data[position : position + id_length], "big")
        size_at = position + id_length
        size_length = 9 - data[size_at].bit_length()
        size = int.from_bytes(data[size_at : size_at + size_length], "big") & ((1 << 7 * size_length) - 1)
        body = size_at + size_length
        yield _Element(identity, position, body, body + size)
        position = body + size


def _element(identity: int, body: bytes, size_length: int) -> bytes:
    """An element whose size field has at least `size_length` bytes."""
    while len(body) >= (1 << 7 * size_length) - 1:
        size_length += 1
    size = (len(body) | 1 << 7 * size_length).to_bytes(size_length, "big")
    return identity.to_bytes((identity.bit_length() + 7) // 8, "big") + size + body


def _unsigned(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
