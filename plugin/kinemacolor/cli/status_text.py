"""The status of a server as lines of text; pure."""

from collections.abc import Sequence

from kinemacolor.client.connection import ServerInfo
from kinemacolor.client.operator import ClipInfo

_HEAD = ("clip", "client", "model", "size", "frame", "fps", "queue", "state", "saved", "idle")
_LONGEST = {"clip": 24, "client": 28, "model": 22}
_RIGHT = frozenset(("frame", "fps", "queue", "saved", "idle"))


def status_lines(address: str, info: ServerInfo, clips: Sequence[ClipInfo]) -> list[str]:
    """Two lines on the server, then a table of its clips."""
    return [*_server_lines(address, info, clips), "", *_table(clips)]


def _server_lines(address: str, info: ServerInfo, clips: Sequence[ClipInfo]) -> list[str]:
    words = [
        f"kinemacolor {info.version} at {address}",
        info.device_class,
        f"up {duration(info.uptime_seconds)}",
        *(["DRAINING"] if info.draining else []),
        *([] if info.has_snapshots else ["no snapshots"]),
    ]
    speed = sum(clip.frames_per_second for clip in clips)
    waiting = sum(clip.frames_waiting for clip in clips)
    states = (("device", info.device_state_bytes), ("RAM", info.ram_state_bytes), ("disk", info.disk_state_bytes))
    load = [
        f"clips {len(clips)} of {info.max_clips}",
        f"{speed:.1f} fps",
        f"{waiting} frames wait",
        f"process {size(info.resident_bytes)}",
        *(
            [f"device {size(info.device_used_bytes)} of {size(info.device_total_bytes)}"]
            if info.device_total_bytes
            else []
        ),
        f"states {', '.join(f'{size(count)} {where}' for where, count in states if count) or 'none'}",
    ]
    return [", ".join(words), ", ".join(load)]


def _table(clips: Sequence[ClipInfo]) -> list[str]:
    if not clips:
        return ["no clips"]
    rows = [_HEAD, *(_row(clip) for clip in clips)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return ["  ".join(_cell(*cell) for cell in zip(_HEAD, row, widths, strict=True)).rstrip() for row in rows]


def _row(clip: ClipInfo) -> tuple[str, ...]:
    values = {
        "clip": clip.clip_key,
        "client": clip.client_name + (" (person)" if clip.is_interactive else ""),
        "model": clip.model,
        "size": f"{clip.width_px}x{clip.height_px}",
        "frame": str(clip.next_frame),
        "fps": f"{clip.frames_per_second:.1f}",
        "queue": str(clip.frames_waiting),
        "state": clip.state_tier,
        "saved": "-" if clip.last_snapshot is None else str(clip.last_snapshot),
        "idle": duration(int(clip.idle_seconds)) if clip.is_attached else f"{duration(int(clip.idle_seconds))} lost",
    }
    return tuple(shortened(values[name], _LONGEST.get(name, 99)) for name in _HEAD)


def _cell(name: str, text: str, width: int) -> str:
    return text.rjust(width) if name in _RIGHT else text.ljust(width)


def shortened(text: str, longest: int) -> str:
    """The text, or its ends: keys of one film differ at their end."""
    half = (longest - 1) // 2
    return text if len(text) <= longest else f"{text[: longest - 1 - half]}…{text[-half:]}"


def duration(seconds: int) -> str:
    """`12 s`, `3 min`, `5 h 10 min`, `2 d 3 h`."""
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86400} d {seconds % 86400 // 3600} h"


def size(count: int) -> str:
    """`0 MB`, `512 MB`, `1.5 GB`, in powers of ten as disks and networks have them."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
