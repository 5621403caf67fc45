"""The metrics that are states: read from the status when somebody collects them."""

from collections.abc import Callable, Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from kinemacolor.server.metrics import NAMESPACE
from kinemacolor.server.status import ServerStatus

__all__ = ["StatusCollector"]


class StatusCollector(Collector):
    """Collect on the thread on which the status may be read: the event loop.

    Args:
        read: The status now.
    """

    def __init__(self, read: Callable[[], ServerStatus]) -> None:
        self._read = read

    def describe(self) -> list[Metric]:
        """Nothing in advance: the registry would collect to find the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        status = self._read()
        active = sum(clip.is_attached for clip in status.clips)
        tiers = {tier.value: status.state_counts[tier] for tier in status.state_counts}
        nbytes = {tier.value: status.state_bytes[tier] for tier in status.state_bytes}
        yield _gauge("clips_active", "Clips with a stream.", active)
        yield _gauge("clips_waiting", "Clips without a stream that wait for their client.", len(status.clips) - active)
        yield _gauge("clips_limit", "Clips that there may be (--max-clips).", status.max_clips)
        yield _gauge("frames_waiting", "Frames that came and are not answered.", status.waiting_frames)
        yield _gauge("draining", "1 if the server takes no new clips.", status.draining)
        yield _by("clip_states", "States of clips by where they are.", "tier", tiers)
        yield _by("clip_state_bytes", "Bytes of these states.", "tier", nbytes)
        down, up = status.states_moved_down, status.states_moved_up
        yield _counter("state_evictions_total", "States that had to leave a tier for the next.", down)
        yield _counter("state_restores_total", "States that came back to the device.", up)
        loads = status.model_load_seconds
        yield _by("model_load_seconds", "Seconds that it took to load a model, the last time.", "model", loads)
        yield _by("gpu_memory_bytes", "The device's own memory; nothing on a CPU.", "kind", status.device_memory)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{NAMESPACE}_{name}", text, value=float(value))


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"{NAMESPACE}_{name}", text, value=value)


def _by(name: str, text: str, label: str, values: dict[str, int] | dict[str, float]) -> Metric:
    family = GaugeMetricFamily(f"{NAMESPACE}_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
