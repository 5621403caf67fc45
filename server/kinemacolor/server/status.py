"""What a server does at this moment, as one value: for the contract's answers, the status page and the metrics."""

import resource
import time
from dataclasses import dataclass
from importlib.metadata import version

from kinemacolor.server.config import ServerConfig
from kinemacolor.server.engine import Engine
from kinemacolor.server.hub import Clip, ClipHub
from kinemacolor.server.state_tiers import KeptState, StateTiers, Tier

__all__ = ["ClipStatus", "ServerStatus", "StatusReader"]

_NEAREST_FIRST = (Tier.DEVICE, Tier.RAM, Tier.DISK)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipStatus:
    """One clip; the .proto says what each field means."""

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
    state_tier: Tier | None
    """Of the state that the next frame goes on from; None: it has none."""
    last_snapshot: int | None
    idle_seconds: float
    last_answer: int | None
    """Number of the last frame that was answered and can be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatus:
    """The whole server."""

    version: str
    device: str
    device_class: str
    default_model: str
    max_clips: int
    window: int
    has_snapshots: bool
    draining: bool
    uptime_seconds: float
    resident_bytes: int
    device_used_bytes: int
    """Of the device's own memory; 0 on a CPU, as the next."""
    device_total_bytes: int
    device_memory: dict[str, int]
    """The same with what this process has of it, by kind; empty on a CPU."""
    state_bytes: dict[Tier, int]
    state_counts: dict[Tier, int]
    states_moved_down: int
    states_moved_up: int
    """How often a state left a tier for the next, and came back to the device."""
    model_load_seconds: dict[str, float]
    """Of each model that is loaded."""
    waiting_frames: int
    clips: tuple[ClipStatus, ...]


class StatusReader:
    """Reads it. Lives on the event loop, as the hub does.

    Args:
        config: the limits.
        hub: the clips.
        engine: the device.
        tiers: where the states are.
    """

    def __init__(self, config: ServerConfig, hub: ClipHub, engine: Engine, tiers: StateTiers) -> None:
        self._config, self._hub, self._engine, self._tiers = config, hub, engine, tiers
        self._started = time.monotonic()
        model = engine.model(hub.default_model)
        self._device_class = engine.device_class(model)

    def read(self) -> ServerStatus:
        """The status now."""
        clips = tuple(self._clip(clip) for clip in self._hub.clips)
        used, total = self._engine.memory()
        return ServerStatus(
            version=version("kinemacolor"),
            device=self._engine.device_name,
            device_class=self._device_class,
            default_model=self._hub.default_model,
            max_clips=self._config.max_clips,
            window=self._config.window,
            has_snapshots=self._hub.has_snapshots,
            draining=self._hub.draining,
            uptime_seconds=time.monotonic() - self._started,
            resident_bytes=resident_bytes(),
            device_used_bytes=used,
            device_total_bytes=total,
            device_memory=self._device_memory(used, total),
            state_bytes=self._tiers.used,
            state_counts=self._tiers.counts,
            states_moved_down=self._tiers.moved_down,
            states_moved_up=self._tiers.moved_up,
            model_load_seconds=self._engine.load_seconds,
            waiting_frames=sum(clip.frames_waiting for clip in clips),
            clips=clips,
        )

    def _device_memory(self, used: int, total: int) -> dict[str, int]:
        if not total:
            return {}
        allocated, reserved = self._engine.own_memory()
        return {"used": used, "total": total, "allocated": allocated, "reserved": reserved}

    def _clip(self, clip: Clip) -> ClipStatus:
        geometry = clip.setup.geometry
        return ClipStatus(
            clip_key=clip.key,
            model=clip.setup.model.spec.name,
            client_name=clip.client_name,
            width_px=geometry.width_px,
            height_px=geometry.height_px,
            is_interactive=clip.is_interactive,
            is_attached=clip.session is not None,
            next_frame=clip.machine.expected,
            frames_answered=clip.frames_answered,
            frames_waiting=clip.machine.waiting,
            frames_per_second=self._hub.frames_per_second(clip),
            state_bytes=clip.state_bytes,
            state_tier=_tier_of(clip),
            last_snapshot=self._hub.last_snapshot(clip),
            idle_seconds=self._hub.idle_seconds(clip),
            last_answer=None if clip.last_answer is None else clip.last_answer.number,
        )


def _tier_of(clip: Clip) -> Tier | None:
    """A clip keeps the states of several frames; the nearest is the one that its next frame goes on from.

    One that was read from a snapshot counts as on disk until its first step.
    """
    tiers = {state.tier if isinstance(state, KeptState) else Tier.DISK for state in clip.machine.states}
    return next((tier for tier in _NEAREST_FIRST if tier in tiers), None)


def resident_bytes() -> int:
    """Resident memory now where the system tells it, else its high-water mark."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
