"""FeatureLoss of DeOldify: distance of pixels plus distance of what a trained network sees in them.

After Johnson, Alahi, Fei-Fei 2016. The authors take VGG16 with batch norms, before its max-pools 3, 4 and 5, with the
weights 20, 70 and 10. Here it is MobileNetV2, at the same strides of 4, 8 and 16. Its features are of another size, so
the weights are others: a grey picture costs about 1 in each of the three, beside 0.24 in the pixels (256 photos at 64
px: 2.09, 2.43 and 2.04 before the weights).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from kinemacolor.models.networks.imagenet import restored
from kinemacolor.models.networks.mobilenet_v2 import MobileNetV2Encoder

__all__ = ["FeatureLoss", "FeatureWeights"]

_TAPS = (1, 2, 3)
"""Of the encoder: 24, 32 and 96 channels at strides 4, 8 and 16."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureWeights:
    """Of the parts of the loss."""

    pixels: float = 1.0
    """L1 distance of the normalised pictures."""
    features: tuple[float, float, float] = (0.5, 0.5, 0.5)
    """L1 distance of the features at strides 4, 8 and 16."""


class FeatureLoss:
    """The loss.

    Args:
        encoder: Trained and frozen.
        weights: Of the parts.
    """

    def __init__(self, encoder: MobileNetV2Encoder, weights: FeatureWeights) -> None:
        self.encoder, self._weights = encoder, weights

    def __call__(self, picture: Tensor, truth: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """How far a picture is from the truth.

        Args:
            picture: (B, 3, H, W) R'G'B', normalised as of ImageNet.
            truth: The same shape.

        Returns:
            Scalar, and its parts `pixels`, `features_4`, `features_8`, `features_16`, with their weights.
        """
        with torch.no_grad():
            true = self.features(truth)
        parts = {"pixels": self._weights.pixels * (picture.float() - truth).abs().mean()}
        for tap, weight, ours, theirs in zip(_TAPS, self._weights.features, self.features(picture), true, strict=True):
            parts[f"features_{2 << tap}"] = weight * (ours - theirs).abs().mean()
        return torch.stack(list(parts.values())).sum(), parts

    def features(self, picture: Tensor) -> list[Tensor]:
        """Of (B, 3, H, W) normalised R'G'B': (B, C, H / stride, W / stride) float32 at strides 4, 8 and 16."""
        rgb = restored(picture.float()) * 2 - 1
        taps = self.encoder(rgb.contiguous(memory_format=torch.channels_last))
        return [taps[tap].float() for tap in _TAPS]
