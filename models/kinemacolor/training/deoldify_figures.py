"""What a generator of DeOldify makes of held-out photos: figures and a sheet.

FeatureLoss is that of the training, on the whole of what the network says. The other figures (`coloured_photos`) are of
the colour on the film's own luma, as it is used.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from kinemacolor.models.networks.deoldify import Deoldify
from kinemacolor.models.networks.imagenet import normalised, restored
from kinemacolor.training.coloured_photos import PhotoFigures, sheet_of
from kinemacolor.training.deoldify_pictures import grey_of, with_luma_of
from kinemacolor.training.feature_loss import FeatureLoss
from kinemacolor.training.loop import LogLine
from kinemacolor.training.photos import Picture, centre_crops
from kinemacolor.training.precision import mixed_precision

__all__ = ["HeldOut"]

_BATCH = 16


class HeldOut:
    """Photos that no step sees.

    Args:
        pictures: (H, W, 3) uint8 RGB each, at least one; centres are taken.
        side_px: Side at which they are looked at.
        loss: That of the training.
    """

    def __init__(self, pictures: Sequence[Picture], side_px: int, loss: FeatureLoss) -> None:
        self.rgb = centre_crops(pictures, side_px)
        """(N, 3, side, side) R'G'B' in [0, 1]."""
        self._loss, self._figures = loss, PhotoFigures(self.rgb, loss)
        grey = grey_of(self.rgb)
        self._constants = {f"grey_{name}": value for name, value in self._compared(normalised(grey), grey).items()}
        self._constants["true_colourfulness"] = self._figures.true_colourfulness

    def measure(self, net: Deoldify) -> LogLine:
        """The figures beside those of grey pictures; the network is left in evaluation mode."""
        said = self.coloured(net)
        found = self._compared(said, with_luma_of(grey_of(self.rgb), restored(said)))
        return {f"held_out_{name}": value for name, value in found.items()} | self._constants

    @torch.no_grad()
    def coloured(self, net: Deoldify) -> Tensor:
        """(N, 3, side, side) what the network says, normalised; it is left in evaluation mode."""
        net.eval()
        grey = normalised(grey_of(self.rgb)).contiguous(memory_format=torch.channels_last)
        with mixed_precision(torch.device("cpu")):
            return torch.cat([net(part).float() for part in torch.split(grey, _BATCH)])

    def sheet(self, net: Deoldify, count: int) -> Picture:
        """One column for each of the first so many photos: grey, coloured on its own luma, the truth.

        Returns:
            (3 side, count side, 3) uint8 RGB.
        """
        rgb, grey = self.rgb[:count], grey_of(self.rgb[:count])
        return sheet_of(grey, with_luma_of(grey, restored(self.coloured(net)[:count])), rgb)

    @torch.no_grad()
    def _compared(self, said: Tensor, rgb: Tensor) -> LogLine:
        """Figures of what a network said, and of the picture that is made of it."""
        truth = normalised(self.rgb)
        parts = zip(torch.split(said, _BATCH), torch.split(truth, _BATCH), strict=True)
        loss = sum(float(self._loss(ours, theirs)[0]) * len(ours) for ours, theirs in parts) / len(said)
        return {"loss": loss, **self._figures.compare(rgb)}
