"""Lai, Huang, Wang, Shechtman, Yumer, Yang 2018, "Learning Blind Video Temporal Consistency": the transform network.

Our own code from the paper and the layout of the authors' files. It is blind: it sees the frames before and after any
per-frame processing, and gives frames that look like the processed ones and do not flicker. No optical flow is needed.

RGB in [0, 1]: I is the frame that was processed, P the processed one, O the output.

What the authors' code does and the paper does not say: with `norm` "IN" the convolutions have biases and the file holds
buffers of normalisations that are never applied; with "none" the layers but the last have no bias.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["MULTIPLE", "Lai", "LaiMemory"]

MULTIPLE = 4
"""Both sides must be multiples of this."""
_SLOPE = 0.2


@dataclass(frozen=True, slots=True)
class LaiMemory:
    """State of the ConvLSTM, (B, 4 width, H / 4, W / 4) each."""

    hidden: Tensor
    cell: Tensor


class _Conv(nn.Module):
    """Reflection padding and a convolution, perhaps after enlarging; keys `conv2d.*`."""

    def __init__(
        self, inside: int, outside: int, kernel: int, *, stride: int = 1, enlarge: bool = False, bias: bool
    ) -> None:
        super().__init__()
        self._padding, self._enlarge = kernel // 2, enlarge
        self.conv2d = nn.Conv2d(inside, outside, kernel, stride, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H', W')."""
        if self._enlarge:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        y: Tensor = self.conv2d(F.pad(x, (self._padding,) * 4, mode="reflect"))
        return y


class _Residual(nn.Module):
    """Two convolutions beside the identity, no activation after the sum."""

    def __init__(self, channels: int, bias: bool) -> None:
        super().__init__()
        self.conv1 = _Conv(channels, channels, 3, bias=bias)
        self.conv2 = _Conv(channels, channels, 3, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Shape kept."""
        y: Tensor = self.conv2(_leaky(self.conv1(x)))
        return x + y


class _ConvLstm(nn.Module):
    """Shi et al. 2015 without peepholes; gates in the order input, forget, output, candidate."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.Gates = nn.Conv2d(2 * channels, 4 * channels, 3, padding=1)

    def forward(self, x: Tensor, memory: LaiMemory | None) -> LaiMemory:
        """One step."""
        before = memory if memory is not None else LaiMemory(torch.zeros_like(x), torch.zeros_like(x))
        enter, keep, leave, candidate = self.Gates(torch.cat((x, before.hidden), dim=1)).chunk(4, dim=1)
        cell = torch.sigmoid(keep) * before.cell + torch.sigmoid(enter) * torch.tanh(candidate)
        return LaiMemory(torch.sigmoid(leave) * torch.tanh(cell), cell)


class Lai(nn.Module):
    """The network. 2,979,555 parameters with biases, 2,977,859 without.

    Args:
        bias: Whether the layers but the last have biases (the authors' `norm` "IN").
        width: Channels of the first layers; the paper's is 32.
        blocks: Residual blocks; the paper's are 5.
    """

    def __init__(self, *, bias: bool = True, width: int = 32, blocks: int = 5) -> None:
        super().__init__()
        w = width
        self.conv1a = _Conv(6, w, 7, bias=bias)
        self.conv1b = _Conv(6, w, 7, bias=bias)
        self.conv2a = _Conv(w, 2 * w, 3, stride=2, bias=bias)
        self.conv2b = _Conv(w, 2 * w, 3, stride=2, bias=bias)
        self.conv3 = _Conv(4 * w, 4 * w, 3, stride=2, bias=bias)
        self.ResBlocks = nn.ModuleList(_Residual(4 * w, bias) for _ in range(blocks))
        self.convlstm = _ConvLstm(4 * w)
        self.deconv1 = _Conv(4 * w, 2 * w, 3, enlarge=True, bias=bias)
        self.deconv2 = _Conv(4 * w, w, 3, enlarge=True, bias=bias)
        self.deconv3 = _Conv(2 * w, 3, 7, bias=True)

    def forward(
        self, processed: Tensor, output_before: Tensor, frame: Tensor, frame_before: Tensor, memory: LaiMemory | None
    ) -> tuple[Tensor, LaiMemory]:
        """One frame after the first.

        Args:
            processed: (B, 3, H, W) P of this frame, H and W multiples of 4.
            output_before: O of the frame before.
            frame: I of this frame.
            frame_before: I of the frame before.
            memory: As the frame before left it; None at the second frame of a shot.

        Returns:
            O of this frame, not clipped; and the memory after it.
        """
        one_a = _leaky(self.conv1a(torch.cat((processed, output_before), dim=1)))
        one_b = _leaky(self.conv1b(torch.cat((frame, frame_before), dim=1)))
        two_a, two_b = _leaky(self.conv2a(one_a)), _leaky(self.conv2b(one_b))
        x = _leaky(self.conv3(torch.cat((two_a, two_b), dim=1)))
        for block in self.ResBlocks:
            x = block(x)
        after: LaiMemory = self.convlstm(x, memory)
        up = _leaky(self.deconv1(after.hidden))
        up = _leaky(self.deconv2(torch.cat((up, two_a), dim=1)))
        change = torch.tanh(self.deconv3(torch.cat((up, one_a), dim=1)))
        return processed + change, after


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, _SLOPE)
