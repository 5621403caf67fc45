"""The trainer of the frame network `kinema`: numbers of a recipe, and what one step looks at.

The posterior is trained by cross-entropy, the error by the distance of the finished colour from the truth. The finish
is trained from a share of the schedule on, by `finish_loss`; the colour that it starts from is taken as it is, so that
this loss does not turn a posterior into whatever gives the best mean.

The shipped weights were trained in bfloat16 on a CPU that has it. A GPU takes the same mixed precision.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.color import lightness_from_luminance, luma, srgb_to_lab, srgb_to_linear
from kinemacolor.models.networks.kinema import STRIDE_OUT, Answer, DecodeSettings, KinemaNet, error_channel
from kinemacolor.training.degradation import FilmModel, degrade
from kinemacolor.training.finish_loss import FinishLoss, finish_loss
from kinemacolor.training.loop import ParameterGroup, Schedule, TrainingLoop
from kinemacolor.training.loss import RebalanceSettings, SoftEncoder, class_weights, rebalanced_cross_entropy
from kinemacolor.training.photos import CropSettings, Picture, sample_crops
from kinemacolor.training.precision import mixed_precision
from kinemacolor.training.start import begin_with

__all__ = ["Batch", "Recipe", "Trainer", "make_batch"]

_START_BATCHES = 20
_ROUND_DISTANCE = 1e-3  # CIELAB units, squared


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe(Schedule):
    """Everything that decides the result of a run, apart from data and speed."""

    encoder_rate: float = 1.2e-4
    """Learning rate of the pretrained trunk."""
    decoder_rate: float = 6e-4
    """Learning rate of the decoder."""
    old_film_share: float = 0.5
    """Share of each batch whose lightness comes from the model of old film."""
    small: CropSettings = field(default_factory=lambda: CropSettings(count=12, side_px=112))
    """Crops of the photos at short side 128."""
    large: CropSettings = field(default_factory=lambda: CropSettings(count=6, side_px=160))
    """Crops of the sharper photos at short side 192, so that the network knows larger motifs."""
    large_share: tuple[float, float] = (0.22, 0.22)
    """Share of large batches at the start and at the end of the run, of those that are not wide."""
    wide: CropSettings = field(default_factory=lambda: CropSettings(count=4, side_px=192))
    """Crops of the sharper photos that show more of the picture at once, for the attention."""
    wide_share: float = 0.1
    """Share of wide batches."""
    clip_share: float = 0.08
    """Share of batches, of any size, that are single frames of clips, so that the network knows video."""
    rebalance: RebalanceSettings = field(default_factory=RebalanceSettings)
    """Strength of the class rebalancing."""
    error_weight: float = 0.3
    """Weight of the loss of the expected error, beside that of the cross-entropy."""
    finish: FinishLoss = field(default_factory=FinishLoss)
    """What the finish is trained for, and when."""
    film: FilmModel = field(default_factory=FilmModel)
    """Ranges of the model of old film."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One training batch."""

    lightness: Tensor
    """(B, 1, H, W) CIE L* that the network sees."""
    lab: Tensor
    """(B, 3, H / 4, W / 4) true CIELAB, averaged over the cells of the posterior."""

    @property
    def ab(self) -> Tensor:
        """(B, 2, H / 4, W / 4) true a*, b*."""
        return self.lab[:, 1:]


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
    return Batch(torch.where(chosen, old, clean), F.avg_pool2d(srgb_to_lab(rgb), STRIDE_OUT))


class Trainer(TrainingLoop):
    """A run of the frame network.

    Args:
        out: Folder of the run; made if missing.
        recipe: What to do.
        photos: Small pictures and large pictures (the second may be empty).
        trunk: `state` of the decoded MobileNetV2, or None to start the trunk from noise (tests).
        frames: Single frames of clips (may be empty).
        start: State of a folded network to begin with, its class weights included; `trunk` is not looked at then.
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
        frames: Sequence[Picture] = (),
        start: Mapping[str, Tensor] | None = None,
        rank: int = 0,
        workers: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        self.recipe, self.photos, self._frames = recipe, photos, frames
        torch.manual_seed(recipe.seed)
        net = KinemaNet(norm=True)
        self.encoder = SoftEncoder(net.bins)
        if start is not None:
            begin_with(net, start, self._start_lightness())
        else:
            if trunk is not None:
                net.encoder.load_dequantised(trunk)
            net.class_log_weight.copy_(self._measure_class_weights(net).log())
        layout = torch.channels_last
        self.net = net.to(device=torch.device(device), memory_format=layout)  # type: ignore[call-overload]
        self._generator = torch.Generator()
        super().__init__(out, recipe, self.net, _groups(self.net, recipe), rank=rank, workers=workers, device=device)

    def draw_loss(self) -> Tensor:
        """The loss of this step's crops."""
        self._seed_draws()
        batch = make_batch(self._crops(), self.recipe.old_film_share, self.recipe.film, self._generator)
        lightness = batch.lightness.to(self.device).contiguous(memory_format=torch.channels_last)
        with mixed_precision(self.device):
            answer = self.net(lightness)
        index, weight = (table.to(self.device) for table in self.encoder(batch.ab))
        entropy = rebalanced_cross_entropy(answer.logits, index, weight, self.net.class_log_weight.exp())
        return self._loss(entropy, answer, batch.lab.to(self.device))

    def _loss(self, entropy: Tensor, answer: Answer, lab: Tensor) -> Tensor:
        """All parts of the loss together, and into the log."""
        recipe = self.recipe
        ab, _ = self.net.decode(replace(answer, logits=answer.logits.detach()), DecodeSettings())
        distance = ((ab.detach() - lab[:, 1:]).square().sum(dim=1, keepdim=True) + _ROUND_DISTANCE).sqrt()
        error = F.smooth_l1_loss(answer.error.float(), error_channel(distance))
        self.parts.add({"cross_entropy": entropy, "error": error})
        if recipe.elapsed_share(self.step, self.minutes) < recipe.finish.from_share:
            return entropy + recipe.error_weight * error
        finish, parts = finish_loss(ab, lab, recipe.finish)
        self.parts.add(parts)
        return recipe.finish.cross_entropy * entropy + recipe.error_weight * error + finish

    def _seed_draws(self) -> None:
        """Draws of one step: pictures and film differ among workers; the kind of batch does not, so none waits."""
        self._rng = np.random.default_rng((self.recipe.seed, self.step, self.rank))
        self._kind_rng = np.random.default_rng((self.recipe.seed, self.step))
        self._generator.manual_seed(self.recipe.seed + 1_000_003 * self.step + self.rank)

    def _crops(self) -> Tensor:
        settings, pictures = self._kind()
        if self._frames and self._kind_rng.random() < self.recipe.clip_share:
            pictures = self._frames
        mine = replace(settings, count=settings.count // self.workers)
        return sample_crops(pictures, mine, self._rng)

    def _kind(self) -> tuple[CropSettings, Sequence[Picture]]:
        """Of this step: small, large or wide crops, and of which photos."""
        recipe, (small, large) = self.recipe, self.photos
        if self._kind_rng.random() < recipe.wide_share:
            return recipe.wide, large or small
        first, last = recipe.large_share
        share = first + (last - first) * recipe.elapsed_share(self.step, self.minutes)
        if large and self._kind_rng.random() < share:
            return recipe.large, large
        return recipe.small, small

    def _start_lightness(self) -> Iterator[Tensor]:
        """What a network that begins with weights is measured on, the same for all workers."""
        rng, generator = np.random.default_rng(self.recipe.seed), torch.Generator().manual_seed(self.recipe.seed)
        for _ in range(_START_BATCHES):
            rgb = sample_crops(self.photos[0], self.recipe.small, rng)
            yield make_batch(rgb, self.recipe.old_film_share, self.recipe.film, generator).lightness

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
