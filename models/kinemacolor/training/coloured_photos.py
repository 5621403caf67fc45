"""How pictures that a network coloured compare with the true ones, whatever network it was.

* mean CIEDE2000 (rounded, `finish_loss`) and mean colourfulness (Hasler, Suesstrunk 2003);
* Fréchet distance (Heusel et al. 2017) between coloured and true photos in the mean features of MobileNetV2 at stride
  16. It asks whether the pictures look like true ones on the whole, not whether each is right. As the photos are the
  same, only colour tells them apart. It depends on how many there are: compare equal sets only.
"""

import numpy as np
import torch
from torch import Tensor

from kinemacolor.models.color import srgb_to_lab
from kinemacolor.models.networks.imagenet import normalised
from kinemacolor.training.feature_loss import FeatureLoss
from kinemacolor.training.finish_loss import colourfulness, smooth_ciede2000
from kinemacolor.training.loop import LogLine
from kinemacolor.training.photos import Picture

__all__ = ["PhotoFigures", "frechet_distance", "sheet_of"]

_BATCH = 16


class PhotoFigures:
    """Compares with true photos.

    Args:
        rgb: (N, 3, H, W) R'G'B' in [0, 1] of them.
        loss: Whose features are looked at.
    """

    def __init__(self, rgb: Tensor, loss: FeatureLoss) -> None:
        self._loss, self._lab = loss, srgb_to_lab(rgb)
        self._true_features = self._features(rgb)
        self.true_colourfulness = float(colourfulness(rgb).mean())

    @torch.no_grad()
    def compare(self, rgb: Tensor) -> LogLine:
        """`ciede2000`, `colourfulness` and `frechet` of the same photos in other colours, (N, 3, H, W)."""
        return {
            "ciede2000": float(smooth_ciede2000(srgb_to_lab(rgb)[:, 1:], self._lab[:, 1:]).mean()),
            "colourfulness": float(colourfulness(rgb).mean()),
            "frechet": frechet_distance(self._features(rgb), self._true_features),
        }

    @torch.no_grad()
    def _features(self, rgb: Tensor) -> Tensor:
        parts = [self._loss.features(normalised(part))[-1].mean(dim=(2, 3)) for part in torch.split(rgb, _BATCH)]
        return torch.cat(parts)


def sheet_of(*rows: Tensor) -> Picture:
    """Rows of pictures, each (N, 3, H, W) in [0, 1], as one (rows H, N W, 3) uint8 RGB."""
    sheet = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)
    return np.asarray((sheet * 255.0).round().byte().permute(1, 2, 0).numpy(), dtype=np.uint8)


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
