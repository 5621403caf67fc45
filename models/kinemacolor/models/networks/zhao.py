"""Zhao, Liu, Snoek, Han, Shao 2018, "Pixel-level Semantics Guided Image Colorization": `eccv16` that also names things.

Our own code; the authors published none. From the paper: the trunk of `eccv16`, deconvolutions from conv5_3, conv6_3
and conv7_3 that are joined for the classes of pixels, one training for both. Not in the paper's text: the layers of the
branch. These are the plainest ones with which the file has the paper's 147.5 MB: one 4 x 4 deconvolution to 128
channels each, two 3 x 3 convolutions to 256, a 1 x 1 to the classes, and no batch norm, as in the colour branch.
Classes are never fed back: they help colour by what the trunk learns for them, and at inference they can be left out.
"""

import torch
from torch import Tensor, nn

from kinemacolor.models.networks.eccv16 import Eccv16
from kinemacolor.models.networks.zhang_layers import lightness_unit

__all__ = ["VOC_CLASS_COUNT", "Zhao"]

VOC_CLASS_COUNT = 21
"""Of PASCAL VOC, background among them."""
_WIDTH = 64
"""The paper's."""


class Zhao(Eccv16):
    """The network. 36,862,592 parameters, 94 tensors in the file; those of the trunk have the names of `eccv16`.

    Args:
        width: Channels of the first block; the paper's is 64. Others are for training at reduced width.
        classes: Classes of pixels.
    """

    def __init__(self, width: int = _WIDTH, classes: int = VOC_CLASS_COUNT) -> None:
        super().__init__(width)
        deep, branch, joined = 8 * width, 2 * width, 4 * width
        self.segment5 = _enlarge(deep, branch)
        self.segment6 = _enlarge(deep, branch)
        self.segment7 = _enlarge(deep, branch)
        self.segment9 = nn.Sequential(
            nn.Conv2d(3 * branch, joined, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(joined, joined, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(joined, classes, 1),
        )

    def both_logits(self, lightness: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of the bins and of the classes.

        Args:
            lightness: (B, 1, H, W) CIE L* in [0, 100].

        Returns:
            (B, 313, h, w) as of `logits`, and (B, classes, h, w).
        """
        taps = self._taps(lightness)
        return self.model8(taps[-1]), self._classes(taps)

    def class_logits(self, lightness: Tensor) -> Tensor:
        """Scores of the classes alone, (B, classes, h, w)."""
        return self._classes(self._taps(lightness))

    def branch_parameters(self) -> list[nn.Parameter]:
        """What names the pixels and has no part in the colours."""
        parts = (self.segment5, self.segment6, self.segment7, self.segment9)
        return [parameter for part in parts for parameter in part.parameters()]

    def _taps(self, lightness: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What conv5_3, conv6_3 and conv7_3 give, at an eighth of the size."""
        x = lightness_unit(lightness)
        for block in (self.model1, self.model2, self.model3, self.model4):
            x = block(x)
        fifth = self.model5(x)
        sixth = self.model6(fifth)
        return fifth, sixth, self.model7(sixth)

    def _classes(self, taps: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        branches = (self.segment5, self.segment6, self.segment7)
        joined = torch.cat([branch(tap) for branch, tap in zip(branches, taps, strict=True)], dim=1)
        scores: Tensor = self.segment9(joined)
        return scores


def _enlarge(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(nn.ConvTranspose2d(inside, outside, 4, stride=2, padding=1), nn.ReLU())
