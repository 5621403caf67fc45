"""Convolutions whose weights are normed: spectrally (Miyato et al. 2018) and by length (Salimans, Kingma 2016).

Our own code from the papers; names of the tensors as torch's hooks of the same names wrote them into files of 2018 and
later: `weight_orig`, `weight_u`, `weight_v`; `weight_g`, `weight_v`.

Networks are laid out without memory before their file is read. Normal numbers and vector norms load hundreds of modules
of torch there, for seconds: hence uniform numbers, and no norms on the meta device.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["SpectralConv", "WeightNormConv", "fold_norms", "kernel_of"]

_FIRST_ITERATIONS = 15
"""Of the power method when a network is made, as torch's parametrization does: an estimate from scratch is far off."""
_EPSILON = 1e-12

Plain = nn.Conv1d | nn.Conv2d


class SpectralConv(nn.Module):
    """A convolution that is divided by its largest singular value, sigma = u^T W v.

    In training one iteration of the power method brings u and v nearer before each use. In evaluation they are as the
    file has them, whatever they are: an estimate that is made anew is another network.

    Args:
        inside: Channels that come.
        outside: Channels that go.
        kernel: Side of the kernel; if it is odd and nothing else is said, the size is kept.
        stride: Step.
        padding: Zeros around; None: half the kernel.
        bias: Whether there is one.
        axes: 2 for pictures, 1 for rows of places.
    """

    weight_u: Tensor
    weight_v: Tensor

    def __init__(
        self,
        inside: int,
        outside: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: int | None = None,
        bias: bool = False,
        axes: int = 2,
    ) -> None:
        super().__init__()
        self._stride, self._padding = stride, kernel // 2 if padding is None else padding
        self.weight_orig = nn.Parameter(torch.empty(outside, inside, *((kernel,) * axes)))
        self.bias = nn.Parameter(torch.zeros(outside)) if bias else None
        self.register_buffer("weight_u", torch.rand(outside))
        self.register_buffer("weight_v", torch.rand(inside * kernel**axes))
        nn.init.kaiming_uniform_(self.weight_orig)
        self.estimate(_FIRST_ITERATIONS)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H', W'), with 1 axis (B, C, N) to (B, C', N')."""
        convolve = F.conv2d if self.weight_orig.ndim == 4 else F.conv1d
        return convolve(x, self.kernel(), self.bias, self._stride, self._padding)

    def kernel(self) -> Tensor:
        """The weights that convolve; in training, u and v are bettered first. In full precision: u and v are kept."""
        with torch.autocast(self.weight_orig.device.type, enabled=False):
            if self.training:
                self.estimate(1)
            return self._divided()

    @torch.no_grad()
    def estimate(self, iterations: int) -> None:
        """Bring u and v nearer to the first singular vectors."""
        if self.weight_orig.is_meta:
            return  # nothing to find
        matrix = self.weight_orig.flatten(1)
        # New tensors each time: the gradients of an earlier use need those that it had.
        for _ in range(iterations):
            self.weight_v = F.normalize(matrix.T @ self.weight_u, dim=0, eps=_EPSILON)
            self.weight_u = F.normalize(matrix @ self.weight_v, dim=0, eps=_EPSILON)

    @torch.no_grad()
    def begin_alike(self, count: int) -> None:
        """Let every `count` channels that go begin alike (ICNR, Aitken et al. 2017)."""
        self.weight_orig.copy_(_alike(self.weight_orig, count))
        self.estimate(_FIRST_ITERATIONS)

    def plain(self) -> Plain:
        """The same as an ordinary convolution, for use without training."""
        return _plain(self._divided(), self.bias, self._stride, self._padding)

    def _divided(self) -> Tensor:
        return self.weight_orig / torch.dot(self.weight_u, self.weight_orig.flatten(1) @ self.weight_v)


class WeightNormConv(nn.Module):
    """A 1 x 1 convolution with bias whose weights are `weight_g` long in the direction of `weight_v`, row by row."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.weight_v = nn.Parameter(torch.empty(outside, inside, 1, 1))
        nn.init.kaiming_uniform_(self.weight_v)
        self.weight_g = nn.Parameter(_lengths(self.weight_v.detach()))
        self.bias = nn.Parameter(torch.zeros(outside))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H, W)."""
        return F.conv2d(x, self.kernel(), self.bias)

    def kernel(self) -> Tensor:
        """The weights that convolve."""
        return self.weight_v * (self.weight_g / _lengths(self.weight_v))

    @torch.no_grad()
    def begin_alike(self, count: int) -> None:
        """Let every `count` channels that go begin alike (ICNR, Aitken et al. 2017)."""
        self.weight_v.copy_(_alike(self.weight_v, count))
        self.weight_g.copy_(_lengths(self.weight_v))

    def plain(self) -> Plain:
        """The same as an ordinary convolution, for use without training."""
        return _plain(self.kernel(), self.bias, 1, 0)


@torch.no_grad()
def fold_norms(network: nn.Module) -> nn.Module:
    """Put ordinary convolutions in the place of normed ones, in the network itself; it cannot be trained afterwards.

    A frame then costs neither the norms nor a second copy of the largest weights.

    Returns:
        The network.
    """
    for name, child in list(network.named_children()):
        if isinstance(child, (SpectralConv, WeightNormConv)):
            setattr(network, name, child.plain())
        else:
            fold_norms(child)
    return network


def kernel_of(layer: nn.Module) -> tuple[Tensor, Tensor | None]:
    """Weights that convolve and bias, of a normed convolution or of what `fold_norms` has made of it.

    Raises:
        TypeError: It is no convolution.
    """
    if isinstance(layer, (SpectralConv, WeightNormConv)):
        return layer.kernel(), layer.bias
    if isinstance(layer, Plain):
        return layer.weight, layer.bias
    raise TypeError(f"expected a convolution, found {type(layer).__name__}")


def _alike(weight: Tensor, count: int) -> Tensor:
    return weight[::count].repeat_interleave(count, dim=0)


def _lengths(weight: Tensor) -> Tensor:
    if weight.is_meta:
        return weight.new_empty(len(weight), 1, 1, 1)
    lengths: Tensor = torch.linalg.vector_norm(weight, dim=(1, 2, 3), keepdim=True)
    return lengths


def _plain(weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Plain:
    outside, inside, side = weight.shape[:3]
    kind = nn.Conv2d if weight.ndim == 4 else nn.Conv1d
    with torch.device("meta"):
        made: Plain = kind(inside, outside, side, stride, padding, bias=bias is not None)
    made.weight = nn.Parameter(weight.detach(), requires_grad=False)
    if bias is not None:
        made.bias = nn.Parameter(bias.detach(), requires_grad=False)
    return made
