"""DeOldify (Antic 2018 to 2019): U-Nets on a ResNet with spectral norms and self-attention, trained with NoGAN.

Our own code from the papers it is made of and the layout of the authors' files, exact enough to load those. There is
no paper of its own. Two kinds:

* wide: ResNet-101 below, blocks of one convolution and 512 channels above; *Video* and *Stable*.
* deep: ResNet-34 below, blocks of two convolutions above, whose channels follow from the skips; *Artistic*.

The networks see a grey picture as R'G'B' and give a whole picture in colour, both normalised as of ImageNet. The colour
is what is used of it; the caller keeps the film's own luma.
"""

from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn

from kinemacolor.models.networks.deoldify_layers import DeepBlock, Refine
from kinemacolor.models.networks.normed_convs import SpectralConv, WeightNormConv
from kinemacolor.models.networks.resnet import RESNET34, RESNET101, ResNetEncoder, ResNetKind
from kinemacolor.models.networks.shuffle_up import ShuffleUp
from kinemacolor.models.networks.skip_up import SkipUp, conv_layer, first_norm

__all__ = ["DEEP", "MULTIPLE", "WIDE", "Deoldify", "DeoldifySettings"]

MULTIPLE = 2
"""Both sides must be multiples of this; the authors take multiples of 16."""

_RANGE = 3.0
"""Outputs are between -3 and 3 of ImageNet's standard deviations."""
_ATTENTIVE = 1
"""The step up, from 0, that has self-attention: at an eighth of the size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeoldifySettings:
    """What a network is built from; its tensors have the names of the authors' files at any width."""

    kind: Literal["wide", "deep"]
    encoder: ResNetKind
    width: int = 64
    """Channels of the encoder's first convolution, at least 8; the authors' is 64. All others follow."""
    factor: float
    """Their `nf_factor`. Wide: steps up have 4 width factor channels. Deep: factor times those that come in."""


WIDE = DeoldifySettings(kind="wide", encoder=RESNET101, factor=2.0)
"""Video and Stable: 218,222,197 parameters, 754 tensors in the file."""
DEEP = DeoldifySettings(kind="deep", encoder=RESNET34, factor=1.5)
"""Artistic: 63,646,881 parameters, 378 tensors in the file."""


class Deoldify(nn.Module):
    """The network.

    In training the spectral norms follow the weights (`networks.normed_convs`); in evaluation they are the file's.

    Args:
        settings: Kind and widths; `WIDE` and `DEEP` are the authors'.
    """

    def __init__(self, settings: DeoldifySettings) -> None:
        super().__init__()
        self.settings = settings
        encoder = ResNetEncoder(settings.encoder, settings.width)
        *skips, deepest = encoder.channels
        middle = nn.Sequential(conv_layer(deepest, 2 * deepest), conv_layer(2 * deepest, deepest))
        steps, channels = _steps(settings, deepest, skips)
        self.layers = nn.ModuleList(
            (
                encoder,
                first_norm(deepest),
                nn.ReLU(),
                middle,
                *steps,
                ShuffleUp(WeightNormConv(channels, 4 * channels)),
                nn.Identity(),  # where the authors' list has the joining with the input
                Refine(channels + 3),
                nn.Sequential(SpectralConv(channels + 3, 3, 1, bias=True)),
            )
        )

    def forward(self, picture: Tensor) -> Tensor:
        """Colour.

        Args:
            picture: (B, 3, H, W) grey R'G'B', normalised as of ImageNet; H and W even.

        Returns:
            (B, 3, H, W) R'G'B', normalised likewise, between -3 and 3.

        Raises:
            ValueError: A side is odd.
        """
        if picture.shape[-2] % MULTIPLE or picture.shape[-1] % MULTIPLE:
            height, width = picture.shape[-2:]
            raise ValueError(f"expected even sides, found {width} x {height}")
        encoder, norm, relu, middle, *steps, enlarge, _, refine, last = self.layers
        *skips, x = cast(ResNetEncoder, encoder).taps(picture)
        x = middle(relu(norm(x)))
        for step, skip in zip(steps, reversed(skips), strict=True):
            x = step(x, skip)
        x = refine(torch.cat((enlarge(x), picture), dim=1))
        return torch.sigmoid(last(x)) * (2 * _RANGE) - _RANGE


def _steps(settings: DeoldifySettings, deepest: int, skips: list[int]) -> tuple[list[nn.Module], int]:
    """The steps up, from the deepest skip to the first, and how many channels come out of the last."""
    steps: list[nn.Module] = []
    inside = deepest
    for number, skip in enumerate(reversed(skips)):
        is_last, attention = number == len(skips) - 1, number == _ATTENTIVE
        if settings.kind == "wide":
            outside = int(8 * settings.width * settings.factor) // (4 if is_last else 2)
            steps.append(SkipUp(inside, skip, outside, attention=attention))
        else:
            joined = inside // 2 + skip
            outside = int((joined // 2 if is_last else joined) * settings.factor)
            steps.append(DeepBlock(inside, skip, outside, attention=attention))
        inside = outside
    return steps, inside
