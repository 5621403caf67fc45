"""What a server counts, in one value that those who know tell; `/metrics` shows it.

One registry for each server, none for the process. No label holds what a client chose: a name for each clip would grow
without bound, in the memory of whoever collects. What is a state and no count (clips, memory) is read when it is asked
for, by `status_collector.StatusCollector`.
"""

from enum import Enum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["NAMESPACE", "Direction", "Outcome", "ServerMetrics", "Stage"]

NAMESPACE = "kinemacolor"

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""From a temporal step on a GPU to the largest DeOldify on one core."""
_BATCHES = (1, 2, 4, 8, 16, 32, 64)
"""The batch sizes that there are."""


class Stage(Enum):
    """Where a frame spends its time, as far as it can be told apart."""

    QUEUE = "queue"
    """From its arrival to the start of its batch; only the last of several tries counts."""
    NET = "net"
    """The frame network, with the way to the device: its share of the batch."""
    RECURRENT = "recurrent"
    """The temporal network, with the way back."""
    SEND = "send"
    """Until grpc has taken the answer: long if the client does not read."""


class Outcome(Enum):
    """What became of a frame."""

    COLORED = "colored"
    PRE_ROLL = "pre_roll"
    """It led up to another one and was not asked for itself."""
    FAILED = "failed"


class Direction(Enum):
    """Of messages that carry frames."""

    IN = "in"
    OUT = "out"


class ServerMetrics:
    """Safe to use from several threads.

    Args:
        models: Names whose series are there from the start, at 0, so that a first failure is seen as a rise.
    """

    def __init__(self, models: tuple[str, ...] = ()) -> None:
        self.registry = CollectorRegistry()
        """What `/metrics` shows."""
        self._frames = self._counter("frames_total", "Frames by what became of them.", "model", "outcome")
        self._frame_seconds = self._histogram(
            "frame_seconds", "Seconds that a frame spends in a stage.", _SECONDS, "stage"
        )
        self._frame_bytes = self._counter("frame_bytes_total", "Bytes of messages that carry frames.", "direction")
        self._batch_frames = self._histogram("batch_frames", "Frames that the frame network saw at once.", _BATCHES)
        self._oom = self._counter("oom_total", "Times that work found no memory, on the device or in RAM.")
        self._nonfinite = self._counter("nonfinite_pixels_total", "Pixels of networks' results that were no colour.")
        self._resumes = self._counter("resumes_total", "Streams that went on with a state that was kept.")
        self._disconnects = self._counter(
            "stream_disconnects_total", "Streams that ended in another way than by end_clip.", "reason"
        )
        self._snapshot_seconds = self._histogram(
            "snapshot_seconds", "Seconds to write a snapshot until it is durable.", _SECONDS
        )
        self._snapshot_failures = self._counter("snapshot_failures_total", "Snapshots that were not written.")
        for model in models:
            for outcome in Outcome:
                self._frames.labels(model, outcome.value)
        for stage in Stage:
            self._frame_seconds.labels(stage.value)
        for direction in Direction:
            self._frame_bytes.labels(direction.value)
        self._disconnects.labels("lost")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, namespace=NAMESPACE, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, text, labels, namespace=NAMESPACE, registry=self.registry, buckets=buckets)

    def set_build(self, **known: str) -> None:
        """Once: the versions and the device, as labels of `build_info`."""
        info = Gauge("build_info", "What runs here; always 1.", known, namespace=NAMESPACE, registry=self.registry)
        info.labels(**known).set(1)

    def frame(self, model: str, outcome: Outcome) -> None:
        """A frame is done with."""
        self._frames.labels(model, outcome.value).inc()

    def stage(self, stage: Stage, seconds: float) -> None:
        """A frame has passed a stage."""
        self._frame_seconds.labels(stage.value).observe(seconds)

    def message(self, direction: Direction, nbytes: int) -> None:
        """A message with a frame has come or gone."""
        self._frame_bytes.labels(direction.value).inc(nbytes)

    def batch(self, frames: int) -> None:
        """The frame network has seen so many frames at once."""
        self._batch_frames.observe(frames)

    def out_of_memory(self) -> None:
        """Work has found no memory."""
        self._oom.inc()

    def nonfinite(self, pixels: int) -> None:
        """A network has returned what is no colour."""
        self._nonfinite.inc(pixels)

    def resumed(self) -> None:
        """A stream goes on with a state that was kept."""
        self._resumes.inc()

    def disconnected(self, reason: str) -> None:
        """A stream has ended; `reason` is one of the contract's, or `lost`."""
        self._disconnects.labels(reason).inc()

    def snapshot_written(self, seconds: float) -> None:
        """A snapshot is durable."""
        self._snapshot_seconds.observe(seconds)

    def snapshot_failed(self) -> None:
        """A snapshot was not written."""
        self._snapshot_failures.inc()
