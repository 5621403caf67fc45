"""Zhang, Zhu, Isola, Geng, Lin, Yu, Efros 2017, "Real-Time User-Guided Image Colorization with Learned Deep Priors".

Our own code from the paper and the layout of the authors' PyTorch file. A U-Net that takes colour hints: where the mask
is 1, `hint` is the colour wanted there. Its blocks are not strided; every second sample is taken between them.
"""

import torch
from torch import Tensor, nn

from kinemacolor.models.networks.zhang_layers import AB_UNIT, conv_block, lightness_unit

__all__ = ["CLASS_COUNT", "MULTIPLE", "Siggraph17"]

CLASS_COUNT = 529
"""Of the classification layer, which only training uses: a grid of 23 x 23."""
MULTIPLE = 8
"""Both sides must be multiples of this."""


class Siggraph17(nn.Module):
    """The network. 34,187,027 parameters, 107 tensors in the file.

    Args:
        mask_centre: Subtracted from the mask: 0 for the file of the demonstration, 0.5 for the retrained `pytorch.pth`.
    """

    def __init__(self, mask_centre: float = 0.0) -> None:
        super().__init__()
        self.mask_centre = mask_centre
        self.model1 = conv_block((4, 64, 64))
        self.model2 = conv_block((64, 128, 128))
        self.model3 = conv_block((128, 256, 256, 256))
        self.model4 = conv_block((256, 512, 512, 512))
        self.model5 = conv_block((512, 512, 512, 512), dilation=2)
        self.model6 = conv_block((512, 512, 512, 512), dilation=2)
        self.model7 = conv_block((512, 512, 512, 512))
        self.model8up = nn.Sequential(nn.ConvTranspose2d(512, 256, 4, stride=2, padding=1))
        self.model3short8 = nn.Sequential(nn.Conv2d(256, 256, 3, padding=1))
        self.model8 = conv_block((256, 256, 256), first_relu=True)
        self.model9up = nn.Sequential(nn.ConvTranspose2d(256, 128, 4, stride=2, padding=1))
        self.model2short9 = nn.Sequential(nn.Conv2d(128, 128, 3, padding=1))
        self.model9 = conv_block((128, 128), first_relu=True)
        self.model10up = nn.Sequential(nn.ConvTranspose2d(128, 128, 4, stride=2, padding=1))
        self.model1short10 = nn.Sequential(nn.Conv2d(64, 128, 3, padding=1))
        self.model10 = nn.Sequential(nn.ReLU(), nn.Conv2d(128, 128, 3, padding=1), nn.LeakyReLU(0.2))
        self.model_class = nn.Sequential(nn.Conv2d(256, CLASS_COUNT, 1))
        self.model_out = nn.Sequential(nn.Conv2d(128, 2, 1), nn.Tanh())

    def forward(self, lightness: Tensor, hint: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Colour.

        Args:
            lightness: (B, 1, H, W) CIE L* in [0, 100], H and W multiples of 8.
            hint: (B, 2, H, W) CIELAB a*, b*, 0 where nothing is said; None: no hints.
            mask: (B, 1, H, W) 1 where `hint` says something.

        Returns:
            (B, 2, H, W) CIELAB a*, b*.

        Raises:
            ValueError: A side is no multiple of 8, or only one of hint and mask is given.
        """
        _check(lightness, hint, mask)
        if hint is None or mask is None:
            hint, mask = lightness.new_zeros(lightness.shape).expand(-1, 2, -1, -1), torch.zeros_like(lightness)
        x = torch.cat((lightness_unit(lightness), hint / AB_UNIT, mask - self.mask_centre), dim=1)
        one = self.model1(x)
        two = self.model2(one[:, :, ::2, ::2])
        three = self.model3(two[:, :, ::2, ::2])
        deep = self.model7(self.model6(self.model5(self.model4(three[:, :, ::2, ::2]))))
        eight = self.model8(self.model8up(deep) + self.model3short8(three))
        nine = self.model9(self.model9up(eight) + self.model2short9(two))
        ten = self.model10(self.model10up(nine) + self.model1short10(one))
        colour: Tensor = self.model_out(ten)
        return colour * AB_UNIT


def _check(lightness: Tensor, hint: Tensor | None, mask: Tensor | None) -> None:
    height, width = lightness.shape[-2:]
    if height % MULTIPLE or width % MULTIPLE:
        raise ValueError(f"expected sides in multiples of {MULTIPLE}, found {width} x {height}")
    if (hint is None) != (mask is None):
        raise ValueError("expected a hint with its mask, found one without the other")
