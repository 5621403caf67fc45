"""Our networks give what they gave when they were equal to their authors'; and each known trap would be noticed."""

import itertools
import json
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from tests.parity.seeded import GOLDEN, RUNS, sample, with_seeded_weights
from torch import Tensor, nn

from kinemacolor.models.networks import (
    attention,
    deoldify,
    eccv16,
    lai,
    shuffle_up,
    siggraph17,
    skip_up,
    zhang_layers,
)
from kinemacolor.models.networks.attention import SelfAttention, attend
from kinemacolor.models.networks.normed_convs import SpectralConv
from kinemacolor.models.networks.shuffle_up import ShuffleUp

TOLERANCE = 1e-4
"""Of the output's scale."""


def error(name: str, change: Callable[[nn.Module], None] = lambda network: None) -> float:
    """Largest difference from the golden numbers, as a part of their scale."""
    make, run = RUNS[name]
    network = with_seeded_weights(make())
    change(network)
    with torch.no_grad():
        found = torch.tensor(sample(run(network)))
    golden = torch.tensor(json.loads(GOLDEN.read_text())[name])
    return float((found - golden).abs().max() / golden.abs().max())


@pytest.mark.parametrize("name", RUNS)
def test_the_networks_give_the_golden_numbers(name: str) -> None:
    assert error(name) < TOLERANCE


# ---- the traps of the papers and of the authors' code ----


def norm_before_relu(network: nn.Module) -> None:
    network.model3 = nn.Sequential(*network.model3[:5], network.model3[6], network.model3[5])


def no_dilation(network: nn.Module) -> None:
    for layer in network.model6:
        if isinstance(layer, nn.Conv2d):
            layer.dilation = layer.padding = (1, 1)


def relu_at_the_end(network: nn.Module) -> None:
    network.model10[2] = nn.ReLU()


def centred_mask(network: nn.Module) -> None:
    network.mask_centre = 0.5


def normalised(network: nn.Module) -> None:
    network.conv2a.register_forward_hook(lambda module, given, out: F.instance_norm(out))


def gates_in_the_order_of_others(network: nn.Module) -> None:
    gates = network.convlstm.Gates
    enter, keep, leave, candidate = gates.weight.chunk(4)
    gates.weight = nn.Parameter(torch.cat((enter, keep, candidate, leave)), requires_grad=False)


def branches_swapped(network: nn.Module) -> None:
    network.conv1a, network.conv1b = network.conv1b, network.conv1a


def norm_before_relu_up(network: nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, nn.Sequential) and len(layer) >= 3 and isinstance(layer[2], nn.BatchNorm2d):
            layer[1], layer[2] = layer[2], layer[1]


def norms_estimated_anew(network: nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, SpectralConv):
            layer.estimate(15)


def norms_in_training(network: nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, SpectralConv):
            layer.train()


def no_attention(network: nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, SelfAttention):
            layer.gamma.zero_()


def attention_one_step_later(network: nn.Module) -> None:
    first, second = network.layers[5:7]
    convs = [block.conv if hasattr(block, "conv") else block.conv2 for block in (first, second)]
    attention = convs[0].pop(3)
    convs[1].append(attention)


def no_skip_norm(network: nn.Module) -> None:
    for block in network.layers[4:8]:
        block.bn = nn.Identity()


def strides_in_the_first_convolution(network: nn.Module) -> None:
    for block in network.layers[0].modules():
        if hasattr(block, "conv3") and block.conv2.stride == (2, 2):
            block.conv1.stride, block.conv2.stride = (2, 2), (1, 1)


@pytest.mark.parametrize(
    ("name", "trap"),
    [
        *itertools.product(
            ("deoldify-wide", "deoldify-deep"),
            (
                norm_before_relu_up,
                norms_estimated_anew,
                norms_in_training,
                no_attention,
                no_skip_norm,
            ),
        ),
        ("deoldify-wide", strides_in_the_first_convolution),
        ("deoldify-wide", attention_one_step_later),
        ("eccv16", norm_before_relu),
        ("eccv16", no_dilation),
        ("siggraph17", norm_before_relu),
        ("siggraph17", no_dilation),
        ("siggraph17", relu_at_the_end),
        ("siggraph17", centred_mask),
        ("lai", normalised),
        ("lai", gates_in_the_order_of_others),
        ("lai", branches_swapped),
    ],
)
def test_a_trap_in_the_layers_is_noticed(name: str, trap: Callable[[nn.Module], None]) -> None:
    assert error(name, trap) > 10 * TOLERANCE


def no_blur(x: Tensor, side: int, stride: int) -> Tensor:
    return x[..., 1:, 1:]


def blur_to_the_right(x: Tensor, sides: tuple[int, ...], mode: str) -> Tensor:
    return F.pad(x, (0, 1, 0, 1), mode=mode)


def relu_after_the_blur(layer: ShuffleUp, x: Tensor) -> Tensor:
    return F.relu(shuffle_up._spread(layer.conv(x), 2))


def softmax_over_what_looks(f: Tensor, g: Tensor, h: Tensor) -> Tensor:
    """As in most texts: over the last axis, so that f and g change places."""
    return torch.bmm(h, torch.softmax(torch.bmm(f.transpose(1, 2), g), dim=2).transpose(1, 2))


def scaled_attention(f: Tensor, g: Tensor, h: Tensor) -> Tensor:
    return attend(f / f.shape[1] ** 0.5, g, h)


def lightness_of_caffe(lightness: Tensor) -> Tensor:
    return lightness - 50


def corners(plane: Tensor, **how: object) -> Tensor:
    return F.interpolate(plane, **(how | {"align_corners": True}))


def bilinear(plane: Tensor, **how: object) -> Tensor:
    return F.interpolate(plane, **(how | {"mode": "bilinear"}))


def zeros(plane: Tensor, sides: tuple[int, ...], **how: object) -> Tensor:
    return F.pad(plane, sides)


class Functions:
    """torch.nn.functional with some functions replaced."""

    def __init__(self, **replaced: Callable[..., Tensor]) -> None:
        self.__dict__.update(replaced)

    def __getattr__(self, name: str) -> object:
        return getattr(F, name)


DEOLDIFY_TRAPS = [
    (shuffle_up, "F", Functions(avg_pool2d=no_blur)),
    (ShuffleUp, "forward", relu_after_the_blur),
    (shuffle_up, "F", Functions(pad=blur_to_the_right)),
    (skip_up, "F", Functions(interpolate=bilinear)),
    (attention, "attend", softmax_over_what_looks),
    (attention, "attend", scaled_attention),
    (deoldify, "_RANGE", 1.0),
]
DEOLDIFY_TRAP_NAMES = ["no blur", "late ReLU", "blur", "bilinear", "softmax", "scaled", "range"]


@pytest.mark.parametrize(
    ("name", "module", "attribute", "trap"),
    [
        ("eccv16", eccv16, "lightness_unit", lightness_of_caffe),
        ("eccv16", eccv16, "F", Functions(interpolate=corners)),
        ("eccv16", eccv16, "FOLDED_TEMPERATURE", 1.0),
        ("siggraph17", siggraph17, "lightness_unit", lightness_of_caffe),
        ("siggraph17", siggraph17, "AB_UNIT", 100.0),
        ("lai", lai, "F", Functions(interpolate=bilinear)),
        ("lai", lai, "F", Functions(pad=zeros)),
        ("lai", lai, "_SLOPE", 0.1),
        *((name, *trap) for name in ("deoldify-wide", "deoldify-deep") for trap in DEOLDIFY_TRAPS),
    ],
    ids=["L of Caffe", "corners", "temperature", "L of Caffe, hints", "unit of hints", "bilinear", "zeros", "slope"]
    + [f"{kind}: {trap}" for kind in ("wide", "deep") for trap in DEOLDIFY_TRAP_NAMES],
)
def test_a_trap_in_the_constants_is_noticed(
    monkeypatch: pytest.MonkeyPatch, name: str, module: object, attribute: str, trap: object
) -> None:
    if attribute == "FOLDED_TEMPERATURE":
        make, run = RUNS[name]
        network = with_seeded_weights(make())
        plain = run(lambda lightness: network(lightness, temperature=trap))
        assert float((plain - run(network)).abs().max()) > 10 * TOLERANCE
        return
    monkeypatch.setattr(module, attribute, trap)
    assert error(name) > 10 * TOLERANCE


def test_every_second_sample_is_taken_not_a_mean() -> None:
    """SIGGRAPH17 has no strides: the sample taken is the first of two."""

    def shifted(network: nn.Module) -> None:
        network.model2.register_forward_pre_hook(lambda module, given: (torch.roll(given[0], 1, -1),))

    assert error("siggraph17", shifted) > 10 * TOLERANCE


def test_a_temperature_of_the_annealed_mean_sharpens_or_flattens() -> None:
    make, run = RUNS["eccv16"]
    network = with_seeded_weights(make())
    spread = [run(lambda lightness, t=t: network(lightness, temperature=t)).std() for t in (0.1, 0.3837, 1.0, 10.0)]
    assert spread == sorted(spread, reverse=True)
    same = run(lambda lightness: network(lightness, temperature=eccv16.FOLDED_TEMPERATURE))
    assert torch.equal(same, run(network))
    assert zhang_layers.AB_UNIT == 110
