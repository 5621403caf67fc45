"""ResNet as an encoder (He, Zhang, Ren, Sun 2016, "Deep Residual Learning for Image Recognition"), without its head.

Our own code from the paper, table 1. Names of the tensors as in an nn.Sequential of the layers of torchvision's
networks, which others build on; as there, the 3 x 3 convolution of a bottleneck has the stride, not the first 1 x 1.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["RESNET34", "RESNET101", "ResNetEncoder", "ResNetKind"]


@dataclass(frozen=True, slots=True)
class ResNetKind:
    """One column of table 1."""

    depths: tuple[int, int, int, int]
    """Blocks in the four stages, at least 1 each."""
    bottleneck: bool
    """1 x 1, 3 x 3, 1 x 1 with four times the channels behind; else two 3 x 3."""

    @property
    def expansion(self) -> int:
        """Channels behind a block per channel inside of it."""
        return 4 if self.bottleneck else 1


RESNET34 = ResNetKind((3, 4, 6, 3), bottleneck=False)
RESNET101 = ResNetKind((3, 4, 23, 3), bottleneck=True)


class _Block(nn.Module):
    """Convolutions with batch norm beside the identity, or beside a 1 x 1 convolution where the shape changes."""

    conv1: nn.Conv2d
    bn1: nn.BatchNorm2d

    def __init__(self, inside: int, width: int, stride: int, kind: ResNetKind) -> None:
        super().__init__()
        outside = width * kind.expansion
        sizes = ((1, 1), (3, stride), (1, 1)) if kind.bottleneck else ((3, stride), (3, 1))
        channels = (inside, *(width,) * (len(sizes) - 1), outside)
        for number, (kernel, step) in enumerate(sizes, start=1):
            before, after = channels[number - 1 : number + 1]
            self.add_module(f"conv{number}", nn.Conv2d(before, after, kernel, step, kernel // 2, bias=False))
            self.add_module(f"bn{number}", nn.BatchNorm2d(after))
        self._count = len(sizes)
        self.downsample: nn.Module | None = None
        if stride != 1 or inside != outside:
            self.downsample = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', ceil(H / stride), ceil(W / stride))."""
        y = x
        for number in range(1, self._count + 1):
            y = self.get_submodule(f"bn{number}")(self.get_submodule(f"conv{number}")(y))
            if number < self._count:
                y = F.relu(y, inplace=True)
        y = y + (x if self.downsample is None else self.downsample(x))
        return F.relu(y, inplace=True)


class ResNetEncoder(nn.Sequential):
    """The network up to stride 32.

    Args:
        kind: Depths and blocks.
        width: Channels of the first convolution; the paper's is 64.
    """

    def __init__(self, kind: ResNetKind, width: int = 64) -> None:
        stages, inside = [], width
        for number, depth in enumerate(kind.depths):
            inner = width << number
            stages.append(_stage(inside, inner, depth, 2 if number else 1, kind))
            inside = inner * kind.expansion
        super().__init__(
            nn.Conv2d(3, width, 7, 2, 3, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
            *stages,
        )
        self.channels: tuple[int, ...] = (width, *(width * kind.expansion << number for number in range(4)))
        """Of the five taps."""
        _initialise(self)

    def taps(self, x: Tensor) -> list[Tensor]:
        """Run the network.

        Args:
            x: (B, 3, H, W), any H and W.

        Returns:
            The activations at stride 2 (before the pooling), 4, 8, 16 and 32, with `channels` channels.
        """
        found = []
        for index, layer in enumerate(self):
            x = layer(x)
            if index in _TAPS:
                found.append(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """The last tap: (B, 3, H, W) to (B, C, ceil(H / 32), ceil(W / 32))."""
        return self.taps(x)[-1]


_TAPS = (2, 4, 5, 6, 7)


def _stage(inside: int, width: int, depth: int, stride: int, kind: ResNetKind) -> nn.Sequential:
    outside = width * kind.expansion
    rest = [_Block(outside, width, 1, kind) for _ in range(depth - 1)]
    return nn.Sequential(_Block(inside, width, stride, kind), *rest)


def _initialise(layers: nn.Module) -> None:
    """He et al. 2015, by the channels that go out; uniform, as `normed_convs` says why."""
    for layer in layers.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_uniform_(layer.weight, mode="fan_out", nonlinearity="relu")
