"""What an operator asks a server: which clips it has, to drop one, to end, to log more."""

from dataclasses import dataclass

from kinemacolor.client.connection import ColorizeClient
from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire.text import as_characters

__all__ = ["LOG_LEVELS", "ClipInfo", "drain", "evict_clip", "list_clips", "set_log_level"]

LOG_LEVELS = {
    "debug": pb.LOG_LEVEL_DEBUG,
    "info": pb.LOG_LEVEL_INFO,
    "warning": pb.LOG_LEVEL_WARNING,
    "error": pb.LOG_LEVEL_ERROR,
}
_TIERS = {pb.STATE_TIER_DEVICE: "device", pb.STATE_TIER_RAM: "ram", pb.STATE_TIER_DISK: "disk"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipInfo:
    """One clip of a server; the .proto says what each field means."""

    clip_key: str
    model: str
    client_name: str
    width_px: int
    height_px: int
    is_interactive: bool
    is_attached: bool
    next_frame: int
    frames_answered: int
    frames_waiting: int
    frames_per_second: float
    state_bytes: int
    state_tier: str
    """`device`, `ram`, `disk`, or `none`."""
    last_snapshot: int | None
    idle_seconds: float


def list_clips(client: ColorizeClient) -> tuple[ClipInfo, ...]:
    """The clips that the server knows, in the order in which they were opened.

    Raises:
        ClientError: No answer.
    """
    answer = client.ask("ListClips", pb.ListClipsRequest(), pb.ListClipsResponse)
    return tuple(_clip_info(clip) for clip in answer.clips)


def evict_clip(client: ColorizeClient, clip_key: str) -> None:
    """Drop a clip and its state, in memory and on disk; its stream, if any, ends.

    Raises:
        RequestRefusedError: UNKNOWN_CLIP.
        ClientError: No answer.
    """
    client.ask("EvictClip", pb.EvictClipRequest(clip_key=as_characters(clip_key)), pb.EvictClipResponse)


def drain(client: ColorizeClient) -> int:
    """Let the server end when its clips have; returns how many are open.

    Raises:
        ClientError: No answer.
    """
    return client.ask("Drain", pb.DrainRequest(), pb.DrainResponse).open_clips


def set_log_level(client: ColorizeClient, level: str) -> str:
    """Change how much the server logs; returns what it was.

    Args:
        client: The connection.
        level: One of `LOG_LEVELS`.

    Raises:
        ClientError: No answer.
    """
    answer = client.ask("SetLogLevel", pb.SetLogLevelRequest(level=LOG_LEVELS[level]), pb.SetLogLevelResponse)
    return next((name for name, number in LOG_LEVELS.items() if number == answer.previous), "unknown")


def _clip_info(clip: pb.Clip) -> ClipInfo:
    return ClipInfo(
        clip_key=clip.clip_key,
        model=clip.model,
        client_name=clip.client_name,
        width_px=clip.geometry.width_px,
        height_px=clip.geometry.height_px,
        is_interactive=clip.priority == pb.PRIORITY_INTERACTIVE,
        is_attached=clip.attached,
        next_frame=clip.next_frame,
        frames_answered=clip.frames_answered,
        frames_waiting=clip.frames_waiting,
        frames_per_second=clip.frames_per_second,
        state_bytes=clip.state_bytes,
        state_tier=_TIERS.get(clip.state_tier, "none"),
        last_snapshot=clip.last_snapshot if clip.HasField("last_snapshot") else None,
        idle_seconds=clip.idle_seconds,
    )
