"""The trainer of `eccv16` from noise: the recipe of Zhang, Isola, Efros 2016, at any width.

Where paper and the authors' Caffe code (richzhang/colorization, branch caffe) differ, the defaults are the paper's, and
the fields of `Eccv16Recipe` say what the code does.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from kinemacolor.models.bins import PUBLISHED_BIN_COUNT, published_bins
from kinemacolor.models.color import srgb_to_lab
from kinemacolor.models.networks.eccv16 import FOLDED_TEMPERATURE, Eccv16
from kinemacolor.models.networks.zhang_layers import AB_UNIT
from kinemacolor.training.loop import LogLine, ParameterGroup, Schedule, TrainingLoop
from kinemacolor.training.loss import RebalanceSettings, SoftEncoder, class_weights, soft_cross_entropy
from kinemacolor.training.photos import CropSettings, Picture, centre_crops, sample_crops
from kinemacolor.training.precision import mixed_precision

__all__ = [
    "Eccv16Recipe",
    "Eccv16Trainer",
    "eccv16_loss",
    "fold_temperature",
    "is_coloured",
    "joint_shares",
    "lightness_and_samples",
    "start_from_noise",
    "without_zeros",
]

_STRIDE = 4
"""Of the posterior."""
_GREY_LIMIT = 5.0
"""A picture is grey if no sample of it has a larger |a*| or |b*| (the authors' NonGrayMaskLayer)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Eccv16Recipe(Schedule):
    """Everything that decides the result of a run, apart from data and speed."""

    width: int = 16
    """Channels of the first block; the paper's network has 64."""
    rate: float = 5e-4
    """Learning rate. The authors' is 3.16e-5 for a network whose layers were scaled by k-means, over 450,000 steps."""
    neighbours: int = 5
    """Bins that share a colour; the authors' code has 10, and they call the paper's 5 a slip."""
    rebalance: RebalanceSettings = field(default_factory=lambda: RebalanceSettings(largest=math.inf))
    """Half of the uniform distribution is mixed into the prior; nothing is capped."""
    crops: CropSettings = field(default_factory=lambda: CropSettings(count=32, side_px=64))
    """Pictures of a batch; the authors' are 40 of 176 pixels."""


def is_coloured(ab: Tensor) -> Tensor:
    """Which pictures (B, 2, h, w) of CIELAB a*, b* are not grey: (B,) bool."""
    return (ab.abs() > _GREY_LIMIT).flatten(1).any(dim=1)


def eccv16_loss(logits: Tensor, ab: Tensor, encoder: SoftEncoder, class_weight: Tensor) -> Tensor:
    """Equation 2 of the paper: cross-entropy times the weight of the likeliest bin of the truth, mean over all places.

    Grey pictures weigh nothing, but count in the mean, as in the authors' code. There the weights multiply the gradient
    alone and the printed loss is without them, summed over the places of a picture; the training is the same.

    Args:
        logits: (B, Q, h, w).
        ab: (B, 2, h, w) true CIELAB a*, b*.
        encoder: Of the Q bins.
        class_weight: (Q,) with mean 1 under the prior.

    Returns:
        Scalar float32, in nats.
    """
    index, weight = encoder(ab)
    factor = class_weight[index[..., 0]] * is_coloured(ab)[:, None, None]
    index, weight, factor = (table.to(logits.device) for table in (index, weight, factor))
    return (soft_cross_entropy(logits, index, weight) * factor).mean()


def joint_shares(pictures: Iterable[Picture], encoder: SoftEncoder) -> Tensor:
    """How often which bin is the likeliest of a place, and which bins the place is encoded by.

    Of every fourth pixel of every fourth row. The sums of the columns are the prior: the mean soft encoding, smoothed
    by the encoding itself as the authors did it (richzhang/colorization, issue 47).

    Returns:
        (313, 313) float32, sum 1; rows: the likeliest bin, columns: the bins of the encoding.
    """
    counts = torch.zeros(PUBLISHED_BIN_COUNT**2, dtype=torch.float64)
    for picture in pictures:
        rgb = torch.from_numpy(np.ascontiguousarray(picture[::_STRIDE, ::_STRIDE])).permute(2, 0, 1)[None].float() / 255
        index, weight = encoder(srgb_to_lab(rgb)[:, 1:])
        pair = index[..., :1] * PUBLISHED_BIN_COUNT + index
        counts.index_add_(0, pair.flatten(), weight.flatten().double())
    return (counts / counts.sum()).float().view(PUBLISHED_BIN_COUNT, -1)


@torch.no_grad()
def fold_temperature(net: Eccv16) -> None:
    """Turn a trained network into the layout of the authors' files: the last scores are divided by the temperature.

    Args:
        net: Whose `logits` are those of the loss; changed in place.
    """
    for parameter in net.model8[-1].parameters():
        parameter.mul_(1 / FOLDED_TEMPERATURE)


class Eccv16Trainer(TrainingLoop):
    """A run.

    Args:
        out: Folder of the run; made if missing.
        recipe: What to do.
        photos: Pictures that are trained on.
        held_out: Pictures that no step sees; the log has the loss on them.
        rank: Number of this process among those that share the batch.
        workers: How many there are.
        device: Where the network runs; pictures are always drawn on the CPU.

    Attributes:
        prior: (313,) how often each bin occurs in the photos.
        class_weight: (313,) weights of the loss.
        best_constant: (313,) the shares of bins that cost least if they are given in every place.
    """

    def __init__(
        self,
        out: Path,
        recipe: Eccv16Recipe,
        photos: Sequence[Picture],
        held_out: Sequence[Picture],
        *,
        rank: int = 0,
        workers: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        self.recipe, self._photos = recipe, photos
        self.encoder = SoftEncoder(published_bins(), recipe.neighbours)
        joint = joint_shares(photos, self.encoder)
        self.prior = joint.sum(dim=0)
        self.class_weight = class_weights(self.prior, recipe.rebalance)
        self.best_constant = without_zeros(self.class_weight @ joint)
        self._held_out = lightness_and_samples(centre_crops(held_out, recipe.crops.side_px)) if held_out else None
        self._constants = self._measure_constants()
        torch.manual_seed(recipe.seed)
        layout = torch.channels_last
        net = Eccv16(recipe.width)
        start_from_noise(net, self.best_constant)
        self.net = net.to(device=torch.device(device), memory_format=layout)  # type: ignore[call-overload]
        learned = [parameter for parameter in self.net.parameters() if parameter.requires_grad]
        groups = [ParameterGroup("net", learned, recipe.rate)]
        super().__init__(out, recipe, self.net, groups, rank=rank, workers=workers, device=device)

    def draw_loss(self) -> Tensor:
        """The loss of this step's crops, in nats."""
        rng = np.random.default_rng((self.recipe.seed, self.step, self.rank))
        mine = replace(self.recipe.crops, count=self.recipe.crops.count // self.workers)
        lightness, ab = lightness_and_samples(sample_crops(self._photos, mine, rng))
        return eccv16_loss(self._logits(lightness), ab, self.encoder, self.class_weight)

    @torch.no_grad()
    def measure(self) -> LogLine:
        """The loss on the held-out pictures, with and without class weights, beside those of constant answers."""
        if self._held_out is None:
            return {}
        self.net.eval()
        lightness, ab = self._held_out
        count = self.recipe.crops.count
        pairs = zip(torch.split(lightness, count), torch.split(ab, count), strict=True)
        found = torch.cat([self._two_losses(self._logits(part).cpu(), truth) for part, truth in pairs]).mean(dim=0)
        names = ("held_out_loss", "held_out_plain")
        return dict(zip(names, found.tolist(), strict=True)) | self._constants

    def _measure_constants(self) -> LogLine:
        """What the same shares in every place would cost."""
        if self._held_out is None:
            return {}
        ab = self._held_out[1]
        shares = {"prior": without_zeros(self.prior), "best_constant": self.best_constant}
        logits = {
            name: share.log().view(1, -1, 1, 1).expand(len(ab), -1, *ab.shape[-2:]) for name, share in shares.items()
        }
        both = {name: self._two_losses(constant, ab).mean(dim=0).tolist() for name, constant in logits.items()}
        return {
            "prior_loss": both["prior"][0],
            "prior_plain": both["prior"][1],
            "best_constant_loss": both["best_constant"][0],
        }

    def _two_losses(self, logits: Tensor, ab: Tensor) -> Tensor:
        """(B, 2) mean loss of each picture, with and without class weights."""
        index, weight = self.encoder(ab)
        plain = soft_cross_entropy(logits, index, weight)
        return torch.stack([(plain * self.class_weight[index[..., 0]]).mean((1, 2)), plain.mean((1, 2))], dim=1)

    def _logits(self, lightness: Tensor) -> Tensor:
        lightness = lightness.to(self.device).contiguous(memory_format=torch.channels_last)
        with mixed_precision(self.device):
            logits: Tensor = self.net.logits(lightness)
        return logits


def without_zeros(shares: Tensor) -> Tensor:
    """Bins that never occur in training may do so elsewhere: they are taken for as frequent as the rarest one."""
    seen = shares.clamp_min(float(shares[shares > 0].min()))
    return seen / seen.sum()


def lightness_and_samples(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """CIE L* (B, 1, H, W), and a*, b* (B, 2, H / 4, W / 4): every fourth sample, not a mean, as the authors take it."""
    lab = srgb_to_lab(rgb)
    return lab[:, :1], lab[:, 1:, ::_STRIDE, ::_STRIDE].contiguous()


def start_from_noise(net: Eccv16, constant: Tensor) -> None:
    """Layers that keep the scale of what passes (He et al. 2015), and a fixed last one that holds the bins.

    The first scores are the best constant. From even ones the layers before learn the constant first, all channels
    alike, and 650 steps were not enough to get away from it.

    Args:
        net: Changed in place.
        constant: (313,) shares of bins, none of them 0.
    """
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    with torch.no_grad():
        weight, bias = net.model8[-1].parameters()
        weight.normal_(std=0.01)
        bias.copy_(constant.log())
        net.model_out.weight.copy_(published_bins().t()[:, :, None, None] / AB_UNIT)
    net.model_out.requires_grad_(False)
