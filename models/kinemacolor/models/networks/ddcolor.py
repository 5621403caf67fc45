"""Kang, Yang, Ouyang, Ren, Li, Xie 2023, "DDColor: Towards Photo-Realistic Image Colorization via Dual Decoders".

Our own code from the paper and the layout of the authors' files. A pixel decoder restores the size of the picture; a
colour decoder turns learned queries into colours; a layer joins their maps and the picture to a*, b*.

What the files ask for and the paper does not say: the network sees the grey picture as R'G'B' with mean and deviation
of ImageNet taken out, and it is this normalised picture that the last layer sees, too.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.models.networks.colour_queries import ColourQueries
from kinemacolor.models.networks.convnext import ConvNext
from kinemacolor.models.networks.imagenet import IMAGENET_MEAN, IMAGENET_STD
from kinemacolor.models.networks.normed_convs import SpectralConv, kernel_of
from kinemacolor.models.networks.shuffle_up import ShuffleUp
from kinemacolor.models.networks.skip_up import SkipUp

__all__ = ["LARGE", "MULTIPLE", "REDUCED", "TINY", "DDColor", "DDColorSettings"]

MULTIPLE = 32
"""Both sides must be multiples of this."""
_LAST_SCALE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class DDColorSettings:
    """Size of the network; smaller ones are for training at reduced width."""

    depths: tuple[int, int, int, int]
    """Blocks of the encoder's stages."""
    widths: tuple[int, int, int, int]
    """Channels of the encoder's stages."""
    decoder_width: int = 512
    """Channels of the pixel decoder's first two blocks; the third and what follows have half."""
    queries: int = 100
    query_width: int = 256
    """A multiple of four and of `heads`."""
    heads: int = 8
    inner_width: int = 2048
    """Of the feed-forward layers."""
    rounds: int = 3
    """How often the colour decoder looks at all three sizes."""

    def __post_init__(self) -> None:
        counts = (*self.depths, *self.widths, self.queries, self.inner_width, self.rounds, self.heads)
        if min(counts) < 1 or len(self.depths) != len(self.widths):
            raise ValueError(f"expected positive sizes, found {self}")
        if self.decoder_width < 2 or self.decoder_width % 2:
            raise ValueError(f"expected an even width of the decoder, found {self.decoder_width}")
        if self.query_width < 1 or self.query_width % 4 or self.query_width % self.heads:
            raise ValueError(f"expected a multiple of 4 and of {self.heads} heads, found {self.query_width}")


LARGE = DDColorSettings(depths=(3, 3, 27, 3), widths=(192, 384, 768, 1536))
"""Of `ddcolor-l`: 227,869,334 parameters, 602 tensors in the file besides those of a classifier."""
TINY = DDColorSettings(depths=(3, 3, 9, 3), widths=(96, 192, 384, 768))
"""Of `ddcolor-t`: 55,006,646 parameters, 440 tensors."""
REDUCED = DDColorSettings(
    depths=(2, 2, 3, 2),
    widths=(32, 64, 128, 192),
    decoder_width=128,
    queries=32,
    query_width=64,
    heads=4,
    inner_width=128,
    rounds=1,
)
"""Of no file of the authors: 2,290,152 parameters, which a CPU can train."""


class _Encoder(nn.Module):
    """Keys of the file: `arch`."""

    def __init__(self, settings: DDColorSettings) -> None:
        super().__init__()
        self.arch = ConvNext(settings.depths, settings.widths)


class _Decoder(nn.Module):
    """Both decoders."""

    def __init__(self, settings: DDColorSettings) -> None:
        super().__init__()
        full, half = settings.decoder_width, settings.decoder_width // 2
        one, two, three, four = settings.widths
        self.layers = nn.ModuleList((SkipUp(four, three, full), SkipUp(full, two, full), SkipUp(full, one, half)))
        self.last_shuf = ShuffleUp(SpectralConv(half, half * _LAST_SCALE**2, 1, bias=True), scale=_LAST_SCALE)
        self.color_decoder = ColourQueries(
            (full, full, half),
            half,
            queries=settings.queries,
            width=settings.query_width,
            heads=settings.heads,
            inner=settings.inner_width,
            rounds=settings.rounds,
        )

    def features(self, one: Tensor, two: Tensor, three: Tensor, four: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Skips of the encoder, finest first, to features at 1/16, 1/8 and 1/4 of the picture's size."""
        coarse = self.layers[0](four, three)
        middle = self.layers[1](coarse, two)
        return coarse, middle, self.layers[2](middle, one)


class DDColor(nn.Module):
    """The network.

    Args:
        settings: Its size.
    """

    def __init__(self, settings: DDColorSettings = LARGE) -> None:
        super().__init__()
        self.encoder = _Encoder(settings)
        self.decoder = _Decoder(settings)
        self.refine_net = nn.Sequential(nn.Sequential(SpectralConv(settings.queries + 3, 2, 1, bias=True)))
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))

    def forward(self, grey: Tensor) -> Tensor:
        """Colour.

        Args:
            grey: (B, 3, H, W) R'G'B' in [0, 1] of the grey picture, H and W multiples of 32.

        Returns:
            (B, 2, H, W) CIELAB a*, b*.

        Raises:
            ValueError: A side is no multiple of 32, or there are other channels.
        """
        _check(grey)
        picture = (grey - self.mean) / self.std
        features = self.decoder.features(*self.encoder.arch(picture))
        return self.refined(picture, features[-1], self.decoder.color_decoder(features))

    def refined(self, picture: Tensor, finest: Tensor, mixtures: Tensor) -> Tensor:
        """The last layer over the maps of all queries and the picture.

        The maps are mixtures of the finest features at full size, and the layer is linear: its part for the maps is
        applied to the mixtures, so that neither maps nor features need be made at full size.

        Args:
            picture: (B, 3, H, W), normalised.
            finest: (B, C, H / 4, W / 4) of the pixel decoder.
            mixtures: (B, queries, C) of the colour decoder.

        Returns:
            (B, 2, H, W) CIELAB a*, b*.
        """
        (kernel, bias), count = kernel_of(self.refine_net.get_submodule("0.0")), mixtures.shape[1]
        of_maps, of_picture = kernel[:, :count].flatten(1), kernel[:, count:]
        from_maps = self.decoder.last_shuf.mixed(finest, of_maps @ mixtures)
        return from_maps + F.conv2d(picture, of_picture, bias)


def _check(grey: Tensor) -> None:
    shape = tuple(grey.shape)
    if len(shape) != 4 or shape[1] != 3 or shape[2] % MULTIPLE or shape[3] % MULTIPLE or 0 in shape:
        raise ValueError(f"expected pictures (B, 3, H, W) with sides in multiples of {MULTIPLE}, found {shape}")
