"""Sample sheets of a run: what the network makes of held-out pictures, clean and as old film, beside the truth."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.color import lab_to_srgb
from kinemacolor.models.networks.kinema import STRIDE_IN, STRIDE_OUT, DecodeSettings, KinemaNet
from kinemacolor.training.degradation import FilmModel
from kinemacolor.training.photos import Picture, as_codes
from kinemacolor.training.trainer import make_batch

__all__ = ["draw_sheet"]

_SEED = 1


@torch.no_grad()
def draw_sheet(net: KinemaNet, pictures: Sequence[Picture], film: FilmModel) -> Picture:
    """Draw one column per picture: clean grey, its colour, old film, its colour, the truth.

    The network is left in evaluation mode; no draw of the training is touched.

    Args:
        net: The network, on any device.
        pictures: At least one, (H, W, 3) uint8 RGB of at least 32 pixels each way; centres are taken.
        film: The model of old film.

    Returns:
        (5 side, count * side, 3) uint8 RGB.
    """
    side = min(min(picture.shape[:2]) for picture in pictures) // STRIDE_IN * STRIDE_IN
    rgb = torch.stack([_centre(picture, side) for picture in pictures])
    # The same film at every sheet, so that sheets can be compared.
    clean, old = (make_batch(rgb, share, film, torch.Generator().manual_seed(_SEED)).lightness for share in (0.0, 1.0))
    rows = [_grey(clean), _colour(net, clean), _grey(old), _colour(net, old), rgb]
    sheet = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1).clamp(0.0, 1.0)
    return np.asarray((sheet * 255.0).round().byte().permute(1, 2, 0).numpy(), dtype=np.uint8)


def _centre(picture: Picture, side: int) -> Tensor:
    top, left = ((length - side) // 2 for length in picture.shape[:2])
    return as_codes(picture[top : top + side, left : left + side])


def _grey(lightness: Tensor) -> Tensor:
    return lab_to_srgb(torch.cat((lightness, torch.zeros_like(lightness).expand(-1, 2, -1, -1)), dim=1))


def _colour(net: KinemaNet, lightness: Tensor) -> Tensor:
    ab = net.decode(net.eval()(lightness.to(net.bins.device)), DecodeSettings())[0].cpu()
    full = F.interpolate(ab, scale_factor=float(STRIDE_OUT), mode="bicubic", align_corners=False)
    return lab_to_srgb(torch.cat((lightness, full), dim=1))
