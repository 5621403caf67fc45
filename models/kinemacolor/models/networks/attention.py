"""Self-attention over the places of a picture (Zhang, Goodfellow, Metaxas, Odena 2019, SAGAN), in bounded memory.

Our own code from the paper and the layout of the files of DeOldify. Each place j is a mean of the values h of all
places i with the weights softmax over i of f_i . g_j. The plain form makes all weights at once, N x N of them: its
memory grows with the fourth power of the picture's side. Here so many places j are made at a time as a bound allows;
each j is alone in its softmax, so nothing changes but the rounding.
"""

import torch
from torch import Tensor, nn

from kinemacolor.models.networks.normed_convs import SpectralConv

__all__ = ["WEIGHTS_LIMIT_BYTES", "SelfAttention", "attend"]

WEIGHTS_LIMIT_BYTES = 64 << 20
"""Of the weights that are there at a time; with their softmax twice that."""
_MIN_CHUNK = 16
"""Places at a time, whatever the bound says."""


def attend(f: Tensor, g: Tensor, h: Tensor, limit_bytes: int = WEIGHTS_LIMIT_BYTES) -> Tensor:
    """Mean of the values of all places, for each place.

    Args:
        f: (B, C, N) what a place offers.
        g: (B, C, N) what a place looks for.
        h: (B, D, N) values.
        limit_bytes: For the weights that are there at a time. Where gradients are wanted, all are kept nevertheless.

    Returns:
        (B, D, N).
    """
    batch, _, places = f.shape
    chunk = max(_MIN_CHUNK, limit_bytes // (batch * places * f.element_size()))
    offered = f.transpose(1, 2)
    parts = [torch.bmm(h, torch.softmax(torch.bmm(offered, part), dim=1)) for part in torch.split(g, chunk, dim=2)]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)


class SelfAttention(nn.Module):
    """The layer. It begins as the identity: `gamma` is 0.

    Args:
        channels: At least 8, of which an eighth is compared.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = SpectralConv(channels, channels // 8, 1, axes=1)
        self.key = SpectralConv(channels, channels // 8, 1, axes=1)
        self.value = SpectralConv(channels, channels, 1, axes=1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W), shape kept."""
        flat = x.flatten(2)
        mean = attend(self.query(flat), self.key(flat), self.value(flat))
        return (self.gamma * mean + flat).view(x.shape)
