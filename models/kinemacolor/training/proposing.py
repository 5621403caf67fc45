"""The frame network as a part that stays as it is: what trainers of the parts above it see of it."""

from typing import TypeVar

import torch
from torch import Tensor, nn

from kinemacolor.models.kinema_colorizer import confidence_of_spread
from kinemacolor.models.networks.kinema import DecodeSettings, KinemaNet
from kinemacolor.training.precision import mixed_precision

__all__ = ["frozen", "propose", "unflatten"]

Network = TypeVar("Network", bound=nn.Module)


def frozen(network: Network, device: torch.device | str) -> Network:
    """A trained network on a device, in the layout that convolutions like, without gradients."""
    still = network.eval().requires_grad_(False)
    layout = torch.channels_last
    return still.to(device=torch.device(device), memory_format=layout)  # type: ignore[call-overload, no-any-return]


@torch.no_grad()
def propose(frame: KinemaNet, lightness: Tensor) -> tuple[Tensor, Tensor]:
    """Colour (B, 2, h, w) and confidence (B, 1, h, w) by cells of pictures (B, 1, H, W), in mixed precision."""
    with mixed_precision(lightness.device):
        answer = frame(lightness)
    ab, spread = frame.decode(answer, DecodeSettings())
    return ab, confidence_of_spread(spread)


def unflatten(planes: Tensor, like: Tensor) -> Tensor:
    """(T * B, ...) to (T, B, ...), as `like` has them."""
    return planes.view(*like.shape[:2], *planes.shape[1:])
