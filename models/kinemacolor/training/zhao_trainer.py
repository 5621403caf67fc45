"""The trainer of `zhao`: colour and classes of pixels together, at any width, from an `eccv16` or from noise.

The fields of `ZhaoRecipe` are what an earlier attempt by others, which diverged, and this one do differently;
docs/training.md has what each of them does to a run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from kinemacolor.models.bins import published_bins
from kinemacolor.models.networks.eccv16 import FOLDED_TEMPERATURE
from kinemacolor.models.networks.zhao import VOC_CLASS_COUNT, Zhao
from kinemacolor.training.eccv16_trainer import (
    Eccv16Recipe,
    eccv16_loss,
    is_coloured,
    joint_shares,
    lightness_and_samples,
    start_from_noise,
    without_zeros,
)
from kinemacolor.training.errors import RecipeError
from kinemacolor.training.labelled import Flip, Labelled, centre_labelled, sample_labelled
from kinemacolor.training.loop import LogLine, ParameterGroup, TrainingLoop
from kinemacolor.training.loss import SoftEncoder, class_weights, soft_cross_entropy
from kinemacolor.training.precision import mixed_precision
from kinemacolor.training.zhao_loss import class_loss, class_shares, confusion, mean_iou

__all__ = ["Norm", "ZhaoRecipe", "ZhaoTrainer"]

_STRIDE = 4
"""Of both answers."""
_SLOW = 0.01
"""New batch's share in the running statistics: Keras' momentum of 0.99."""
_USUAL = 0.1
_LABELS_COUNTED = 512
"""Photos on which the shares of the classes are counted."""

Norm = Literal["usual", "slow", "frozen"]
"""Batch norm while training: by the statistics of the batch, with running ones that follow by 0.1 a step; the same with
0.01; by the trunk's statistics, which stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZhaoRecipe(Eccv16Recipe):
    """Everything that decides the result of a run, apart from data, start and speed; usual values are for a trunk."""

    rate: float = 3e-5
    """Learning rate of trunk and colours; from noise that of `eccv16` is needed."""
    branch_rate: float = 1e-3
    """Learning rate of the branch of the classes, which always starts from noise."""
    warm_up_steps: int = 50
    classes: int = VOC_CLASS_COUNT
    """Classes of pixels."""
    colour_weight: float = 1.0
    """Share of the colour's loss in the sum, before both are divided by their sum."""
    segmentation_weight: float = 1.0
    """Share of the classes' loss; the paper's is 100 to the colour's 1."""
    norm: Norm = "usual"
    flip: Flip = "picture"
    branch_steps: int = 0
    """First steps, in which the branch of the classes learns alone and trunk and colours stay as they are."""
    weights_in_labels: bool = False
    """Each bin's share in the truth times that bin's own class weight, instead of each place times one weight."""


class ZhaoTrainer(TrainingLoop):
    """A run.

    Args:
        out: Folder of the run; made if missing.
        recipe: What to do.
        examples: Labelled photos that are trained on.
        held_out: Labelled photos that no step sees; the log has both losses on them.
        trunk: Tensors of an `eccv16` of the same width with its temperature folded in; None: from noise.
        device: Where the network runs; pictures are always drawn on the CPU.
    """

    def __init__(
        self,
        out: Path,
        recipe: ZhaoRecipe,
        examples: Sequence[Labelled],
        held_out: Sequence[Labelled],
        trunk: Mapping[str, Tensor] | None = None,
        *,
        device: torch.device | str = "cpu",
    ) -> None:
        if recipe.norm == "frozen" and trunk is None:
            raise RecipeError("expected a trunk whose statistics can be kept, found none; take another --norm")
        if recipe.colour_weight + recipe.segmentation_weight <= 0:
            raise RecipeError("expected a weight above 0 for colour or classes, found none")
        self.recipe, self._examples = recipe, examples
        self.encoder = SoftEncoder(published_bins(), recipe.neighbours)
        joint = joint_shares((example.picture for example in examples), self.encoder)
        self.class_weight = class_weights(joint.sum(dim=0), recipe.rebalance)
        self.best_constant = without_zeros(self.class_weight @ joint)
        labels = centre_labelled(examples[:_LABELS_COUNTED], recipe.crops.side_px)[1]
        self.class_shares = class_shares(labels, recipe.classes)
        self._held_out = _planes(*centre_labelled(held_out, recipe.crops.side_px)) if held_out else None
        torch.manual_seed(recipe.seed)
        net = _start(recipe, self.best_constant, self.class_shares, trunk)
        self.net = net.to(device=torch.device(device), memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._branch = self.net.branch_parameters()
        branch = {id(parameter) for parameter in self._branch}
        self._trunk = [one for one in self.net.parameters() if one.requires_grad and id(one) not in branch]
        groups = [
            ParameterGroup("branch", self._branch, recipe.branch_rate),
            ParameterGroup("trunk", self._trunk, recipe.rate),
        ]
        super().__init__(out, recipe, self.net, groups, device=device)
        self._constants = self._measure_constants()

    def run(
        self,
        log_every: int = 50,
        save_minutes: float = 4.0,
        on_log: Callable[[LogLine], None] = lambda line: None,
    ) -> None:
        """As of every loop; the log begins with the held-out losses before the first step."""
        if self.step == 0 and self._held_out is not None:
            self._log_line(**self.measure())
        super().run(log_every, save_minutes, on_log)

    def draw_loss(self) -> Tensor:
        """The weighted sum of both losses on this step's crops, in nats."""
        recipe, branch_alone = self.recipe, self.step < self.recipe.branch_steps
        self._hold(branch_alone)
        rng = np.random.default_rng((recipe.seed, self.step, self.rank))
        lightness, ab, labels = _planes(*sample_labelled(self._examples, recipe.crops, rng, recipe.flip))
        colour_logits, logits = self._both(lightness)
        classes = class_loss(logits, labels.to(self.device))
        colour = self._colour_loss(colour_logits, ab)
        self.parts.add({"colour": colour, "classes": classes})
        if branch_alone:
            return classes
        whole = recipe.colour_weight + recipe.segmentation_weight
        return (recipe.colour_weight * colour + recipe.segmentation_weight * classes) / whole

    @torch.no_grad()
    def measure(self) -> LogLine:
        """Parts of the loss; on the held-out photos both losses, right places and mean IoU, beside constant answers."""
        parts = self.parts.take()
        if self._held_out is None:
            return parts
        self.net.eval()
        count, found = self.recipe.crops.count, []
        counts = torch.zeros(self.recipe.classes, self.recipe.classes, dtype=torch.int64)
        for lightness, ab, labels in zip(*(torch.split(plane, count) for plane in self._held_out), strict=True):
            colour_logits, logits = (scores.float().cpu() for scores in self._both(lightness))
            colour = eccv16_loss(colour_logits, ab, self.encoder, self.class_weight)
            found.append(torch.stack((colour, class_loss(logits, labels))) * len(ab))
            counts += confusion(logits, labels)
        losses = (torch.stack(found).sum(dim=0) / len(self._held_out[0])).tolist()
        names = ("held_out_loss", "held_out_classes")
        right = float(counts.diagonal().sum() / counts.sum())
        measured = dict(zip(names, losses, strict=True)) | {"held_out_right": right, "held_out_iou": mean_iou(counts)}
        return parts | measured | self._constants

    def _measure_constants(self) -> LogLine:
        """What the same answer in every place would cost, and how often it would be right."""
        if self._held_out is None:
            return {}
        _, ab, labels = self._held_out
        size = (len(ab), -1, *ab.shape[-2:])
        colour = self.best_constant.log().view(1, -1, 1, 1).expand(size)
        classes = self.class_shares.log().view(1, -1, 1, 1).expand(size)
        counts = confusion(classes, labels)
        return {
            "best_constant_loss": float(eccv16_loss(colour, ab, self.encoder, self.class_weight)),
            "constant_classes": float(class_loss(classes, labels)),
            "constant_right": float(counts.diagonal().sum() / counts.sum()),
            "constant_iou": mean_iou(counts),
        }

    def _hold(self, branch_alone: bool) -> None:
        """Keep still what does not learn in this step."""
        for parameter in self._trunk:
            parameter.requires_grad_(not branch_alone)
        if branch_alone or self.recipe.norm == "frozen":
            for layer in self.net.modules():
                if isinstance(layer, nn.BatchNorm2d):
                    layer.eval()

    def set_rates(self) -> None:
        """As of every loop; a trunk that was held warms up when it begins to learn."""
        super().set_rates()
        if self.recipe.branch_steps == 0:
            return
        late = (self.step - self.recipe.branch_steps + 1) / self.recipe.warm_up_steps
        for group in self.optimiser.param_groups:
            if group["name"] == "trunk":
                group["lr"] *= min(1.0, max(0.0, late))

    def _colour_loss(self, logits: Tensor, ab: Tensor) -> Tensor:
        if not self.recipe.weights_in_labels:
            return eccv16_loss(logits, ab, self.encoder, self.class_weight)
        index, weight = self.encoder(ab)
        weight = weight * self.class_weight[index] * is_coloured(ab)[:, None, None, None]
        return soft_cross_entropy(logits, index.to(logits.device), weight.to(logits.device)).mean()

    def _both(self, lightness: Tensor) -> tuple[Tensor, Tensor]:
        lightness = lightness.to(self.device).contiguous(memory_format=torch.channels_last)
        with mixed_precision(self.device):
            colour, classes = self.net.both_logits(lightness)
        return colour, classes


def _planes(rgb: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """L* at full size, a*, b* and classes at every fourth pixel of every fourth row."""
    return *lightness_and_samples(rgb), labels[:, ::_STRIDE, ::_STRIDE].contiguous()


def _start(recipe: ZhaoRecipe, constant: Tensor, shares: Tensor, trunk: Mapping[str, Tensor] | None) -> Zhao:
    """The network before the first step: the trunk's answers, or the best constant; classes by their shares."""
    net = Zhao(recipe.width, recipe.classes)
    start_from_noise(net, constant)
    with torch.no_grad():
        weight, bias = net.segment9[-1].parameters()
        weight.normal_(std=0.01)
        bias.copy_(shares.log())
        if trunk is not None:
            net.load_state_dict({**net.state_dict(), **trunk})
            for parameter in net.model8[-1].parameters():
                parameter.mul_(FOLDED_TEMPERATURE)  # the loss is that of the scores before it was folded in
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = _SLOW if recipe.norm == "slow" else _USUAL
    return net
