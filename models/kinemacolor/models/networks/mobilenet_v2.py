"""MobileNetV2 as an encoder (Sandler, Howard, Zhu, Zhmoginov, Chen 2018, table 2), batch norm already folded.

Our own code from the paper, exact enough to take the weights of the quantised TFLite classifier after they were
decoded to floating point: TensorFlow SAME padding and the ranges the 8-bit model could express are options here.
The network is fully convolutional and takes any size.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.models.errors import CheckpointError

__all__ = ["CONV_COUNT", "TAP_CHANNELS", "MobileNetV2Encoder", "SameConv2d", "same_padding"]

TAP_CHANNELS = (16, 24, 32, 96, 320)
"""Channels of the taps at stride 2, 4, 8, 16 and 32."""
CONV_COUNT = 51
"""Convolutions up to the tap at stride 32, in order of execution: the file's names are c00 to c50."""

# Table 2 of the paper: expansion, channels, repeats, stride of the first. The last entry closes the encoder.
_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
_TAP_STAGES = (0, 1, 2, 4, 6)  # the last stage at each stride
_RELU6 = (0.0, 6.0)


def same_padding(length: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow SAME padding along one axis.

    Args:
        length: Samples along the axis, at least 1.
        kernel: Kernel length.
        stride: Step of the convolution.

    Returns:
        Zeros before and after; the odd one goes after.
    """
    total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2


class SameConv2d(nn.Conv2d):
    """Convolution with SAME padding and a clamp of its result.

    Args:
        channels: Input and output channels.
        kernel: Side of the kernel.
        stride: Step.
        groups: Groups; equal to the channels for a depthwise convolution.
        clamp: Lowest and highest output, or None for a linear layer without bounds.
    """

    def __init__(
        self, channels: tuple[int, int], kernel: int, stride: int, groups: int, clamp: tuple[float, float] | None
    ) -> None:
        super().__init__(channels[0], channels[1], kernel, stride, groups=groups)
        self.clamp = clamp

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', ceil(H / stride), ceil(W / stride))."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        top, bottom = same_padding(x.shape[-2], kernel, stride)
        left, right = same_padding(x.shape[-1], kernel, stride)
        symmetric = top == bottom and left == right
        padded, padding = (x, (top, left)) if symmetric else (F.pad(x, (left, right, top, bottom)), (0, 0))
        y = self._convolve(padded, padding)
        # hardtanh is a clamp whose gradient is one pass instead of three: a quarter of a training step
        return y if self.clamp is None else F.hardtanh(y, self.clamp[0], self.clamp[1])

    def _convolve(self, x: Tensor, padding: tuple[int, int]) -> Tensor:
        if self.training and self.groups > 1 and self.stride[0] > 1 and torch.is_autocast_enabled("cpu"):
            # The gradient of a strided depthwise convolution in bfloat16 took 4 to 40 times as long as in float32 on a
            # processor with AVX-512 (torch 2.13): a fifth of a training step.
            with torch.autocast("cpu", enabled=False):
                y = F.conv2d(x.float(), self.weight, self.bias, self.stride, padding, 1, self.groups)
            return y.to(torch.get_autocast_dtype("cpu"))
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, 1, self.groups)


class InvertedResidual(nn.Module):
    """Expand, filter depthwise, project (section 3.3 of the paper); the sum only where shapes allow it."""

    def __init__(self, channels: tuple[int, int], expansion: int, stride: int) -> None:
        super().__init__()
        wide = channels[0] * expansion
        self.expand = None if expansion == 1 else SameConv2d((channels[0], wide), 1, 1, 1, _RELU6)
        self.filter = SameConv2d((wide, wide), 3, stride, wide, _RELU6)
        self.project = SameConv2d((wide, channels[1]), 1, 1, 1, None)
        self.residual = stride == 1 and channels[0] == channels[1]

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', ceil(H / stride), ceil(W / stride))."""
        wide = x if self.expand is None else self.expand(x)
        y: Tensor = self.project(self.filter(wide))
        return x + y if self.residual else y


class MobileNetV2Encoder(nn.Module):
    """The classifier's trunk up to stride 32.

    Args:
        in_channels: 3 for RGB in [-1, 1]; 1 for grey in [-1, 1], which equals grey repeated three times.
    """

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        self.stem = SameConv2d((in_channels, 32), 3, 2, 1, _RELU6)
        widths = [32] + [channels for _, channels, _, _ in _STAGES]
        self.stages = nn.ModuleList(
            _stage(pair, expansion, repeats, stride)
            for pair, (expansion, _, repeats, stride) in zip(pairwise(widths), _STAGES, strict=True)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Run the trunk.

        Args:
            x: (B, in_channels, H, W) in [-1, 1], any H and W.

        Returns:
            Taps at stride 2, 4, 8, 16 and 32 with `TAP_CHANNELS` channels.
        """
        x = self.stem(x)
        taps = []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in _TAP_STAGES:
                taps.append(x)
        return taps

    def convolutions(self) -> list[SameConv2d]:
        """The convolutions in order of execution, which is the order of the file's names."""
        return [module for module in self.modules() if isinstance(module, SameConv2d)]

    def load_dequantised(
        self, state: Mapping[str, Tensor], clamps: Sequence[tuple[float, float]] | None = None
    ) -> None:
        """Take the weights of the decoded TFLite classifier.

        Args:
            state: `cNN.weight` (OIHW) and `cNN.bias` for NN = 00..50 at least, any floating dtype.
            clamps: Output range of each convolution in order of execution, as the 8-bit model had; None keeps
                ReLU6 and leaves the linear layers unbounded, as a network in training wants.

        Raises:
            CheckpointError: A tensor is missing or has another shape.
        """
        for index, conv in enumerate(self.convolutions()):
            name = f"c{index:02d}"
            missing = [key for key in (f"{name}.weight", f"{name}.bias") if key not in state]
            if missing:
                raise CheckpointError(f"MobileNetV2 weights: expected {', '.join(missing)}, found no such tensor")
            _copy_conv(conv, name, state[f"{name}.weight"], state[f"{name}.bias"])
            if clamps is not None:
                conv.clamp = clamps[index]


def _stage(channels: tuple[int, int], expansion: int, repeats: int, stride: int) -> nn.Sequential:
    first = InvertedResidual(channels, expansion, stride)
    rest = [InvertedResidual((channels[1], channels[1]), expansion, 1) for _ in range(repeats - 1)]
    return nn.Sequential(first, *rest)


def _copy_conv(conv: SameConv2d, name: str, weight: Tensor, bias: Tensor) -> None:
    if weight.ndim == 4 and weight.shape[1] == 3 and conv.in_channels == 1:
        weight = weight.float().sum(dim=1, keepdim=True)  # one grey channel equals the same channel three times
    if weight.shape != conv.weight.shape or conv.bias is None or bias.shape != conv.bias.shape:
        expected, found = tuple(conv.weight.shape), tuple(weight.shape)
        raise CheckpointError(f"MobileNetV2 weights: {name}: expected shape {expected}, found {found}")
    with torch.no_grad():
        conv.weight.copy_(weight)
        conv.bias.copy_(bias)
