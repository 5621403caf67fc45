"""The trainer of the frame network `kinema`: numbers of a recipe, and what one step looks at.

bfloat16 on a CPU was used for the shipped weights. A GPU takes the same mixed precision.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.color import lightness_from_luminance, luma, srgb_to_lab, srgb_to_linear
from kinemacolor.models.networks.kinema import STRIDE_OUT, KinemaNet
from kinemacolor.training.degradation import FilmModel, degrade
from kinemacolor.training.loop import ParameterGroup, Schedule, TrainingLoop
from kinemacolor.training.loss import RebalanceSettings, SoftEncoder, class_weights, rebalanced_cross_entropy
from kinemacolor.training.photos import CropSettings, Picture, sample_crops

__all__ = ["Batch", "Recipe", "Trainer", "make_batch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe(Schedule):
    """Everything that decides the result of a run, apart from data and speed."""

    encoder_rate: float = 3e-4
    """Learning rate of the pretrained trunk."""
    decoder_rate: float = 1.5e-3
    """Learning rate of the decoder."""
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


@dataclass(frozen=True, slots=True)
class Batch:
    """One training batch."""

    lightness: Tensor
    """(B, 1, H, W) CIE L* that the network sees."""
    ab: Tensor
    """(B, 2, H / 4, W / 4) true CIELAB a*, b*, averaged over the cells of the posterior."""


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


class Trainer(TrainingLoop):
    """A run of the frame network.

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
        self.recipe, self.photos = recipe, photos
        torch.manual_seed(recipe.seed)
        net = KinemaNet(norm=True)
        if trunk is not None:
            net.encoder.load_dequantised(trunk)
        self.encoder = SoftEncoder(net.bins)
        net.class_log_weight.copy_(self._measure_class_weights(net).log())
        layout = torch.channels_last
        self.net = net.to(device=torch.device(device), memory_format=layout)  # type: ignore[call-overload]
        self._generator = torch.Generator()
        super().__init__(out, recipe, self.net, _groups(self.net, recipe), rank=rank, workers=workers, device=device)

    def draw_loss(self) -> Tensor:
        """The loss of this step's crops, in nats."""
        self._seed_draws()
        batch = make_batch(self._crops(), self.recipe.old_film_share, self.recipe.film, self._generator)
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

    def _crops(self) -> Tensor:
        first, last = self.recipe.large_share
        share = first + (last - first) * self.recipe.elapsed_share(self.step, self.minutes)
        large = bool(self.photos[1]) and self._kind_rng.random() < share
        settings = self.recipe.large if large else self.recipe.small
        mine = replace(settings, count=settings.count // self.workers)
        return sample_crops(self.photos[1] if large else self.photos[0], mine, self._rng)

    def _measure_class_weights(self, net: KinemaNet, batches: int = 60) -> Tensor:
        """Count bins over a sample of crops; one count is added to each bin so that none is impossible."""
        counts = torch.ones(net.bins.shape[0])
        rng = np.random.default_rng(self.recipe.seed)
        for _ in range(batches):
            rgb = sample_crops(self.photos[0], self.recipe.small, rng)
            nearest = self.encoder(F.avg_pool2d(srgb_to_lab(rgb)[:, 1:], STRIDE_OUT))[0][..., 0]
            counts += torch.bincount(nearest.flatten(), minlength=counts.numel())
        return class_weights(counts, self.recipe.rebalance)


def _groups(net: KinemaNet, recipe: Recipe) -> list[ParameterGroup]:
    trunk = list(net.encoder.parameters())
    known = {id(parameter) for parameter in trunk}
    rest = [parameter for parameter in net.parameters() if id(parameter) not in known]
    return [
        ParameterGroup("encoder", trunk, recipe.encoder_rate),
        ParameterGroup("decoder", rest, recipe.decoder_rate),
    ]
