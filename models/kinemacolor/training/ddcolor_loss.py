"""What DDColor is trained for: near the true colours, like them to a trained eye, and lively.

After the paper (Kang et al. 2023, section 3.4) and the authors' code. Their trained eye is VGG16 with batch norms; here
it is MobileNetV2, as in `feature_loss`. The fourth term, a critic's, is the trainer's.
"""

import torch
from torch import Tensor

from kinemacolor.models.color import lab_to_srgb
from kinemacolor.models.networks.imagenet import normalised
from kinemacolor.models.networks.mobilenet_v2 import MobileNetV2Encoder
from kinemacolor.training.ddcolor_recipe import DDColorWeights
from kinemacolor.training.deoldify_pictures import grey_of
from kinemacolor.training.feature_loss import FeatureLoss, FeatureWeights

__all__ = ["DDColorLoss", "absolute_colourfulness", "enhanced", "joined"]

_DARKEST = 1.0  # L*: at black the root of linear light has no slope
_ROUND = 1e-6  # of squared code values in [0, 1]: the slope of a root at grey


class DDColorLoss:
    """The loss.

    Args:
        encoder: Trained and frozen.
        weights: Of the terms.

    Attributes:
        features: What compares pictures by the encoder.
    """

    def __init__(self, encoder: MobileNetV2Encoder, weights: DDColorWeights) -> None:
        self.features = FeatureLoss(encoder, FeatureWeights(pixels=0.0, features=weights.features))
        self._weights = weights

    def __call__(self, ab: Tensor, true_ab: Tensor, made: Tensor, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Compare.

        Args:
            ab: (B, 2, H, W) CIELAB a*, b* that the network gave.
            true_ab: (B, 2, H, W) the true ones.
            made: (B, 3, H, W) R'G'B' in [0, 1] of `ab` (`joined`).
            target: (B, 3, H, W) R'G'B' of the truth, enhanced.

        Returns:
            Scalar, and its terms `pixels`, `perceptual`, `dullness`, with their weights.
        """
        distance, _ = self.features(normalised(made), normalised(target))
        terms = {
            "pixels": self._weights.pixels * (ab - true_ab).abs().mean(),
            "perceptual": self._weights.perceptual * distance,
            "dullness": self._weights.dullness * (1.0 - absolute_colourfulness(made)).mean(),
        }
        return torch.stack(list(terms.values())).sum(), terms


def joined(lightness: Tensor, ab: Tensor) -> Tensor:
    """R'G'B' in [0, 1], clipped, of (B, 1, H, W) L* and (B, 2, H, W) a*, b*; black is a little lighter."""
    return lab_to_srgb(torch.cat((lightness.clamp_min(_DARKEST), ab), dim=1))


def enhanced(rgb: Tensor, factor: float) -> Tensor:
    """Colour is carried on by a factor, away from the grey of the same luma: (B, 3, H, W) R'G'B' in [0, 1]."""
    grey = grey_of(rgb)
    return (grey + factor * (rgb - grey)).clamp(0.0, 1.0)


def absolute_colourfulness(rgb: Tensor) -> Tensor:
    """The authors' colourfulness of each picture: that of Hasler, Suesstrunk 2003 with unsigned opponents.

    Args:
        rgb: (B, 3, H, W) R'G'B' in [0, 1].

    Returns:
        (B,), 0 for grey; rounded there.
    """
    red, green, blue = rgb.flatten(2).unbind(dim=1)
    opponents = torch.stack(((red - green).abs(), (0.5 * (red + green) - blue).abs()))
    spread = (opponents.var(dim=2).sum(dim=0) + _ROUND).sqrt()
    mean = (opponents.mean(dim=2).square().sum(dim=0) + _ROUND).sqrt()
    found: Tensor = spread + 0.3 * mean - 1.3 * _ROUND**0.5
    return found
