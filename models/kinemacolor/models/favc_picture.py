"""One picture through a network of Lei and Chen (ChenyangLEI/automatic-video-colorization, test.py).

The whole picture at its own size, its grey by Pillow; the network's own R'G'B' come out. Two things are not as there:
the last columns and rows are repeated until the sides are multiples of 32, where the authors cut them off; and what
leaves [0, 1] is clipped, where their writer stretches every picture to its own range.
"""

import torch
from torch import Tensor

from kinemacolor.models.errors import NonFiniteColourError
from kinemacolor.models.favc_frames import picture_ab
from kinemacolor.models.grey_input import grey_codes
from kinemacolor.models.networks.favc import IMAGE_MULTIPLE, FavcPainter
from kinemacolor.models.pillow_grey import pillow_grey
from kinemacolor.models.published_lab import published_lightness
from kinemacolor.models.spatial import crop, pad_to_multiple

__all__ = ["favc_ab", "favc_as_authors"]


def favc_as_authors(painter: FavcPainter, rgb: Tensor) -> Tensor:
    """(1, 3, H, W) uint8 to the same: the picture that the network paints, of several the first.

    Raises:
        NonFiniteColourError: The network gives what are no colours.
    """
    grey, padding = pad_to_multiple(pillow_grey(rgb).float() / 255, IMAGE_MULTIPLE)
    painted: Tensor = crop(painter(grey)[:, :3], padding)
    if not torch.isfinite(painted).all():  # bytes have no such number: a cast gives some colour
        raise NonFiniteColourError("favc: expected colours, found NaN or infinity")
    return (painted.clamp(0.0, 1.0) * 255).round().byte()


def favc_ab(painter: FavcPainter, small: Tensor) -> Tensor:
    """(1, 3, h, w) uint8 to (1, 2, h, w) a*, b*, as `kinemacolor render` takes them from the network."""
    lightness, padding = pad_to_multiple(published_lightness(small.double() / 255), IMAGE_MULTIPLE)
    return crop(picture_ab(painter(grey_codes(lightness))[:, :3]), padding)
