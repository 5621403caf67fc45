"""Shots for training `favc`: grey and true colour, with the flow that the renderer would measure."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from kinemacolor.models.flow import flow_back
from kinemacolor.models.grey_input import grey_codes
from kinemacolor.training.motion import MovingPicture

__all__ = ["ColourShots", "colour_shots"]


@dataclass(frozen=True, slots=True)
class ColourShots:
    """B shots of T frames."""

    grey: Tensor
    """(T, B, 1, H, W) code values in [0, 1]."""
    truth: Tensor
    """(T, B, 3, H, W) R'G'B'."""
    flow: Tensor
    """(T - 1, B, 2, H, W) DIS flow of the grey frames, from each frame to the one before, in pixels."""


def colour_shots(pictures: list[MovingPicture], lightness: Tensor) -> ColourShots:
    """Shots as `Shooting.draw` gives them."""
    grey = grey_codes(lightness)
    truth = torch.stack([picture.rgb for picture in pictures], dim=1)
    codes = np.asarray((grey[:, :, 0] * 255.0).round().byte().numpy())
    flows = [
        np.stack([flow_back(before, after) for before, after in pairwise(one)]) for one in np.moveaxis(codes, 1, 0)
    ]
    return ColourShots(grey, truth, torch.from_numpy(np.stack(flows, axis=1)).permute(0, 1, 4, 2, 3).contiguous())
