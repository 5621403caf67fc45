"""The loop of a training run: one step after the other, checkpoints, log, averaged weights.

A schedule follows either the steps or the wall clock. By steps a run can be repeated: draws depend on the seed and the
step alone, so a run that was killed and resumed gives the same losses as an unbroken one (same machine and workers).
By the clock a run on a busy machine still ends in time with its rate at zero, but no two runs are equal.

Workers are processes of one thread each, which meet once a step to average gradients: on a busy machine that is
several times faster than threads, which meet thousands of times a step and wait for the one that is not running.
"""

import json
import math
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from kinemacolor.training.errors import TrainingFailed
from kinemacolor.training.weight_average import WeightAverage

__all__ = ["LogLine", "ParameterGroup", "Schedule", "Tally", "TrainingLoop", "learning_rate_factor", "seeded"]

LogLine = dict[str, float]
"""Values of one line of the run's log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Length of a run, and how its learning rate goes.

    Raises:
        ValueError: Neither minutes nor steps are given, or a share is out of its range.
    """

    minutes: float | None = None
    """Time budget over all resumed parts of the run; the schedule follows it. None: the schedule follows `steps`."""
    steps: int | None = None
    """Steps of the run; with `minutes`, stop after that many even if time is left."""
    weight_decay: float = 1e-4
    """AdamW's decoupled decay (Loshchilov, Hutter 2019)."""
    warm_up_steps: int = 200
    """Steps over which the rate rises from 0."""
    decay_share: float = 1.0
    """Last share of the schedule over which the rate falls to 0, in (0, 1]; before that it is constant. As long as it
    has not begun, the budget of a run can still be changed without changing what was trained so far."""
    average: float = 0.0
    """Decay per step of the running mean of the weights, which is what is exported; 0 exports the last weights."""
    seed: int = 1906
    """Seed of all draws."""

    def __post_init__(self) -> None:
        if self.minutes is None and self.steps is None:
            raise ValueError("expected minutes or steps, found neither")
        if not 0.0 < self.decay_share <= 1.0:
            raise ValueError(f"expected a decay_share in (0, 1], found {self.decay_share:g}")
        if not 0.0 <= self.average < 1.0:
            raise ValueError(f"expected an average in [0, 1), found {self.average:g}")

    def elapsed_share(self, step: int, minutes: float) -> float:
        """How much of the schedule is over, from 0 to 1."""
        if self.minutes is not None:
            return min(1.0, minutes / self.minutes)
        return min(1.0, step / (self.steps or 1))

    def is_finished(self, step: int, minutes: float) -> bool:
        """Whether the budget of steps or minutes is spent."""
        enough = self.steps is not None and step >= self.steps
        return enough or (self.minutes is not None and minutes >= self.minutes)


def learning_rate_factor(step: int, elapsed_share: float, warm_up_steps: int, decay_share: float = 1.0) -> float:
    """Linear warm-up by steps, a constant rate, then a cosine to zero over the last share of the schedule.

    Args:
        step: Steps made so far.
        elapsed_share: How much of the schedule is over.
        warm_up_steps: Steps of the warm-up, at least 1.
        decay_share: Share of the schedule that the cosine takes, in (0, 1].

    Returns:
        A factor in [0, 1].
    """
    warm = min(1.0, (step + 1) / warm_up_steps)
    decayed = (elapsed_share - (1.0 - decay_share)) / decay_share
    return warm * 0.5 * (1.0 + math.cos(math.pi * min(1.0, max(0.0, decayed))))


def seeded(seed: int, step: int) -> None:
    """What torch draws in a step (dropout) follows from the step alone, so that a run can be gone on with."""
    torch.manual_seed(seed * 1_000_003 + step)


@dataclass(frozen=True, slots=True)
class ParameterGroup:
    """Parameters that learn at one rate."""

    name: str
    """For the log."""
    parameters: Sequence[nn.Parameter]
    """The parameters."""
    peak_rate: float
    """Learning rate after the warm-up."""


class Tally:
    """Means of what a loss is made of, from one line of the log to the next."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def add(self, parts: Mapping[str, Tensor]) -> None:
        """Take in the parts of one step's loss, scalars."""
        for name, value in parts.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value.detach())
            self._counts[name] = self._counts.get(name, 0) + 1

    def take(self) -> LogLine:
        """The means since the last call."""
        means = {name: total / self._counts[name] for name, total in self._sums.items()}
        self._sums, self._counts = {}, {}
        return means


class TrainingLoop(ABC):
    """One run: network, optimiser and log, with its folder. What a step looks at is the subclass's.

    Args:
        out: Folder of the run; made if missing.
        schedule: Length and rates.
        net: The network, on its device.
        groups: Its parameters.
        rank: Number of this process among those that share the batch.
        workers: How many there are; a torch.distributed group exists if it is above 1.
        device: Where the network runs.
    """

    def __init__(
        self,
        out: Path,
        schedule: Schedule,
        net: nn.Module,
        groups: Sequence[ParameterGroup],
        *,
        rank: int = 0,
        workers: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self.out, self.schedule = out, schedule
        self.rank, self.workers, self.device = rank, workers, torch.device(device)
        self._trained = net
        self.optimiser = torch.optim.AdamW(
            [{"params": list(group.parameters), "name": group.name, "peak": group.peak_rate} for group in groups],
            lr=0.0,
            weight_decay=schedule.weight_decay,
            fused=True,
        )
        self.average = WeightAverage(net, schedule.average)
        self.step, self.minutes = 0, 0.0
        self.parts = Tally()

    @abstractmethod
    def draw_loss(self) -> Tensor:
        """Draw the batch of step `self.step` and return its loss, a scalar; the same for the same step and rank."""

    def measure(self) -> LogLine:
        """What else goes into a line of the log: the parts of the loss, or a loss on pictures that no step sees."""
        return self.parts.take()

    def is_finished(self) -> bool:
        """Whether the run is over: here, if its budget is spent."""
        return self.schedule.is_finished(self.step, self.minutes)

    def more_state(self) -> dict[str, object]:
        """What else a checkpoint must have so that the run can be gone on with; numbers, and lists of them."""
        return {}

    def take_more_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `more_state` gave."""
        del state  # which is empty here

    def set_rates(self) -> None:
        """Set the rates of the next step."""
        share = self.schedule.elapsed_share(self.step, self.minutes)
        factor = learning_rate_factor(self.step, share, self.schedule.warm_up_steps, self.schedule.decay_share)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * factor

    def train_step(self) -> float:
        """Draw one batch and take one step; returns the loss.

        Raises:
            TrainingFailed: The loss is not finite.
        """
        self.set_rates()
        self._trained.train()
        loss = self.draw_loss()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingFailed(f"step {self.step + 1}: the loss is {value}; try lower learning rates")
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self._average_gradients()
        nn.utils.clip_grad_norm_(self._trained.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        self.average.follow(self._trained, self.step)
        return value

    def run(
        self,
        log_every: int = 50,
        save_minutes: float = 4.0,
        on_log: Callable[[LogLine], None] = lambda line: None,
    ) -> None:
        """Train until the budget of minutes or steps is spent; logs JSON lines and writes checkpoints.

        Checkpoints follow a log line, so that the means of a resumed run's log are over the same steps.

        Args:
            log_every: Steps between lines of the log.
            save_minutes: Least time between checkpoints; 0 writes one with every line.
            on_log: Called in the first worker with each line, before a checkpoint; may raise `TrainingFailed`.

        Raises:
            TrainingFailed: The loss is not finite, or `on_log` says so.
        """
        started, before = time.monotonic(), self.minutes
        saved, losses, mark = self.minutes, [], time.monotonic()
        while not self.is_finished():
            losses.append(self.train_step())
            self.minutes = self._agree(before + (time.monotonic() - started) / 60.0)
            if self.rank > 0 or self.step % log_every:
                continue
            rate = len(losses) / (time.monotonic() - mark)
            on_log(self._log_line(loss=sum(losses) / len(losses), steps_per_second=rate, **self.measure()))
            losses, mark = [], time.monotonic()
            if self.minutes - saved >= save_minutes:
                self.save()
                saved = self.minutes
        if self.rank == 0:
            self.save()

    def save(self) -> None:
        """Write the checkpoint of the run, replacing the last one in one move."""
        content = {
            "net": self._trained.state_dict(),
            "average": self.average.state,
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "minutes": self.minutes,
            "more": self.more_state(),
        }
        part = self.out / "run.pt.part"
        torch.save(content, part)
        os.replace(part, self.out / "run.pt")

    def resume(self) -> bool:
        """Go on from the folder's checkpoint; False if there is none. Lines logged after the checkpoint are dropped."""
        path = self.out / "run.pt"
        if not path.exists():
            return False
        content: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        self._trained.load_state_dict(content["net"])
        self.average.restore(content["average"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.step, self.minutes = int(content["step"]), float(content["minutes"])
        self.take_more_state(content.get("more", {}))
        if self.rank == 0:
            self._cut_log()
        return True

    def _cut_log(self) -> None:
        path = self.out / "log.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        # A kill may have left half a line at the end.
        kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= self.step]
        part = self.out / "log.jsonl.part"
        part.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        os.replace(part, path)

    def _average_gradients(self) -> None:
        if self.workers == 1:
            return
        learned = [parameter for parameter in self._trained.parameters() if parameter.requires_grad]
        # What one worker's draw did not need another's may have: all must send the same numbers.
        gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in learned]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        dist.all_reduce(flat)
        parts = torch.split(flat / self.workers, [gradient.numel() for gradient in gradients])
        for parameter, gradient, part in zip(learned, gradients, parts, strict=True):
            parameter.grad = gradient.copy_(part.view_as(gradient))  # in the layout that the optimiser expects

    def _agree(self, minutes: float) -> float:
        """The first worker's clock, so that all follow one schedule and stop at the same step."""
        if self.workers == 1:
            return minutes
        clock = torch.tensor(minutes, dtype=torch.float64, device=self.device)
        dist.broadcast(clock, src=0)
        return float(clock)

    def _log_line(self, **values: float) -> LogLine:
        rates = {f"rate_{group['name']}": group["lr"] for group in self.optimiser.param_groups}
        record: LogLine = {"step": self.step, "minutes": round(self.minutes, 3), **values, **rates}
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(record) + "\n")
        return record
