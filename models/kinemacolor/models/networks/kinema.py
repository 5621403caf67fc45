"""The frame network `kinema`: lightness in, a posterior over ab bins and a finish out. Our own design.

Classification and the annealed mean follow Zhang, Isola, Efros 2016 ("Colorful Image Colorization"); the trunk is
MobileNetV2 (Sandler et al. 2018); the decoder is a U-Net (Ronneberger et al. 2015) that stops at stride 4. At strides
32 and 16 every place attends to all others, so that distant parts of a picture agree on what they show.

Training rebalances rare colours, which teaches a posterior multiplied by the class weight w. `decode` divides it out
again to the power beta: 0 gives loud colours, 1 the plain expectation. A calm expectation whose chroma is raised
afterwards is nearer to the truth than a loud one that is as colourful (docs/models/kinema.md has the curves); where and
how far it is raised is the finish, which the network learned: a factor on the chroma of each place, and a shift.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kinemacolor.models.bins import BIN_COUNT, in_gamut_bins
from kinemacolor.models.networks.kinema_layers import ConvBlock, SelfAttention, UpBlock
from kinemacolor.models.networks.mobilenet_v2 import TAP_CHANNELS, MobileNetV2Encoder

__all__ = [
    "STRIDE_IN",
    "STRIDE_OUT",
    "Answer",
    "DecodeSettings",
    "KinemaNet",
    "error_channel",
    "expected_error",
    "fold_batch_norm",
]

STRIDE_OUT = 4
"""Network pixels per cell of the posterior, along each axis."""
STRIDE_IN = 32
"""Both sides of the input must be multiples of this."""

_WIDTH_32, _WIDTH_16, _WIDTH_8, _WIDTH_4 = 192, 160, 80, (64, 96, 128)
_LIGHTNESS_HALF = 50.0  # L* / 50 - 1 lies in [-1, 1], the range the trunk was trained in
_REPORT = (3, 1)  # channels of finish and error
_FACTOR_LIMITS = (-2.0, 1.5)
_SHIFT_UNIT = 10.0  # CIELAB units
_ERROR_LOG, _ERROR_OFFSET = 2.5, 2.0  # the error is exp(channel + 2.5) - 2 CIELAB units: even over its whole range
_LEAN_HALF = 20.0  # chroma from which a bin is favoured by half


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
    gain: float = 1.0
    """Factor on the finished colour, above 0: what averaging, over looks and over frames, takes of the liveliness."""
    finished: bool = True
    """Whether the network's own finish is applied."""
    lean: float = 0.0
    """How far colours of one hue are favoured where the posterior leaves it open: logarithm of odds, 0 or more."""
    lean_degrees: float = 0.0
    """That hue in the a*, b* plane: 0 red-purple, 90 yellow, 180 green, 270 blue."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the network says of B pictures, by cells of 4 x 4 pixels, in any floating dtype."""

    logits: Tensor
    """(B, 261, h, w) of the posterior over bins."""
    finish: Tensor
    """(B, 3, h, w): logarithm of the factor on the chroma, shift of a* and b* in tens of CIELAB units."""
    error: Tensor
    """(B, 1, h, w): the expected distance from the true a*, b*, as `expected_error` reads it."""


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
        self.attend32 = SelfAttention(_WIDTH_32)
        self.up16 = UpBlock((_WIDTH_32, _WIDTH_16), TAP_CHANNELS[3], (_WIDTH_16, _WIDTH_16), norm)
        self.attend16 = nn.Sequential(SelfAttention(_WIDTH_16), SelfAttention(_WIDTH_16))
        self.up8 = UpBlock((_WIDTH_16, _WIDTH_8), TAP_CHANNELS[2], (_WIDTH_8, _WIDTH_8), norm)
        self.up4 = UpBlock((_WIDTH_8, _WIDTH_4[0]), TAP_CHANNELS[1], _WIDTH_4[1:], norm)
        self.classify = nn.Conv2d(_WIDTH_4[-1], BIN_COUNT, 1)
        self.report = nn.Conv2d(_WIDTH_4[-1], sum(_REPORT), 1)
        with torch.no_grad():
            self.report.weight[: _REPORT[0]].zero_()
            self.report.bias[: _REPORT[0]].zero_()  # type: ignore[index]
        self.register_buffer("bins", in_gamut_bins(), persistent=False)
        self.register_buffer("class_log_weight", torch.zeros(BIN_COUNT))

    def forward(self, lightness: Tensor) -> Answer:
        """Look at pictures: (B, 1, H, W) CIE L* in [0, 100], H and W multiples of 32."""
        tap4, tap8, tap16, tap32 = self.taps(lightness)
        x = self.mix(self.bottom(tap32))
        x = self.attend32(x + self.whole(x.mean(dim=(2, 3)))[:, :, None, None])
        x = self.attend16(self.up16(x, tap16))
        x = self.up4(self.up8(x, tap8), tap4)
        return Answer(self.classify(x), *torch.split(self.report(x), list(_REPORT), dim=1))

    def taps(self, lightness: Tensor) -> list[Tensor]:
        """What the trunk sees at strides 4, 8, 16 and 32, for `forward` and for others."""
        grey = (lightness / _LIGHTNESS_HALF - 1.0).contiguous(memory_format=torch.channels_last)
        taps: list[Tensor] = self.encoder(grey)[1:]
        return taps

    def decoder_modules(self) -> tuple[nn.Module, ...]:
        """Everything that computes, apart from the trunk; the bins and weights of `decode` stay in float32."""
        attention, up = (self.attend32, self.attend16), (self.up16, self.up8, self.up4)
        return self.bottom, self.mix, self.whole, *attention, *up, self.classify, self.report

    def decode(self, answer: Answer, settings: DecodeSettings) -> tuple[Tensor, Tensor]:
        """Turn an answer into colour: the annealed mean with the class weight divided out, then the finish.

        Args:
            answer: From `forward`.
            settings: How.

        Returns:
            ab (B, 2, h, w) float32 in CIELAB units, and the posterior's spread (B, 1, h, w), its standard deviation
            around the mean (before its chroma was raised) in the same units.
        """
        mean, spread = self._mean(answer.logits, settings)
        finish = answer.finish.float() if settings.finished else torch.zeros_like(mean[:, :1]).expand(-1, 3, -1, -1)
        factor = finish[:, :1].clamp(*_FACTOR_LIMITS).exp()
        return settings.gain * (_raise_chroma(mean, settings) * factor + finish[:, 1:] * _SHIFT_UNIT), spread

    def _mean(self, logits: Tensor, settings: DecodeSettings) -> tuple[Tensor, Tensor]:
        # One row per cell: the rows are contiguous already in the layout of the convolutions, and a softmax over them
        # takes a third of the time that one over planes takes.
        rows = logits.permute(0, 2, 3, 1).flatten(0, 2).float()
        shift = self.class_log_weight * (-settings.beta / settings.temperature) + self._lean(settings)
        posterior = torch.add(shift, rows, alpha=1.0 / settings.temperature).softmax(dim=1)
        moments = torch.cat((self.bins, self.bins.square().sum(dim=1, keepdim=True)), dim=1)  # (261, 3): a, b, a2+b2
        mean = (posterior @ moments).view(logits.shape[0], *logits.shape[2:], 3).permute(0, 3, 1, 2)
        variance = mean[:, 2:] - mean[:, :2].square().sum(dim=1, keepdim=True)
        return mean[:, :2], variance.clamp_min(0.0).sqrt()

    def _lean(self, settings: DecodeSettings) -> Tensor:
        """(261,) logarithm of how much each bin is favoured: those of a hue, the more the livelier they are."""
        angle = math.radians(settings.lean_degrees)
        along = self.bins[:, 0] * math.cos(angle) + self.bins[:, 1] * math.sin(angle)
        lean: Tensor = settings.lean * along / (self.bins.norm(dim=1) + _LEAN_HALF)
        return lean


def expected_error(answer: Answer) -> Tensor:
    """(B, 1, h, w) float32: the distance from the true a*, b* that the network expects of its colour, CIELAB units."""
    return (answer.error.float() + _ERROR_LOG).exp() - _ERROR_OFFSET


def error_channel(distance: Tensor) -> Tensor:
    """What the channel of the error should say of distances in CIELAB units, 0 or more: undoes `expected_error`."""
    return (distance + _ERROR_OFFSET).log() - _ERROR_LOG


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
