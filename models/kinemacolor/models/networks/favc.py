"""Lei, Chen 2019, "Fully Automatic Video Colorization with Self-Regularization and Diversity": its three networks.

Our own code from the paper and the layout of the authors' files. R'G'B' in and out, no CIELAB: a grey frame becomes
four colour pictures at once (`FavcColour`); a second network (`FavcRefine`) brings one of them in line with the frame
before; a third (`FavcImage`) is for single pictures. All are one U-Net: resize by TensorFlow's rule, leaky rectifiers,
a bias in every layer, no normalisation.

Names are those of the files without their scope: `individual/g_conv1_1/weights` is `conv1_1.weight`,
`individual/g_up_1/up_conv1/weights` is `up_1.weight` (`files.tf_names`).

The first layer of the colour networks is a 1 x 1 convolution over a column of all features enlarged to the size of the
picture (1475 planes). Both are linear, so ours mixes the features where they are small and enlarges the mixtures: the
same numbers up to rounding, without the column, which takes 700 MB for a frame of 256 x 464.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.models.networks.tf1_resize import resize_bilinear
from kinemacolor.models.networks.vgg19 import VGG19_CHANNELS

__all__ = [
    "IMAGE_MULTIPLE",
    "MULTIPLE",
    "REFINE_PLANES",
    "VARIANTS",
    "FavcColour",
    "FavcImage",
    "FavcPainter",
    "FavcRefine",
]

VARIANTS = 4
"""Colour pictures of a frame, the likeliest first: in training the first has the largest weight."""
MULTIPLE = 16
"""Both sides must be multiples of this: there are four poolings. The authors' frames are cut to such sizes."""
IMAGE_MULTIPLE = 32
"""The same of `FavcImage`, which has one pooling more."""
REFINE_PLANES = 18
"""What `FavcRefine` sees of a frame; see `favc_refinement.refinement_input`."""
_SLOPE = 0.2
_LEVELS = 5


class _UNet(nn.Module):
    """Five levels of 1, 2, 4, 8 and 16 times the width.

    Args:
        inside: Planes that go in.
        outside: Planes that come out.
        width: Channels of the finest level.
    """

    def __init__(self, inside: int, outside: int, width: int) -> None:
        super().__init__()
        channels = [width * 2**level for level in range(_LEVELS)]
        self._add("conv1_1", nn.Conv2d(inside, width, 1))
        self._add("conv1_2", nn.Conv2d(width, width, 3, padding=1))
        for number, (before, after) in enumerate(pairwise(channels), start=2):
            self._add(f"conv{number}_1", nn.Conv2d(before, after, 3, padding=1))
            self._add(f"conv{number}_2", nn.Conv2d(after, after, 3, padding=1))
        for number, (before, after) in enumerate(pairwise(reversed(channels)), start=1):
            last = after if number < _LEVELS - 1 else outside
            self._add(f"up_{number}", nn.Conv2d(before, after, 3, padding=1))
            self._add(f"conv{_LEVELS + number}_1", nn.Conv2d(2 * after, after, 3, padding=1))
            self._add(f"conv{_LEVELS + number}_2", nn.Conv2d(after, last, 3, padding=1))

    def _add(self, name: str, layer: nn.Conv2d) -> None:
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
        self.add_module(name, layer)

    def layer(self, name: str) -> nn.Conv2d:
        """A layer by its name."""
        found = self.get_submodule(name)
        if not isinstance(found, nn.Conv2d):
            raise TypeError(f"{name}: expected a convolution, found {type(found).__name__}")
        return found

    def deeper(self, first: Tensor) -> Tensor:
        """From what the first layer gives, before its rectifier, to the result: (B, width, H, W) to (B, C, H, W)."""
        x = _leaky(self.layer("conv1_2")(_leaky(first)))
        skips = [x]
        for number in range(2, _LEVELS + 1):
            x = _leaky(self.layer(f"conv{number}_1")(F.max_pool2d(x, 2)))
            x = _leaky(self.layer(f"conv{number}_2")(x))
            skips.append(x)
        for number in range(1, _LEVELS):
            x = self.up(f"up_{number}", x, skips[_LEVELS - 1 - number])
            x = _leaky(self.layer(f"conv{_LEVELS + number}_1")(x))
            x = self.layer(f"conv{_LEVELS + number}_2")(x)
            if number < _LEVELS - 1:
                x = _leaky(x)
        return x

    def up(self, name: str, x: Tensor, skip: Tensor) -> Tensor:
        """Twice the size, a layer without rectifier, and the finer level behind it."""
        return torch.cat((self.layer(name)(resize_bilinear(x, 2 * x.shape[2], 2 * x.shape[3])), skip), dim=1)


class FavcColour(_UNet):
    """A grey frame to several colour pictures. 8,671,020 parameters; scope `individual/g_`.

    Args:
        features: Channels of the features of the frame, finest first; those of VGG19 have 64 to 512.
        width: Channels of the finest level; the paper's is 32.
    """

    def __init__(self, features: Sequence[int] = VGG19_CHANNELS, width: int = 32) -> None:
        super().__init__(sum(features) + 3, 3 * VARIANTS, width)

    @staticmethod
    def looked_at(grey: Tensor) -> Tensor:
        """What the features are to be made of: the frame itself."""
        return grey

    def forward(self, grey: Tensor, features: Sequence[Tensor]) -> Tensor:
        """Colour.

        Args:
            grey: (B, 1, H, W) code values of the grey frame in [0, 1], H and W multiples of 16.
            features: Of the same frame as R'G'B', finest first.

        Returns:
            (B, 12, H, W) four pictures R'G'B', one behind the other, not clipped.

        Raises:
            ValueError: A side is no multiple of 16, or there are other channels.
        """
        _check(grey, 1, MULTIPLE)
        return self.deeper(_mixed(self.layer("conv1_1"), _column(grey, features), grey.shape[2:]))


class FavcImage(_UNet):
    """A grey picture to a colour picture, most of it at half the size. 8,734,435 parameters; scope `siamese_nework/g_`.

    Args:
        features: As of `FavcColour`.
        width: Channels of the finest level of the U-Net; the paper's is 32.
    """

    def __init__(self, features: Sequence[int] = VGG19_CHANNELS, width: int = 32) -> None:
        super().__init__(width + sum(features) + 3, 2 * width, width)
        self._add("conv0_1", nn.Conv2d(1, width, 3, padding=1))
        self._add("conv0_2", nn.Conv2d(width, width, 3, padding=1))
        self._add("up_5", nn.Conv2d(2 * width, width, 3, padding=1))
        self._add("conv10_1", nn.Conv2d(2 * width, width, 3, padding=1))
        self._add("conv10_2", nn.Conv2d(width, 3, 3, padding=1))

    @staticmethod
    def looked_at(grey: Tensor) -> Tensor:
        """What the features are to be made of: every second sample, as TensorFlow's resize gives it."""
        return resize_bilinear(grey, grey.shape[2] // 2, grey.shape[3] // 2)

    def forward(self, grey: Tensor, features: Sequence[Tensor]) -> Tensor:
        """Colour.

        Args:
            grey: (B, 1, H, W) code values of the grey picture in [0, 1], H and W multiples of 32.
            features: Of `looked_at(grey)` as R'G'B', finest first.

        Returns:
            (B, 3, H, W) R'G'B', not clipped.

        Raises:
            ValueError: A side is no multiple of 32, or there are other channels.
        """
        _check(grey, 1, IMAGE_MULTIPLE)
        fine = _leaky(self.layer("conv0_2")(_leaky(self.layer("conv0_1")(grey))))
        small = self.looked_at(grey)
        parts = [F.max_pool2d(fine, 2), *_column(small, features)]
        coarse = self.deeper(_mixed(self.layer("conv1_1"), parts, small.shape[2:]))
        x = _leaky(self.layer("conv10_1")(self.up("up_5", coarse, fine)))
        y: Tensor = self.layer("conv10_2")(x)
        return y


class FavcRefine(_UNet):
    """A colour picture in line with the one before. 8,621,795 parameters; scope `VCRNr_`.

    Args:
        width: Channels of the finest level; the paper's is 32.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__(REFINE_PLANES, 3, width)

    def forward(self, planes: Tensor) -> Tensor:
        """Refine.

        Args:
            planes: (B, 18, H, W) of `favc_refinement.refinement_input`, H and W multiples of 16.

        Returns:
            (B, 3, H, W) R'G'B', not clipped.

        Raises:
            ValueError: A side is no multiple of 16, or there are other planes.
        """
        _check(planes, REFINE_PLANES, MULTIPLE)
        return self.deeper(self.layer("conv1_1")(planes))


class FavcPainter(nn.Module):
    """A colour network with the features that it looks at.

    Args:
        trunk: (B, 3, H, W) R'G'B' in [0, 1] to features, finest first: `Vgg19` in the paper.
        network: Takes them.
    """

    def __init__(self, trunk: nn.Module, network: FavcColour | FavcImage) -> None:
        super().__init__()
        self.trunk, self.network = trunk, network

    def forward(self, grey: Tensor) -> Tensor:
        """(B, 1, H, W) code values in [0, 1] to (B, 3 K, H, W) R'G'B', not clipped."""
        colour: Tensor = self.network(grey, self.trunk(self.network.looked_at(grey).expand(-1, 3, -1, -1)))
        return colour


def _column(grey: Tensor, features: Sequence[Tensor]) -> list[Tensor]:
    """Coarsest first, the grey picture three times at the end: the order of the first layer's weights."""
    return [*reversed(features), grey.expand(-1, 3, -1, -1)]


def _mixed(layer: nn.Conv2d, parts: Sequence[Tensor], size: Sequence[int]) -> Tensor:
    """A 1 x 1 convolution over parts one behind the other, each enlarged to `size`; mixed first, enlarged after."""
    kernels = torch.split(layer.weight, [part.shape[1] for part in parts], dim=1)
    total = torch.zeros(1, device=layer.weight.device) if layer.bias is None else layer.bias.view(1, -1, 1, 1)
    for part, kernel in zip(parts, kernels, strict=True):
        total = total + resize_bilinear(F.conv2d(part, kernel), size[0], size[1])
    return total


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, _SLOPE)


def _check(planes: Tensor, channels: int, multiple: int) -> None:
    shape = tuple(planes.shape)
    if len(shape) != 4 or shape[1] != channels or shape[2] % multiple or shape[3] % multiple or 0 in shape:
        raise ValueError(f"expected (B, {channels}, H, W) with sides in multiples of {multiple}, found {shape}")
