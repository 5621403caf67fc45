"""A picture as the authors of DDColor show it to their network (piddnad/DDColor, ddcolor/pipeline.py)."""

import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.grey_input import GreyInput
from kinemacolor.models.networks.ddcolor import MULTIPLE, DDColor
from kinemacolor.models.published_lab import opencv_lightness
from kinemacolor.models.spatial import crop, pad_to_multiple

__all__ = ["DDCOLOR_SIDE_PX", "ddcolor_ab", "ddcolor_square"]

DDCOLOR_SIDE_PX = 512
"""To whose square the authors squash every picture."""


def ddcolor_square(rgb: Tensor) -> Tensor:
    """(1, 3, H, W) R'G'B' in [0, 1] to the authors' square: bilinear without a filter."""
    return F.interpolate(rgb, size=(DDCOLOR_SIDE_PX, DDCOLOR_SIDE_PX), mode="bilinear", align_corners=False)


def ddcolor_ab(network: DDColor, small: Tensor) -> Tensor:
    """(1, 3, h, w) R'G'B' in [0, 1] to (1, 2, h, w) a*, b*."""
    lightness, padding = pad_to_multiple(opencv_lightness(small), MULTIPLE)
    return crop(GreyInput(network)(lightness), padding)
