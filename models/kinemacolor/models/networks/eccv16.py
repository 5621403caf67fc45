"""Zhang, Isola, Efros 2016, "Colorful Image Colorization": classification over 313 ab bins, annealed mean.

Our own code from the paper and the layout of the authors' PyTorch file, exact enough to load it. What the file asks for
and the paper does not say: batch norm comes after ReLU, once a block; the temperature of the annealed mean, 1 / 2.606,
is folded into the last layer before the softmax.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.models.networks.zhang_layers import AB_UNIT, conv_block, lightness_unit

__all__ = ["BIN_COUNT", "FOLDED_TEMPERATURE", "Eccv16"]

BIN_COUNT = 313
"""Points of the published table, `pts_in_hull`."""
FOLDED_TEMPERATURE = 1 / 2.606
"""Of the annealed mean in the authors' files."""


class Eccv16(nn.Module):
    """The network. 32,236,011 parameters, 82 tensors in the file.

    Args:
        width: Channels of the first block; the paper's is 64. Others are for training at reduced width.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        w, deep = width, 8 * width
        self.model1 = conv_block((1, w, w), last_stride=2)
        self.model2 = conv_block((w, 2 * w, 2 * w), last_stride=2)
        self.model3 = conv_block((2 * w, 4 * w, 4 * w, 4 * w), last_stride=2)
        self.model4 = conv_block((4 * w, deep, deep, deep))
        self.model5 = conv_block((deep, deep, deep, deep), dilation=2)
        self.model6 = conv_block((deep, deep, deep, deep), dilation=2)
        self.model7 = conv_block((deep, deep, deep, deep))
        self.model8 = nn.Sequential(
            nn.ConvTranspose2d(deep, 4 * w, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(4 * w, 4 * w, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(4 * w, 4 * w, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(4 * w, BIN_COUNT, 1),
        )
        self.model_out = nn.Conv2d(BIN_COUNT, 2, 1, bias=False)

    def logits(self, lightness: Tensor) -> Tensor:
        """Scores of the bins.

        Args:
            lightness: (B, 1, H, W) CIE L* in [0, 100].

        Returns:
            (B, 313, h, w) with h = 2 ceil(H / 8), already divided by the folded temperature.
        """
        x = lightness_unit(lightness)
        blocks = (
            self.model1,
            self.model2,
            self.model3,
            self.model4,
            self.model5,
            self.model6,
            self.model7,
            self.model8,
        )
        for block in blocks:
            x = block(x)
        return x

    def forward(self, lightness: Tensor, temperature: float = FOLDED_TEMPERATURE) -> Tensor:
        """Colour.

        Args:
            lightness: (B, 1, H, W) CIE L* in [0, 100].
            temperature: Of the annealed mean, above 0; small ones take the likeliest bin, 1 the plain mean.

        Returns:
            (B, 2, 8 ceil(H / 8), 8 ceil(W / 8)) CIELAB a*, b*.

        Raises:
            ValueError: The temperature is not above 0.
        """
        if not 0 < temperature < float("inf"):
            raise ValueError(f"expected a temperature above 0, found {temperature}")
        share = torch.softmax(self.logits(lightness) * (FOLDED_TEMPERATURE / temperature), dim=1)
        return F.interpolate(self.model_out(share), scale_factor=4.0, mode="bilinear", align_corners=False) * AB_UNIT
