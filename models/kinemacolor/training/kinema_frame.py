"""Train the frame network `kinema`: `python -m kinemacolor.training.kinema_frame --out DIR --minutes N`.

The schedule follows the wall clock, not the step count: the learning rate is a function of the elapsed share of the
time budget, so a run on a busy machine still ends in time with its rate at zero. A checkpoint holds everything that
a resume needs and is written every few minutes; a run whose folder has one goes on from there.

With --workers the batch is split over processes of one thread each, which meet once a step to average gradients: on
a busy machine that is several times faster than threads, which meet thousands of times a step and wait for the one
that is not running.

The pictures come from the folder that the environment variable KINEMACOLOR_DATA names (or --data).
"""

import argparse
import json
import logging
import math
import os
import tempfile
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.multiprocessing.spawn import start_processes

from kinemacolor.models.color import lightness_from_luminance, luma, srgb_to_lab, srgb_to_linear
from kinemacolor.models.networks.kinema import STRIDE_OUT, KinemaNet
from kinemacolor.training.degradation import FilmModel, degrade
from kinemacolor.training.loss import RebalanceSettings, SoftEncoder, class_weights, rebalanced_cross_entropy
from kinemacolor.training.photos import CropSettings, Picture, read_photos, sample_crops

__all__ = ["Batch", "Recipe", "Trainer", "learning_rate_factor", "main", "make_batch"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that decides the result of a run, apart from data and speed."""

    minutes: float
    """Time budget over all resumed parts of the run."""
    steps: int | None = None
    """Stop after that many steps even if time is left."""
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
    seed: int = 1906
    """Seed of all draws."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One training batch."""

    lightness: Tensor
    """(B, 1, H, W) CIE L* that the network sees."""
    ab: Tensor
    """(B, 2, H / 4, W / 4) true CIELAB a*, b*, averaged over the cells of the posterior."""


def learning_rate_factor(step: int, elapsed_share: float, warm_up_steps: int) -> float:
    """Linear warm-up by steps, then a cosine to zero over the elapsed share of the time budget, in [0, 1]."""
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
    ) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self.out, self.recipe, self.photos = out, recipe, photos
        self.rank, self.workers = rank, workers
        torch.manual_seed(recipe.seed)
        self.net = KinemaNet(norm=True)
        if trunk is not None:
            self.net.encoder.load_dequantised(trunk)
        self.net = self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimiser = _optimiser(self.net, recipe)
        self.encoder = SoftEncoder(self.net.bins)
        self.step, self.minutes = 0, 0.0
        self._generator = torch.Generator()
        self._seed_draws()
        self._film = FilmModel()
        self.net.class_log_weight.copy_(self._measure_class_weights().log())

    def train_step(self) -> float:
        """Draw one batch and take one step; returns the loss in nats."""
        batch = make_batch(self._crops(), self.recipe.old_film_share, self._film, self._generator)
        factor = learning_rate_factor(self.step, self.minutes / self.recipe.minutes, self.recipe.warm_up_steps)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * factor
        self.net.train()
        with torch.autocast("cpu", torch.bfloat16):
            logits, _ = self.net(batch.lightness.contiguous(memory_format=torch.channels_last))
        loss = rebalanced_cross_entropy(logits, *self.encoder(batch.ab), self.net.class_log_weight.exp())
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self._average_gradients()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        return float(loss.detach())

    def run(self, log_every: int = 50, save_minutes: float = 4.0) -> None:
        """Train until the budget of minutes or steps is spent; logs JSON lines and writes checkpoints."""
        started, before = time.monotonic(), self.minutes
        saved, losses, mark = self.minutes, [], time.monotonic()
        while not self._finished():
            losses.append(self.train_step())
            self.minutes = self._agree(before + (time.monotonic() - started) / 60.0)
            if self.rank > 0:
                continue
            if self.step % log_every == 0:
                rate = len(losses) / (time.monotonic() - mark)
                self._log_line(loss=sum(losses) / len(losses), steps_per_second=rate)
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
        """Go on from the folder's checkpoint; False if there is none. Draws go on with a seed of their own."""
        path = self.out / "run.pt"
        if not path.exists():
            return False
        content: dict[str, Any] = torch.load(path, weights_only=True)
        self.net.load_state_dict(content["net"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.step, self.minutes = int(content["step"]), float(content["minutes"])
        self._seed_draws()
        return True

    def _seed_draws(self) -> None:
        """Pictures and film differ from worker to worker; the kind of batch is drawn alike, so none waits."""
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
        clock = torch.tensor(minutes, dtype=torch.float64)
        dist.broadcast(clock, src=0)
        return float(clock)

    def _finished(self) -> bool:
        enough = self.recipe.steps is not None and self.step >= self.recipe.steps
        return enough or self.minutes >= self.recipe.minutes

    def _crops(self) -> Tensor:
        first, last = self.recipe.large_share
        share = first + (last - first) * min(1.0, self.minutes / self.recipe.minutes)
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

    def _log_line(self, **values: float) -> None:
        rates = {f"rate_{group['name']}": group["lr"] for group in self.optimiser.param_groups}
        record = {"step": self.step, "minutes": round(self.minutes, 3), **values, **rates}
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(record) + "\n")
        _log.info("%s", record)


def _optimiser(net: KinemaNet, recipe: Recipe) -> torch.optim.AdamW:
    trunk = list(net.encoder.parameters())
    known = {id(parameter) for parameter in trunk}
    rest = [parameter for parameter in net.parameters() if id(parameter) not in known]
    groups = [
        {"params": trunk, "name": "encoder", "peak": recipe.encoder_rate},
        {"params": rest, "name": "decoder", "peak": recipe.decoder_rate},
    ]
    return torch.optim.AdamW(groups, lr=0.0, weight_decay=recipe.weight_decay, fused=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train the frame network kinema.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run: checkpoint and log")
    parser.add_argument("--minutes", type=float, required=True, help="time budget; the learning rate follows it")
    parser.add_argument("--steps", type=int, help="stop after that many steps even if time is left")
    parser.add_argument("--data", type=Path, default=os.environ.get("KINEMACOLOR_DATA"), help="folder of the data")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread that share the batch")
    parser.add_argument("--limit", type=int, help="read at most that many photos of each kind, for quick runs")
    parser.add_argument("--seed", type=int, default=Recipe(minutes=1.0).seed, help="seed of all draws")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("name the folder of the data with --data or KINEMACOLOR_DATA")
    return arguments


def main() -> None:
    """Read the photos, go on where the folder's run stopped, train."""
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    data = Path(arguments.data)
    small = read_photos(sorted((data / "train_photos").glob("*.tar.gz")), arguments.limit)
    large = read_photos(sorted((data / "train_photos_192").glob("*.tar")), arguments.limit)
    _log.info("%d small and %d large photos", len(small), len(large))
    trunk = torch.load(data / "weights" / "mobilenet_v2_dequant.pth", weights_only=True)["state"]
    recipe = Recipe(minutes=arguments.minutes, steps=arguments.steps, seed=arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "recipe.json").write_text(json.dumps(asdict(recipe), indent=1), encoding="utf-8")
    with tempfile.TemporaryDirectory() as meeting:
        job = (arguments.workers, Path(meeting) / "store", arguments.out, recipe, (small, large), trunk)
        # Forked, so that the workers share the pictures' memory. torch leaves the function untyped.
        start_processes(_work, job, arguments.workers, start_method="fork")  # type: ignore[no-untyped-call]


def _work(
    rank: int,
    workers: int,
    store: Path,
    out: Path,
    recipe: Recipe,
    photos: tuple[list[Picture], list[Picture]],
    trunk: dict[str, Tensor],
) -> None:
    torch.set_num_threads(1)
    if workers > 1:
        dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=workers)
    trainer = Trainer(out, recipe, photos, trunk, rank=rank, workers=workers)
    resumed = trainer.resume()
    _log.info("worker %d %s at step %d", rank, "resumed" if resumed else "started", trainer.step)
    trainer.run()
    if workers > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
