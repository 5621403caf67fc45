"""The trainer of the frame network `kinema`: numbers of a recipe, one step, one run with its folder.

A schedule follows either the steps or the wall clock. By steps a run can be repeated: draws depend on the seed and the
step alone, so a run that was killed and resumed gives the same losses as an unbroken one (same machine and workers).
By the clock a run on a busy machine still ends in time with its rate at zero, but no two runs are equal.

Workers are processes of one thread each, which meet once a step to average gradients: on a busy machine that is
several times faster than threads, which meet thousands of times a step and wait for the one that is not running.

bfloat16 on a CPU was used for the shipped weights. On a GPU the same mixed precision is written but was not run yet.
"""

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.models.color import lightness_from_luminance, luma, srgb_to_lab, srgb_to_linear
from kinemacolor.models.networks.kinema import STRIDE_OUT, KinemaNet
from kinemacolor.training.degradation import FilmModel, degrade
from kinemacolor.training.errors import TrainingFailed
from kinemacolor.training.loss import RebalanceSettings, SoftEncoder, class_weights, rebalanced_cross_entropy
from kinemacolor.training.photos import CropSettings, Picture, sample_crops

__all__ = ["Batch", "LogLine", "Recipe", "Trainer", "learning_rate_factor", "make_batch"]

LogLine = dict[str, float]
"""Values of one line of the run's log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that decides the result of a run, apart from data and speed.

    Raises:
        ValueError: Neither minutes nor steps are given.
    """

    minutes: float | None = None
    """Time budget over all resumed parts of the run; the schedule follows it. None: the schedule follows `steps`."""
    steps: int | None = None
    """Steps of the run; with `minutes`, stop after that many even if time is left."""
    encoder_rate: float = 3e-4
    """Learning rate of the pretrained trunk."""
    decoder_rate: float = 1.5e-3
    """Learning rate of the decoder."""
    weight_decay: float = 1e-4
    """AdamW's decoupled decay (Loshchilov, Hutter 2019)."""
    warm_up_steps: int = 200
    """Steps over which the rate rises from 0."""
    old_film_share: float = 0.65
    """Share of each batch whose lightness comes from the model of old film."""
    small: CropSettings = field(default_factory=lambda: CropSettings(count=24, side_px=112))
    """Crops of the photos at short side 128."""
    large: CropSettings = field(default_factory=lambda: CropSettings(count=12, side_px=160))
    """Crops of the sharper photos at short side 192, so that the network knows larger motifs."""
    large_share: tuple[float, float] = (0.15, 0.5)
    """Share of large batches at the start and at the end of the run."""
    rebalance: RebalanceSettings = field(default_factory=RebalanceSettings)
    """Strength of the class rebalancing."""
    film: FilmModel = field(default_factory=FilmModel)
    """Ranges of the model of old film."""
    seed: int = 1906
    """Seed of all draws."""

    def __post_init__(self) -> None:
        if self.minutes is None and self.steps is None:
            raise ValueError("expected minutes or steps, found neither")

    def elapsed_share(self, step: int, minutes: float) -> float:
        """How much of the schedule is over, from 0 to 1."""
        if self.minutes is not None:
            return min(1.0, minutes / self.minutes)
        return min(1.0, step / (self.steps or 1))

    def is_finished(self, step: int, minutes: float) -> bool:
        """Whether the budget of steps or minutes is spent."""
        enough = self.steps is not None and step >= self.steps
        return enough or (self.minutes is not None and minutes >= self.minutes)


@dataclass(frozen=True, slots=True)
class Batch:
    """One training batch."""

    lightness: Tensor
    """(B, 1, H, W) CIE L* that the network sees."""
    ab: Tensor
    """(B, 2, H / 4, W / 4) true CIELAB a*, b*, averaged over the cells of the posterior."""


def learning_rate_factor(step: int, elapsed_share: float, warm_up_steps: int) -> float:
    """Linear warm-up by steps, then a cosine to zero over the elapsed share of the schedule, in [0, 1]."""
    warm = min(1.0, (step + 1) / warm_up_steps)
    return warm * 0.5 * (1.0 + math.cos(math.pi * min(1.0, max(0.0, elapsed_share))))


def make_batch(rgb: Tensor, old_film_share: float, film: FilmModel, generator: torch.Generator) -> Batch:
    """Split photos into what the network sees and what it should answer.

    Clean pictures keep the lightness of their luma Y', because that is all a decoder of black-and-white video gives.

    Args:
        rgb: (B, 3, H, W) sRGB code values in [0, 1]; H and W multiples of 4.
        old_film_share: Probability that a picture is degraded.
        film: Ranges of the model of old film.
        generator: Source of randomness.
    """
    clean = lightness_from_luminance(srgb_to_linear(luma(rgb)))
    old = degrade(srgb_to_linear(rgb), film, generator)
    chosen = torch.rand(rgb.shape[0], 1, 1, 1, generator=generator) < old_film_share
    ab = F.avg_pool2d(srgb_to_lab(rgb)[:, 1:], STRIDE_OUT)
    return Batch(torch.where(chosen, old, clean), ab)


class Trainer:
    """One run: network, optimiser, data and log, with its folder.

    Args:
        out: Folder of the run; made if missing.
        recipe: What to do.
        photos: Small pictures and large pictures (the second may be empty).
        trunk: `state` of the decoded MobileNetV2, or None to start the trunk from noise (tests).
        rank: Number of this process among those that share the batch.
        workers: How many there are; a torch.distributed group exists if it is above 1.
        device: Where the network runs; pictures are always drawn on the CPU.
    """

    def __init__(
        self,
        out: Path,
        recipe: Recipe,
        photos: tuple[list[Picture], list[Picture]],
        trunk: dict[str, Tensor] | None,
        *,
        rank: int = 0,
        workers: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self.out, self.recipe, self.photos = out, recipe, photos
        self.rank, self.workers, self.device = rank, workers, torch.device(device)
        torch.manual_seed(recipe.seed)
        self.net = KinemaNet(norm=True)
        if trunk is not None:
            self.net.encoder.load_dequantised(trunk)
        layout = torch.channels_last
        self.net = self.net.to(device=self.device, memory_format=layout)  # type: ignore[call-overload]
        self.optimiser = _optimiser(self.net, recipe)
        self.encoder = SoftEncoder(self.net.bins.cpu())
        self.step, self.minutes = 0, 0.0
        self._generator = torch.Generator()
        self.net.class_log_weight.copy_(self._measure_class_weights().log())

    def train_step(self) -> float:
        """Draw one batch and take one step; returns the loss in nats.

        Raises:
            TrainingFailed: The loss is not finite.
        """
        self._seed_draws()
        batch = make_batch(self._crops(), self.recipe.old_film_share, self.recipe.film, self._generator)
        self._set_rates()
        self.net.train()
        loss = self._loss(batch)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingFailed(f"step {self.step + 1}: the loss is {value}; try lower learning rates")
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self._average_gradients()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
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
        while not self.recipe.is_finished(self.step, self.minutes):
            losses.append(self.train_step())
            self.minutes = self._agree(before + (time.monotonic() - started) / 60.0)
            if self.rank > 0 or self.step % log_every:
                continue
            rate = len(losses) / (time.monotonic() - mark)
            on_log(self._log_line(loss=sum(losses) / len(losses), steps_per_second=rate))
            losses, mark = [], time.monotonic()
            if self.minutes - saved >= save_minutes:
                self.save()
                saved = self.minutes
        if self.rank == 0:
            self.save()

    def save(self) -> None:
        """Write the checkpoint of the run, replacing the last one in one move."""
        content = {
            "net": self.net.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "minutes": self.minutes,
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
        self.net.load_state_dict(content["net"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.step, self.minutes = int(content["step"]), float(content["minutes"])
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

    def _set_rates(self) -> None:
        share = self.recipe.elapsed_share(self.step, self.minutes)
        factor = learning_rate_factor(self.step, share, self.recipe.warm_up_steps)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * factor

    def _loss(self, batch: Batch) -> Tensor:
        lightness = batch.lightness.to(self.device).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16):
            logits, _ = self.net(lightness)
        index, weight = (table.to(self.device) for table in self.encoder(batch.ab))
        return rebalanced_cross_entropy(logits, index, weight, self.net.class_log_weight.exp())

    def _seed_draws(self) -> None:
        """Draws of one step: pictures and film differ among workers; the kind of batch does not, so none waits."""
        self._rng = np.random.default_rng((self.recipe.seed, self.step, self.rank))
        self._kind_rng = np.random.default_rng((self.recipe.seed, self.step))
        self._generator.manual_seed(self.recipe.seed + 1_000_003 * self.step + self.rank)

    def _average_gradients(self) -> None:
        if self.workers == 1:
            return
        gradients = [parameter.grad for parameter in self.net.parameters() if parameter.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        dist.all_reduce(flat)
        parts = torch.split(flat / self.workers, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def _agree(self, minutes: float) -> float:
        """The first worker's clock, so that all follow one schedule and stop at the same step."""
        if self.workers == 1:
            return minutes
        clock = torch.tensor(minutes, dtype=torch.float64, device=self.device)
        dist.broadcast(clock, src=0)
        return float(clock)

    def _crops(self) -> Tensor:
        first, last = self.recipe.large_share
        share = first + (last - first) * self.recipe.elapsed_share(self.step, self.minutes)
        large = bool(self.photos[1]) and self._kind_rng.random() < share
        settings = self.recipe.large if large else self.recipe.small
        mine = replace(settings, count=settings.count // self.workers)
        return sample_crops(self.photos[1] if large else self.photos[0], mine, self._rng)

    def _measure_class_weights(self, batches: int = 60) -> Tensor:
        """Count bins over a sample of crops; one count is added to each bin so that none is impossible."""
        counts = torch.ones(self.net.bins.shape[0])
        rng = np.random.default_rng(self.recipe.seed)
        for _ in range(batches):
            rgb = sample_crops(self.photos[0], self.recipe.small, rng)
            nearest = self.encoder(F.avg_pool2d(srgb_to_lab(rgb)[:, 1:], STRIDE_OUT))[0][..., 0]
            counts += torch.bincount(nearest.flatten(), minlength=counts.numel())
        return class_weights(counts, self.recipe.rebalance)

    def _log_line(self, **values: float) -> LogLine:
        rates = {f"rate_{group['name']}": group["lr"] for group in self.optimiser.param_groups}
        record: LogLine = {"step": self.step, "minutes": round(self.minutes, 3), **values, **rates}
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(record) + "\n")
        return record


def _optimiser(net: KinemaNet, recipe: Recipe) -> torch.optim.AdamW:
    trunk = list(net.encoder.parameters())
    known = {id(parameter) for parameter in trunk}
    rest = [parameter for parameter in net.parameters() if id(parameter) not in known]
    groups = [
        {"params": trunk, "name": "encoder", "peak": recipe.encoder_rate},
        {"params": rest, "name": "decoder", "peak": recipe.decoder_rate},
    ]
    return torch.optim.AdamW(groups, lr=0.0, weight_decay=recipe.weight_decay, fused=True)
