"""The frame network `kinema`: lightness in, a posterior over ab bins out. Our own design.

Classification and the annealed mean follow Zhang, Isola, Efros 2016 ("Colorful Image Colorization"); the trunk is
MobileNetV2 (Sandler et al. 2018); the decoder is a U-Net (Ronneberger et al. 2015) that stops at stride 4, with the
picture's mean feature added at the bottom so that distant parts of a picture agree on what they show.

Training rebalances rare colours, which teaches a posterior multiplied by the class weight w. `decode` divides it out
again to the power beta: 0 gives loud colours, 1 the plain expectation. A calm expectation whose chroma is raised
afterwards is nearer to the truth than a loud one that is as colourful (docs/models/kinema.md has the curves).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.models.bins import BIN_COUNT, in_gamut_bins
from kinemacolor.models.networks.mobilenet_v2 import TAP_CHANNELS, MobileNetV2Encoder

__all__ = ["STRIDE_IN", "STRIDE_OUT", "DecodeSettings", "KinemaNet", "fold_batch_norm"]

STRIDE_OUT = 4
"""Network pixels per cell of the posterior, along each axis."""
STRIDE_IN = 32
"""Both sides of the input must be multiples of this."""

_WIDTH_32, _WIDTH_16, _WIDTH_8, _WIDTH_4 = 192, 160, 80, (64, 96, 128)
_LIGHTNESS_HALF = 50.0  # L* / 50 - 1 lies in [-1, 1], the range the trunk was trained in


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """How a posterior becomes one colour."""

    beta: float = 1.0
    """Power to which the training's class weight is divided out, in [0, 1]."""
    temperature: float = 0.5
    """Temperature of the annealed mean, above 0: near 0 takes the mode, 1 the mean."""
    saturation: float = 2.45
    """Factor of the mean's chroma, above 0: a mean of possible colours is paler than any of them."""
    largest_chroma: float = 60.0
    """CIELAB chroma that raised colours approach but do not reach, above 0: sure skin must not turn orange."""


class ConvBlock(nn.Module):
    """Convolution, batch norm, ReLU; without `norm` the convolution has a bias, as after folding."""

    def __init__(self, channels: tuple[int, int], kernel: int, norm: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels[0], channels[1], kernel, padding=kernel // 2, bias=not norm)
        self.norm = nn.BatchNorm2d(channels[1]) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H, W), non-negative."""
        return F.relu(self.norm(self.conv(x)))


class UpBlock(nn.Module):
    """Doubles the resolution: narrow, enlarge, add the trunk's tap, then 3x3 blocks."""

    def __init__(self, channels: tuple[int, int], skip: int, widths: tuple[int, ...], norm: bool) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(channels[0], channels[1], 1)
        self.skip = ConvBlock((skip, channels[1]), 1, norm)
        steps = zip((channels[1], *widths[:-1]), widths, strict=True)
        self.blocks = nn.Sequential(*(ConvBlock(pair, 3, norm) for pair in steps))

    def forward(self, x: Tensor, tap: Tensor) -> Tensor:
        """(B, C, h, w) and the tap (B, S, 2h, 2w) to (B, widths[-1], 2h, 2w)."""
        enlarged = F.interpolate(self.narrow(x), size=tap.shape[-2:], mode="bilinear", align_corners=False)
        y: Tensor = self.blocks(enlarged + self.skip(tap))
        return y


class KinemaNet(nn.Module):
    """Trunk and decoder.

    Args:
        norm: True while training (batch norm in the decoder), False for a folded network.
    """

    bins: Tensor
    class_log_weight: Tensor

    def __init__(self, *, norm: bool) -> None:
        super().__init__()
        self.encoder = MobileNetV2Encoder(in_channels=1)
        self.bottom = ConvBlock((TAP_CHANNELS[4], _WIDTH_32), 1, norm)
        self.mix = ConvBlock((_WIDTH_32, _WIDTH_32), 3, norm)
        self.whole = nn.Linear(_WIDTH_32, _WIDTH_32)
        self.up16 = UpBlock((_WIDTH_32, _WIDTH_16), TAP_CHANNELS[3], (_WIDTH_16, _WIDTH_16), norm)
        self.up8 = UpBlock((_WIDTH_16, _WIDTH_8), TAP_CHANNELS[2], (_WIDTH_8, _WIDTH_8), norm)
        self.up4 = UpBlock((_WIDTH_8, _WIDTH_4[0]), TAP_CHANNELS[1], _WIDTH_4[1:], norm)
        self.classify = nn.Conv2d(_WIDTH_4[-1], BIN_COUNT, 1)
        self.register_buffer("bins", in_gamut_bins(), persistent=False)
        self.register_buffer("class_log_weight", torch.zeros(BIN_COUNT))

    def forward(self, lightness: Tensor) -> tuple[Tensor, Tensor]:
        """Classify.

        Args:
            lightness: (B, 1, H, W) CIE L* in [0, 100]; H and W multiples of 32.

        Returns:
            Logits (B, 261, H / 4, W / 4) and the trunk's tap at stride 4, (B, 24, H / 4, W / 4).
        """
        _, tap4, tap8, tap16, tap32 = self.encoder(lightness / _LIGHTNESS_HALF - 1.0)
        x = self.mix(self.bottom(tap32))
        x = x + self.whole(x.mean(dim=(2, 3)))[:, :, None, None]
        x = self.up4(self.up8(self.up16(x, tap16), tap8), tap4)
        return self.classify(x), tap4

    def decoder_modules(self) -> tuple[nn.Module, ...]:
        """Everything that computes, apart from the trunk; the bins and weights of `decode` stay in float32."""
        return self.bottom, self.mix, self.whole, self.up16, self.up8, self.up4, self.classify

    def decode(self, logits: Tensor, settings: DecodeSettings) -> tuple[Tensor, Tensor]:
        """Turn a posterior into colour: the annealed mean with the class weight divided out.

        Args:
            logits: (B, 261, h, w), any floating dtype.
            settings: beta and temperature.

        Returns:
            ab (B, 2, h, w) float32 in CIELAB units, and the posterior's spread (B, 1, h, w), its standard deviation
            around the mean (before its chroma was raised) in the same units.
        """
        # One row per cell: the rows are contiguous already in the layout of the convolutions, and a softmax over them
        # takes a third of the time that one over planes takes.
        rows = logits.permute(0, 2, 3, 1).flatten(0, 2).float()
        shift = self.class_log_weight * (-settings.beta / settings.temperature)
        posterior = torch.add(shift, rows, alpha=1.0 / settings.temperature).softmax(dim=1)
        moments = torch.cat((self.bins, self.bins.square().sum(dim=1, keepdim=True)), dim=1)  # (261, 3): a, b, a2+b2
        mean = (posterior @ moments).view(logits.shape[0], *logits.shape[2:], 3).permute(0, 3, 1, 2)
        variance = mean[:, 2:] - mean[:, :2].square().sum(dim=1, keepdim=True)
        return _raise_chroma(mean[:, :2], settings), variance.clamp_min(0.0).sqrt()


def _raise_chroma(ab: Tensor, settings: DecodeSettings) -> Tensor:
    """Multiply the chroma of (B, 2, h, w), softly limited; hue stays."""
    chroma = ab.square().sum(dim=1, keepdim=True).sqrt().clamp_min(1e-6)
    limit = settings.largest_chroma
    return ab * (limit * torch.tanh(settings.saturation / limit * chroma) / chroma)


def fold_batch_norm(trained: KinemaNet) -> KinemaNet:
    """A copy of a trained network with every batch norm folded into its convolution, in evaluation mode."""
    folded = KinemaNet(norm=False)
    state = {key: value.detach().clone() for key, value in trained.state_dict().items()}
    for name, module in trained.named_modules():
        if isinstance(module, ConvBlock) and isinstance(module.norm, nn.BatchNorm2d):
            _fold_block(name, module.conv, module.norm, state)
    folded.load_state_dict(state)
    return folded.eval()


def _fold_block(name: str, conv: nn.Conv2d, norm: nn.BatchNorm2d, state: dict[str, Tensor]) -> None:
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise ValueError(f"{name}: expected a batch norm with running statistics, found none")
    scale = norm.weight.detach() / torch.sqrt(variance + norm.eps)
    state[f"{name}.conv.weight"] = conv.weight.detach() * scale[:, None, None, None]
    state[f"{name}.conv.bias"] = norm.bias.detach() - mean * scale
    for key in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
        del state[f"{name}.norm.{key}"]
