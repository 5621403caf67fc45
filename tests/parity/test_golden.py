"""Our networks give what they gave when they were equal to their authors'; and each known trap would be noticed."""

import json
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from tests.parity.seeded import GOLDEN, RUNS, sample, with_seeded_weights
from torch import Tensor, nn

from kinemacolor.models.networks import eccv16, lai, siggraph17, zhang_layers

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


@pytest.mark.parametrize(
    ("name", "trap"),
    [
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
    ],
    ids=["L of Caffe", "corners", "temperature", "L of Caffe, hints", "unit of hints", "bilinear", "zeros", "slope"],
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
