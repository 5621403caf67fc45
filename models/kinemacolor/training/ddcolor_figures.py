"""What DDColor makes of held-out photos: the terms of its loss, figures (`coloured_photos`) and a sheet."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kinemacolor.models.color import lab_to_srgb, srgb_to_lab
from kinemacolor.models.networks.ddcolor import DDColor
from kinemacolor.training.coloured_photos import PhotoFigures, sheet_of
from kinemacolor.training.ddcolor_loss import DDColorLoss, enhanced, joined
from kinemacolor.training.loop import LogLine
from kinemacolor.training.photos import Picture, centre_crops
from kinemacolor.training.precision import mixed_precision

__all__ = ["HeldOut", "coloured"]

_BATCH = 16


def coloured(net: DDColor, lightness: Tensor) -> Tensor:
    """(B, 1, H, W) L* to (B, 2, H, W) float32 a*, b*, in mixed precision."""
    neutral = torch.zeros_like(lightness)
    grey = lab_to_srgb(torch.cat((lightness, neutral, neutral), dim=1))
    with mixed_precision(grey.device):
        ab: Tensor = net(grey.contiguous(memory_format=torch.channels_last))
    return ab.float()


class HeldOut:
    """Photos that no step sees.

    Args:
        pictures: (H, W, 3) uint8 RGB each, at least one; centres are taken.
        side_px: Side at which they are looked at.
        loss: That of the training.
        enhancement: Of the target.
    """

    def __init__(self, pictures: Sequence[Picture], side_px: int, loss: DDColorLoss, enhancement: float) -> None:
        self.rgb = centre_crops(pictures, side_px)
        """(N, 3, side, side) R'G'B' in [0, 1]."""
        self._lab, self._target = srgb_to_lab(self.rgb), enhanced(self.rgb, enhancement)
        self._loss, self._figures = loss, PhotoFigures(self.rgb, loss.features)
        self._constants = {f"grey_{name}": value for name, value in self._compared(0 * self._lab[:, 1:]).items()}
        self._constants["true_colourfulness"] = self._figures.true_colourfulness

    def measure(self, net: DDColor) -> LogLine:
        """The figures beside those of grey pictures; the network is left in evaluation mode."""
        found = self._compared(self._coloured(net))
        return {f"held_out_{name}": value for name, value in found.items()} | self._constants

    def sheet(self, net: DDColor, count: int) -> Picture:
        """One column for each of the first so many photos: grey, coloured, the truth.

        Returns:
            (3 side, count side, 3) uint8 RGB.
        """
        lightness, ab = self._lab[:count, :1], self._coloured(net)[:count]
        return sheet_of(joined(lightness, 0 * ab), joined(lightness, ab), self.rgb[:count])

    @torch.no_grad()
    def _coloured(self, net: DDColor) -> Tensor:
        net.eval()
        return torch.cat([coloured(net, part) for part in torch.split(self._lab[:, :1], _BATCH)])

    @torch.no_grad()
    def _compared(self, ab: Tensor) -> LogLine:
        made = joined(self._lab[:, :1], ab)
        sums: LogLine = {}
        batches = [torch.split(one, _BATCH) for one in (ab, self._lab[:, 1:], made, self._target)]
        for part in zip(*batches, strict=True):
            loss, terms = self._loss(*part)
            for name, value in {"loss": loss, **terms}.items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(part[0]) / len(ab)
        return {**sums, **self._figures.compare(made)}
