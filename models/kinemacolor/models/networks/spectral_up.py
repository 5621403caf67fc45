"""The enlarging blocks of DeOldify's decoder, which DDColor's pixel decoder took over: spectral norms, pixel shuffle.

Our own code after Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks" (the norm), Shi et
al. 2016 (sub-pixel convolution), Aitken et al. 2017 (its beginning) and Sugawara et al. 2018 (the average that takes
its checkerboard), in the layout of the authors' files.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ShuffleUp", "SkipUp", "SpectralConv2d"]

_STRIP_NUMBERS = 1 << 24
"""Of the widest layer at a time: 64 MB in float32."""
_FIRST_ITERATIONS = 15
"""Of a network without a file, as in torch."""
_SMALLEST = 1e-12


class SpectralConv2d(nn.Module):
    """A convolution, stride 1, size kept, whose kernel is divided by its largest singular value.

    That value is u^T W v, with u and v of the file. Training betters them by one power iteration a step; inference
    takes them as they are, because the other layers of a file are made for its value and not for a better one.
    """

    def __init__(self, inside: int, outside: int, kernel: int, *, bias: bool) -> None:
        super().__init__()
        self._padding = kernel // 2
        self.weight_orig = nn.Parameter(torch.empty(outside, inside, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outside)) if bias else None
        nn.init.kaiming_uniform_(self.weight_orig)
        self.weight_u: Tensor
        self.weight_v: Tensor
        self.register_buffer("weight_u", torch.rand(outside))
        self.register_buffer("weight_v", torch.rand(inside * kernel * kernel))
        for _ in range(_FIRST_ITERATIONS):
            self.better()

    def forward(self, x: Tensor) -> Tensor:
        """(B, inside, H, W) to (B, outside, H, W)."""
        return F.conv2d(x, self.kernel(), self.bias, padding=self._padding)

    def kernel(self) -> Tensor:
        """The kernel that is used; in training, u and v are bettered first. In full precision: u and v are kept."""
        with torch.autocast(self.weight_orig.device.type, enabled=False):
            if self.training:
                self.better()
            return self.weight_orig / torch.dot(self.weight_u, self.weight_orig.flatten(1) @ self.weight_v)

    @torch.no_grad()
    def better(self) -> None:
        """One power iteration; u and v come nearer to the singular vectors."""
        if self.weight_orig.is_meta:  # no numbers to better, only a layout
            return
        rows = self.weight_orig.flatten(1)
        self.weight_v = _unit(rows.T @ self.weight_u)
        self.weight_u = _unit(rows @ self.weight_v)


class ShuffleUp(nn.Module):
    """Enlarge: 1 x 1 convolution, ReLU, channels spread over squares, mean over 2 x 2.

    Args:
        inside: Channels.
        outside: Channels.
        scale: Of both sides.
        normed: A batch norm stands in place of the convolution's bias.
    """

    def __init__(self, inside: int, outside: int, *, scale: int = 2, normed: bool = True) -> None:
        super().__init__()
        self._scale = scale
        convolution = SpectralConv2d(inside, outside * scale**2, 1, bias=not normed)
        convolution.weight_orig.data = _same_within_squares(convolution.weight_orig.data, scale)
        convolution.better()
        self.conv = nn.Sequential(convolution, *([nn.BatchNorm2d(outside * scale**2)] if normed else []))

    def forward(self, x: Tensor) -> Tensor:
        """(B, inside, H, W) to (B, outside, scale H, scale W)."""
        return _blurred(F.pixel_shuffle(F.relu(self.conv(x)), self._scale))

    def mixed(self, x: Tensor, mixing: Tensor) -> Tensor:
        """What `forward` gives, mixed to few channels, without ever having all of them at full size.

        Behind the ReLU everything is linear in the channels, so they are mixed first and spread afterwards: DDColor has
        256 of them at the size of the picture, 268 MB at 512 x 512, and four copies on the way.

        Args:
            x: (B, inside, H, W).
            mixing: (B, K, outside).

        Returns:
            (B, K, scale H, scale W).
        """
        width = mixing.shape[2] * self._scale**2 * x.shape[0] * x.shape[3]
        strips = torch.split(x, max(1, _STRIP_NUMBERS // width), dim=2)
        few = torch.cat([self._mix(strip, mixing) for strip in strips], dim=2)
        return _blurred(F.pixel_shuffle(few, self._scale))

    def _mix(self, x: Tensor, mixing: Tensor) -> Tensor:
        """(B, K scale^2, H, W) in the order of `pixel_shuffle`."""
        channels = F.relu(self.conv(x))
        batch, _, height, width = channels.shape
        squares = channels.reshape(batch, mixing.shape[2], self._scale**2, height, width)
        return torch.einsum("bkc,bcshw->bkshw", mixing, squares).flatten(1, 2)


class SkipUp(nn.Module):
    """Enlarge by two and join with a skip of that size.

    Args:
        inside: Channels from below.
        skip: Channels of the skip.
        outside: Channels.
    """

    def __init__(self, inside: int, skip: int, outside: int) -> None:
        super().__init__()
        self.shuf = ShuffleUp(inside, outside)
        self.bn = nn.BatchNorm2d(skip)
        self.conv = nn.Sequential(
            SpectralConv2d(outside + skip, outside, 3, bias=False), nn.ReLU(), nn.BatchNorm2d(outside)
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, inside, H, W) and (B, skip, 2 H, 2 W) to (B, outside, 2 H, 2 W)."""
        y: Tensor = self.conv(F.relu(torch.cat((self.shuf(x), self.bn(skip)), dim=1)))
        return y


def _unit(vector: Tensor) -> Tensor:
    return vector / torch.dot(vector, vector).sqrt().clamp_min(_SMALLEST)


def _blurred(x: Tensor) -> Tensor:
    """Mean of each sample with those above and to the left of it."""
    return F.avg_pool2d(F.pad(x, (1, 0, 1, 0), mode="replicate"), 2, stride=1)


def _same_within_squares(kernel: Tensor, scale: int) -> Tensor:
    """The start that gives no checkerboard: the channels of one square are alike."""
    return kernel[:: scale**2].repeat_interleave(scale**2, dim=0)
