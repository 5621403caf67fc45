"""Where the training of `lai` begins: not at noise and not at "change nothing", but at a moving average.

From noise the network needs the paper's hundred thousand steps to find out that colour may be taken from its own last
output; from "change nothing" (a last layer of zeros) it goes nowhere for thousands of steps, for the gradient of all
other layers is zero. Here a few channels of every layer are set so that the network computes a moving average of the
colours at a quarter of the size; the other channels are random as ever. The average goes through the candidate of the
ConvLSTM, so that its gates can learn where not to average: after motion, behind occlusions, at edges of colour.
"""

import torch
from torch import Tensor, nn

from kinemacolor.models.color import luma
from kinemacolor.models.networks.lai import Lai

__all__ = ["begin_as_average"]

_SLOPE = 0.2
"""Of the network's leaky rectifiers: f(x) - f(-x) = (1 + slope) x, so a pair of channels carries a signed number."""
_GAIN = 2.0
"""Before the candidate's tanh: differences of colour above a quarter of the scale count less, which no flicker is."""
_OPEN = 2.0
"""Bias of the gates that are to be open, and less that of those that are to be closed."""


@torch.no_grad()
def begin_as_average(net: Lai, share: float) -> None:
    """Set weights in place: output = processed + share * lowpass(colour of the output before - colour of processed).

    Args:
        net: With biases; its random weights stay in the other channels.
        share: Weight of what was before, in [0, 1).

    Raises:
        ValueError: The share is out of its range, or the network has no biases.
    """
    if not 0.0 <= share < 1.0:
        raise ValueError(f"expected a share in [0, 1), found {share:g}")
    if net.conv1a.conv2d.bias is None:
        raise ValueError("expected a network with biases, found none")
    colour = torch.eye(3) - luma(torch.eye(3)[..., None, None]).view(1, 3)  # R'G'B' less its luma
    _set_rows(net.conv1a.conv2d, torch.cat((-colour, colour), dim=1), pair=True)
    for layer in (net.conv2a, net.conv3):
        _set_rows(layer.conv2d, _from_pair(layer.conv2d), pair=True)
    for block in net.ResBlocks:
        _clear(block.conv2.conv2d, range(6))  # type: ignore[union-attr, arg-type]
    _set_gates(net)
    for layer, pair in ((net.deconv1, False), (net.deconv2, True)):
        _set_rows(layer.conv2d, _from_pair(layer.conv2d) if pair else torch.eye(3), pair=True)
    open_gate = float(torch.sigmoid(torch.tensor(_OPEN)))
    last = net.deconv3.conv2d
    last.weight.zero_()
    _set_rows(last, _from_pair(last) * (share / (_GAIN * open_gate**2)), pair=False)


def _from_pair(layer: nn.Conv2d) -> Tensor:
    """(3, C) what gives three signed numbers back from the first six channels."""
    matrix = torch.zeros(3, layer.in_channels)
    for row in range(3):
        matrix[row, row], matrix[row, row + 3] = 1 / (1 + _SLOPE), -1 / (1 + _SLOPE)
    return matrix


def _set_rows(layer: nn.Conv2d, matrix: Tensor, *, pair: bool) -> None:
    """The first channels become the matrix over a blurred neighbourhood; the next ones its opposite."""
    rows = torch.cat((matrix, -matrix)) if pair else matrix
    wide = torch.zeros(len(rows), layer.in_channels)
    wide[:, : rows.shape[1]] = rows
    _clear(layer, range(len(rows)))
    layer.weight[: len(rows)] = wide[:, :, None, None] * _blur(layer.kernel_size[0])


def _set_gates(net: Lai) -> None:
    gates = net.convlstm.Gates
    width = gates.out_channels // 4
    for number, bias in enumerate((_OPEN, -_OPEN, _OPEN)):  # input, forget, output
        rows = range(number * width, number * width + 3)
        _clear(gates, rows)
        gates.bias[rows.start : rows.stop] = bias  # type: ignore[index]
    _clear(gates, range(3 * width, 3 * width + 3))
    middle = gates.kernel_size[0] // 2
    gates.weight[3 * width : 3 * width + 3, :, middle, middle] = _GAIN * _from_pair(gates)


def _clear(layer: nn.Conv2d, rows: range) -> None:
    layer.weight[rows.start : rows.stop] = 0.0
    if layer.bias is not None:
        layer.bias[rows.start : rows.stop] = 0.0


def _blur(side: int) -> Tensor:
    """(side, side) of a Gauss whose sigma is a quarter of the side, sum 1."""
    place = torch.arange(side) - side // 2
    line = torch.exp(-0.5 * (place / (side / 4)) ** 2)
    return torch.outer(line, line) / line.sum() ** 2
