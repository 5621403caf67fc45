"""Begin a training with exported weights of `kinema`, to train them further or on other pictures.

Exported networks have their batch norms folded into the convolutions. To train on, the norms are put back: their
statistics are measured on crops, their scale and shift undo them, so that the network says what it said before.
Weights of the first `kinema`, which had no attention and reported no error, are taken as well: what is new starts as it
is made, attention as the identity, the finish as no change.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from kinemacolor.models.kinema_colorizer import KinemaWeights
from kinemacolor.models.networks.kinema import KinemaNet
from kinemacolor.models.networks.kinema_layers import ConvBlock
from kinemacolor.training.errors import RecipeError

__all__ = ["PARTS", "Start", "begin_with", "read_start"]

PARTS = ("memory", "recall", "spread")
"""Of `KinemaWeights`, beside the frame network; a file may lack any of them."""

_NEW_LAYERS = ("attend32.", "attend16.", "report.")
_NAMES_SHOWN = 3
_LEAST_VARIANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Start:
    """What a training begins with, float32."""

    frame: Mapping[str, Tensor]
    """State of the folded frame network, maybe without `_NEW_LAYERS`."""
    parts: Mapping[str, Mapping[str, Tensor]]
    """States of those of `PARTS` that the file has."""


def read_start(path: Path) -> Start:
    """Read a weights file of `kinema`, of this version or of the first one.

    Raises:
        RecipeError: It is not one: damaged, other names, other shapes, or numbers that are not finite.
    """
    try:
        found = {name: value.float() for name, value in load_safetensors(path.read_bytes()).items()}
    except (OSError, SafetensorError) as error:
        raise RecipeError(f"{path}: expected a weights file of kinema, found none: {error}") from error
    expected = KinemaWeights().state_dict()
    absent = [name for name in PARTS if not any(key.startswith(f"{name}.") for key in found)]
    optional = tuple(f"frame.{name}" for name in _NEW_LAYERS if not any(k.startswith(f"frame.{name}") for k in found))
    optional += tuple(f"{name}." for name in absent)
    _check(path, found, {key: value for key, value in expected.items() if key in found or not key.startswith(optional)})
    return Start(_below("frame.", found), {name: _below(f"{name}.", found) for name in PARTS if name not in absent})


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _check(path: Path, found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    both = sorted(found.keys() & expected.keys())
    wrong = {
        "missing": sorted(expected.keys() - found.keys()),
        "unexpected": sorted(found.keys() - expected.keys()),
        "of another shape": [key for key in both if found[key].shape != expected[key].shape],
        "not finite": [key for key in both if not torch.isfinite(found[key]).all()],
    }
    said = [f"{len(keys)} {what} ({', '.join(keys[:_NAMES_SHOWN])})" for what, keys in wrong.items() if keys]
    if said:
        raise RecipeError(f"{path}: expected the tensors of kinema, found {'; '.join(said)}")


@torch.no_grad()
def begin_with(net: KinemaNet, state: Mapping[str, Tensor], lightness: Iterable[Tensor]) -> None:
    """Give a network with batch norms the weights of a folded one; it says the same in evaluation mode.

    Args:
        net: With batch norms, just made; left in evaluation mode.
        state: Of the folded network; what it lacks stays as it is made.
        lightness: Pictures (B, 1, H, W) to measure on, at least one batch.
    """
    blocks = {name: block for name, block in net.named_modules() if isinstance(block, ConvBlock)}
    biases = {f"{name}.conv.bias" for name in blocks}
    net.load_state_dict({**net.state_dict(), **{key: value for key, value in state.items() if key not in biases}})
    pairs = [(block, state[f"{name}.conv.bias"]) for name, block in blocks.items()]
    for block, bias in pairs:
        _set_norm(_norm(block), torch.zeros_like(bias), torch.ones_like(bias), bias)
    moments = [_Moments(block.conv) for block, _ in pairs]
    net.eval()
    for batch in lightness:
        net(batch)
    for (block, bias), measured in zip(pairs, moments, strict=True):
        measured.end()
        _set_norm(_norm(block), measured.mean, measured.variance, bias)


def _norm(block: ConvBlock) -> nn.BatchNorm2d:
    if not isinstance(block.norm, nn.BatchNorm2d):
        raise TypeError("expected a network with batch norms, found a folded one")
    return block.norm


def _set_norm(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, bias: Tensor) -> None:
    """Make a norm with these statistics add the bias, and nothing else."""
    if norm.running_mean is None or norm.running_var is None:
        raise TypeError("expected a batch norm with running statistics, found one without")
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_((variance + norm.eps).sqrt())
    norm.bias.copy_(bias + mean)


class _Moments:
    """Mean and variance of the channels of a convolution's output, over all that it is given."""

    def __init__(self, conv: nn.Conv2d) -> None:
        self._count = 0
        self._sum = self._squares = torch.zeros(conv.out_channels, dtype=torch.float64)
        self._hook: RemovableHandle = conv.register_forward_hook(self._look)

    def _look(self, module: nn.Module, given: object, output: Tensor) -> None:
        del module, given
        self._count += output.numel() // output.shape[1]
        self._sum = self._sum + output.double().sum(dim=(0, 2, 3))
        self._squares = self._squares + output.double().square().sum(dim=(0, 2, 3))

    def end(self) -> None:
        """Stop looking."""
        self._hook.remove()

    @property
    def mean(self) -> Tensor:
        return self._sum / self._count

    @property
    def variance(self) -> Tensor:
        return (self._squares / self._count - self.mean.square()).clamp_min(_LEAST_VARIANCE)
