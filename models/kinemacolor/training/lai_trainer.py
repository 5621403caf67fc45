"""The trainer of `lai` on top of a trained frame network: blind, that is, it sees colours and not who made them."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from kinemacolor.models.color import lab_to_srgb
from kinemacolor.models.networks.kinema import DecodeSettings, KinemaNet
from kinemacolor.models.networks.lai import Lai
from kinemacolor.models.networks.mobilenet_v2 import MobileNetV2Encoder
from kinemacolor.training.lai_loss import Footage, LaiLoss, lai_loss
from kinemacolor.training.lai_start import begin_as_average
from kinemacolor.training.loop import ParameterGroup, TrainingLoop
from kinemacolor.training.motion import MotionSettings, MovingPicture
from kinemacolor.training.photos import Picture
from kinemacolor.training.precision import mixed_precision
from kinemacolor.training.proposing import frozen
from kinemacolor.training.shots import Shooting, ShotRecipe

__all__ = ["LaiRecipe", "LaiTrainer"]

_FEATURE_TAP = 2
"""Of the encoder: 32 channels at stride 8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaiRecipe(ShotRecipe):
    """Everything that decides the result of a run, apart from data and speed."""

    rate: float = 3e-4
    """Learning rate."""
    last_rate: float = 2e-5
    """That of the last layer, which adds up 3136 numbers: at the others' rate its noise drowns what is learned."""
    count: int = 2
    """Shots of a batch."""
    average: float = 0.998
    """Decay of the running mean of the weights, which is what is exported."""
    start_share: float = 0.5
    """Weight of what was before in the moving average that the training begins with."""
    motion: MotionSettings = field(default_factory=lambda: MotionSettings(frames=6, side_px=96))
    """What a shot looks like."""
    loss: LaiLoss = field(default_factory=LaiLoss)
    """Weights of the terms of the loss."""


class LaiTrainer(TrainingLoop):
    """A run.

    Args:
        out: Folder of the run; made if missing.
        recipe: What to do.
        frame: The trained frame network, folded.
        encoder: Whose features say what looks alike.
        clips: (T, H, W, 3) uint8 sRGB each.
        photos: (H, W, 3) uint8 sRGB each.
        start: Weights to begin with; None: a moving average, see `lai_start`.
        rank: Number of this process among those that share the batch.
        workers: How many there are.
        device: Where the networks run; pictures are always drawn on the CPU.

    Raises:
        ValueError: There is no clip or no photo that is large enough.
    """

    def __init__(
        self,
        out: Path,
        recipe: LaiRecipe,
        frame: KinemaNet,
        encoder: MobileNetV2Encoder,
        clips: list[NDArray[np.uint8]],
        photos: list[Picture],
        *,
        start: dict[str, Tensor] | None = None,
        rank: int = 0,
        workers: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        self.recipe = recipe
        self._shooting = Shooting(recipe, clips, photos, rank=rank, workers=workers)
        torch.manual_seed(recipe.seed)
        layout = torch.channels_last
        net = Lai()
        if start is not None:
            net.load_state_dict(start)
        else:
            begin_as_average(net, recipe.start_share)
        self.net = net.to(device=torch.device(device), memory_format=layout)  # type: ignore[call-overload]
        self._frame, self._encoder = frozen(frame, device), frozen(encoder, device)
        last = list(self.net.deconv3.parameters())
        rest = [parameter for name, parameter in self.net.named_parameters() if not name.startswith("deconv3.")]
        groups = [ParameterGroup("lai", rest, recipe.rate), ParameterGroup("last", last, recipe.last_rate)]
        super().__init__(out, recipe, self.net, groups, rank=rank, workers=workers, device=device)

    def draw_loss(self) -> Tensor:
        """The loss of this step's shots."""
        pictures, lightness = self._shooting.draw(self.step)
        footage = self._footage(pictures, lightness.to(self.device))
        with mixed_precision(self.device):
            return lai_loss(self.net, footage, self._features, self.recipe.loss)

    def _footage(self, pictures: list[MovingPicture], lightness: Tensor) -> Footage:
        time, shots = lightness.shape[:2]
        flat = lightness.flatten(0, 1)
        ab = self._colour(flat)
        grey = lab_to_srgb(torch.cat((flat, torch.zeros_like(ab)), dim=1))
        coloured = lab_to_srgb(torch.cat((flat, ab), dim=1))
        origin = torch.stack([picture.origin for picture in pictures], dim=1).to(self.device)
        seen = torch.stack([picture.seen for picture in pictures], dim=1).to(self.device)
        size = lightness.shape[-2:]
        fine = _enlarged(origin.flatten(0, 1).permute(0, 3, 1, 2), size, "bilinear").permute(0, 2, 3, 1)
        return Footage(
            grey.view(time, shots, 3, *size),
            coloured.view(time, shots, 3, *size),
            fine.reshape(time - 1, shots, *size, 2),
            _enlarged(seen.flatten(0, 1), size, "nearest").reshape(time - 1, shots, 1, *size),
        )

    @torch.no_grad()
    def _colour(self, lightness: Tensor) -> Tensor:
        """(B, 2, H, W) a*, b* of the frame network, each frame alone."""
        with mixed_precision(self.device):
            answer = self._frame(lightness.contiguous(memory_format=torch.channels_last))
        ab, _ = self._frame.decode(answer, DecodeSettings())
        return _enlarged(ab, lightness.shape[-2:], "bicubic")

    def _features(self, rgb: Tensor) -> Tensor:
        taps = self._encoder((rgb * 2 - 1).contiguous(memory_format=torch.channels_last))
        feature: Tensor = taps[_FEATURE_TAP]
        return feature.float()


def _enlarged(planes: Tensor, size: torch.Size, mode: str) -> Tensor:
    corners = {} if mode == "nearest" else {"align_corners": False}
    return F.interpolate(planes, size=tuple(size), mode=mode, **corners)
