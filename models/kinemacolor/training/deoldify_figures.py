"""What a generator of DeOldify makes of held-out photos: figures and a sheet.

FeatureLoss is that of the training, on the whole of what the network says. The other figures are of the colour on the
film's own luma, as it is used:

* mean CIEDE2000 (rounded, `finish_loss`) and mean colourfulness (Hasler, Suesstrunk 2003) beside those of the truth;
* Fréchet distance (Heusel et al. 2017) between coloured and true photos in the mean features of MobileNetV2 at stride
  16. It asks whether the pictures look like true ones on the whole, not whether each is right. As the photos are the
  same, only colour tells them apart. It depends on how many there are: compare equal sets only.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from kinemacolor.models.color import srgb_to_lab
from kinemacolor.models.networks.deoldify import Deoldify
from kinemacolor.training.deoldify_pictures import denormalised, grey_of, normalised, with_luma_of
from kinemacolor.training.feature_loss import FeatureLoss
from kinemacolor.training.finish_loss import colourfulness, smooth_ciede2000
from kinemacolor.training.loop import LogLine
from kinemacolor.training.photos import Picture, centre_crops

__all__ = ["HeldOut", "frechet_distance"]

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
        self._loss, self._lab = loss, srgb_to_lab(self.rgb)
        self._true_features = self._features(self.rgb)
        grey = grey_of(self.rgb)
        self._constants = {f"grey_{name}": value for name, value in self._compared(normalised(grey), grey).items()}
        self._constants["true_colourfulness"] = float(colourfulness(self.rgb).mean())

    def measure(self, net: Deoldify) -> LogLine:
        """The figures beside those of grey pictures; the network is left in evaluation mode."""
        said = self.coloured(net)
        found = self._compared(said, with_luma_of(grey_of(self.rgb), denormalised(said)))
        return {f"held_out_{name}": value for name, value in found.items()} | self._constants

    @torch.no_grad()
    def coloured(self, net: Deoldify) -> Tensor:
        """(N, 3, side, side) what the network says, normalised; it is left in evaluation mode."""
        net.eval()
        grey = normalised(grey_of(self.rgb)).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            return torch.cat([net(part).float() for part in torch.split(grey, _BATCH)])

    def sheet(self, net: Deoldify, count: int) -> Picture:
        """One column for each of the first so many photos: grey, coloured on its own luma, the truth.

        Returns:
            (3 side, count side, 3) uint8 RGB.
        """
        rgb, grey = self.rgb[:count], grey_of(self.rgb[:count])
        rows = [grey, with_luma_of(grey, denormalised(self.coloured(net)[:count])), rgb]
        sheet = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)
        return np.asarray((sheet * 255.0).round().byte().permute(1, 2, 0).numpy(), dtype=np.uint8)

    @torch.no_grad()
    def _compared(self, said: Tensor, rgb: Tensor) -> LogLine:
        """Figures of what a network said, and of the picture that is made of it."""
        truth = normalised(self.rgb)
        parts = zip(torch.split(said, _BATCH), torch.split(truth, _BATCH), strict=True)
        loss = sum(float(self._loss(ours, theirs)[0]) * len(ours) for ours, theirs in parts) / len(said)
        return {
            "loss": loss,
            "ciede2000": float(smooth_ciede2000(srgb_to_lab(rgb)[:, 1:], self._lab[:, 1:]).mean()),
            "colourfulness": float(colourfulness(rgb).mean()),
            "frechet": frechet_distance(self._features(rgb), self._true_features),
        }

    @torch.no_grad()
    def _features(self, rgb: Tensor) -> Tensor:
        parts = [self._loss.features(normalised(part))[-1].mean(dim=(2, 3)) for part in torch.split(rgb, _BATCH)]
        return torch.cat(parts)


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Squared distance of two clouds of points, as if each were a normal distribution (Dowson, Landau 1982).

    Args:
        a: (N, C) points.
        b: (M, C) points.

    Returns:
        |mean a - mean b|^2 + trace of (A + B - 2 (A B)^(1/2)), A and B the covariances; at least 0.
    """
    a, b = a.double(), b.double()
    first, second = torch.cov(a.t(), correction=0), torch.cov(b.t(), correction=0)
    values, vectors = torch.linalg.eigh(first)
    root = vectors * values.clamp_min(0.0).sqrt() @ vectors.t()
    mixed = torch.linalg.eigvalsh(root @ second @ root).clamp_min(0.0).sqrt().sum()
    square = (a.mean(dim=0) - b.mean(dim=0)).square().sum() + first.trace() + second.trace() - 2 * mixed
    return float(square.clamp_min(0.0))
