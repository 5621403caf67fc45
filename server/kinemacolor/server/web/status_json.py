"""The status as the page reads it; the names are those of `kinemacolor status --json`."""

from typing import Any

from kinemacolor.server.state_tiers import Tier
from kinemacolor.server.status import ClipStatus, ServerStatus

__all__ = ["status_json"]


def status_json(status: ServerStatus) -> dict[str, Any]:
    """All of it."""
    return {"server": _server(status), "clips": [_clip(clip) for clip in status.clips]}


def _server(status: ServerStatus) -> dict[str, Any]:
    return {
        "version": status.version,
        "device": status.device,
        "device_class": status.device_class,
        "default_model": status.default_model,
        "max_clips": status.max_clips,
        "window": status.window,
        "has_snapshots": status.has_snapshots,
        "draining": status.draining,
        "uptime_seconds": int(status.uptime_seconds),
        "resident_bytes": status.resident_bytes,
        "device_used_bytes": status.device_used_bytes,
        "device_total_bytes": status.device_total_bytes,
        **{f"{tier.value}_state_bytes": status.state_bytes[tier] for tier in Tier},
    }


def _clip(clip: ClipStatus) -> dict[str, Any]:
    return {
        "clip_key": clip.clip_key,
        "model": clip.model,
        "client_name": clip.client_name,
        "width_px": clip.width_px,
        "height_px": clip.height_px,
        "is_interactive": clip.is_interactive,
        "is_attached": clip.is_attached,
        "next_frame": clip.next_frame,
        "frames_answered": clip.frames_answered,
        "frames_waiting": clip.frames_waiting,
        "frames_per_second": round(clip.frames_per_second, 2),
        "state_bytes": clip.state_bytes,
        "state_tier": None if clip.state_tier is None else clip.state_tier.value,
        "last_snapshot": clip.last_snapshot,
        "idle_seconds": round(clip.idle_seconds, 1),
        "picture": None if clip.last_answer is None else _picture(clip.clip_key, clip.last_answer),
    }


def _picture(key: str, number: int) -> dict[str, Any]:
    # A key has no character that means something in an address; the number makes each frame's another one.
    return {"frame": number, "address": f"picture/{key}.png?frame={number}"}
