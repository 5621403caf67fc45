"""The critic of DeOldify: whether a place of a picture is real or made by a generator.

Our own code from the layout of the authors' critics (jantic/DeOldify, `custom_gan_critic`): spectral norms (Miyato et
al. 2018) on all convolutions, self-attention (Zhang et al. 2019) in the first block, dropout of whole channels. Tensors
have the names of their files.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.models.networks.attention import SelfAttention
from kinemacolor.models.networks.normed_convs import SpectralConv

__all__ = ["SMALLEST_SIDE_PX", "Critic", "accuracy", "critic_loss", "fooling_loss", "judged"]

SMALLEST_SIDE_PX = 64
"""Of a picture, to be judged at one place."""

_BLOCKS = 3
_DROPOUT = 0.15
_LEAK = 0.2


class Critic(nn.Sequential):
    """The network.

    Args:
        width: Channels of the first layer, at least 4; the authors' is 256. They double in each block.
    """

    def __init__(self, width: int = 256) -> None:
        layers: list[nn.Module] = [_layer(3, width, 4, stride=2), nn.Dropout2d(_DROPOUT / 2)]
        for block in range(_BLOCKS):
            layers += [_layer(width, width, 3), nn.Dropout2d(_DROPOUT)]
            layers += [_layer(width, 2 * width, 4, stride=2, attention=block == 0)]
            width *= 2
        last = nn.Sequential(SpectralConv(width, 1, 4, padding=0))
        super().__init__(*layers, _layer(width, width, 3), last, nn.Flatten())

    def forward(self, picture: Tensor) -> Tensor:
        """Judge.

        Args:
            picture: (B, 3, H, W) R'G'B', normalised as of ImageNet.

        Returns:
            (B, places) logits, above 0 for real.

        Raises:
            ValueError: A side is below 64 pixels.
        """
        height, width = picture.shape[-2:]
        if min(height, width) < SMALLEST_SIDE_PX:
            raise ValueError(f"expected sides of at least {SMALLEST_SIDE_PX} pixels, found {width} x {height}")
        for layer in self:
            picture = layer(picture)
        return picture


def _layer(inside: int, outside: int, kernel: int, *, stride: int = 1, attention: bool = False) -> nn.Sequential:
    convolution = SpectralConv(inside, outside, kernel, stride=stride, padding=(kernel - 1) // 2, bias=True)
    layers: list[nn.Module] = [convolution, nn.LeakyReLU(_LEAK, inplace=True)]
    return nn.Sequential(*layers, *([SelfAttention(outside)] if attention else []))


def critic_loss(real: Tensor, made: Tensor) -> Tensor:
    """What the critic learns by: cross-entropy in nats, ln 2 for one who cannot tell.

    Args:
        real: (B, places) logits of real pictures.
        made: (B', places) logits of generated ones.
    """
    return 0.5 * (F.softplus(-real.float()).mean() + F.softplus(made.float()).mean())


def fooling_loss(made: Tensor) -> Tensor:
    """What the generator learns by: cross-entropy of generated pictures being real, (B, places) logits to nats."""
    return F.softplus(-made.float()).mean()


def accuracy(real: Tensor, made: Tensor) -> Tensor:
    """Share of places that the critic is right about, real and generated ones weighing the same."""
    return 0.5 * ((real > 0).float().mean() + (made <= 0).float().mean())


@torch.no_grad()
def judged(critic: Critic, pictures: Tensor, count: int) -> Tensor:
    """Logits of many pictures (N, 3, H, W), so many at a time; the critic is left in evaluation mode."""
    critic.eval()
    return torch.cat([critic(part) for part in torch.split(pictures, count)])
