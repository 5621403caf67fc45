"""The status of a server as messages of the contract."""

from kinemacolor.server.state_tiers import Tier
from kinemacolor.server.status import ClipStatus, ServerStatus
from kinemacolor.v1 import colorize_pb2 as pb

_TIERS = {
    None: pb.STATE_TIER_UNSPECIFIED,
    Tier.DEVICE: pb.STATE_TIER_DEVICE,
    Tier.RAM: pb.STATE_TIER_RAM,
    Tier.DISK: pb.STATE_TIER_DISK,
}


def server_info(status: ServerStatus, max_plane_samples: int) -> pb.GetServerInfoResponse:
    """All but its clips."""
    return pb.GetServerInfoResponse(
        version=status.version,
        device=status.device,
        device_class=status.device_class,
        max_plane_samples=max_plane_samples,
        max_clips=status.max_clips,
        window=status.window,
        has_snapshots=status.has_snapshots,
        draining=status.draining,
        uptime_seconds=int(status.uptime_seconds),
        resident_bytes=status.resident_bytes,
        device_used_bytes=status.device_used_bytes,
        device_total_bytes=status.device_total_bytes,
        device_state_bytes=status.state_bytes[Tier.DEVICE],
        ram_state_bytes=status.state_bytes[Tier.RAM],
        disk_state_bytes=status.state_bytes[Tier.DISK],
    )


def clip(status: ClipStatus) -> pb.Clip:
    """One clip."""
    return pb.Clip(
        clip_key=status.clip_key,
        model=status.model,
        client_name=status.client_name,
        geometry=pb.PlaneGeometry(width_px=status.width_px, height_px=status.height_px),
        attached=status.is_attached,
        next_frame=status.next_frame,
        frames_answered=status.frames_answered,
        frames_waiting=status.frames_waiting,
        state_bytes=status.state_bytes,
        idle_seconds=status.idle_seconds,
        frames_per_second=status.frames_per_second,
        state_tier=_TIERS[status.state_tier],
        last_snapshot=status.last_snapshot,
        priority=pb.PRIORITY_INTERACTIVE if status.is_interactive else pb.PRIORITY_BULK,
    )
