"""The networks of `favc`: their size, the names of their tensors in TensorFlow, what they refuse."""

import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.files.tf_names import tensors_in_scope, variable_name
from kinemacolor.models.networks.favc import FavcColour, FavcImage, FavcPainter, FavcRefine
from kinemacolor.models.networks.favc_refinement import refinement_input, warp
from kinemacolor.models.networks.tf1_resize import resize_bilinear
from kinemacolor.models.networks.vgg19 import VGG19_CHANNELS, Vgg19


def numbers(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_networks_have_the_size_of_the_authors() -> None:
    with torch.device("meta"):
        assert numbers(FavcColour()) == 8_671_020
        assert numbers(FavcImage()) == 8_734_435
        assert numbers(FavcRefine()) == 8_621_795
        assert numbers(Vgg19()) == 15_304_768
    assert sum(VGG19_CHANNELS) + 3 == 1475


def test_a_network_without_memory_costs_no_time() -> None:
    """On the meta device some initialisers load 800 modules of torch."""
    code = (
        "import sys, torch; from kinemacolor.models.networks.favc import FavcColour\n"
        "before = len(sys.modules)\n"
        "with torch.device('meta'): FavcColour()\n"
        "print(len(sys.modules) - before)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(found.stdout) < 50


LEVELS = ((1, 1), (1, 2), *((n, k) for n in range(2, 10) for k in (1, 2)))


def test_names_are_those_of_the_authors_graph() -> None:
    with torch.device("meta"):
        networks = {"individual/g_": FavcColour(), "VCRNr_": FavcRefine(), "siamese_nework/g_": FavcImage()}
    for scope, network in networks.items():
        layers = [f"conv{number}_{part}" for number, part in LEVELS] + [
            f"up_{number}/up_conv1" for number in (1, 2, 3, 4)
        ]
        if scope.startswith("siamese"):
            layers += ["conv0_1", "conv0_2", "conv10_1", "conv10_2", "up_5/up_conv1"]
        expected = {f"{scope}{layer}/{kind}" for layer in layers for kind in ("weights", "biases")}
        assert {variable_name(key, scope) for key in network.state_dict()} == expected
    assert variable_name("up_2.weight", "VCRNr_") == "VCRNr_up_2/up_conv1/weights"
    assert variable_name("conv1_1.bias", "individual/g_") == "individual/g_conv1_1/biases"


def test_a_file_s_kernels_are_turned_and_what_is_not_the_network_s_is_left() -> None:
    network = FavcRefine(4)
    state = network.state_dict()
    variables = {
        variable_name(key, "VCRNr_"): value.permute(2, 3, 1, 0) if value.ndim == 4 else value
        for key, value in state.items()
    }
    variables |= {"VCRNr_conv1_1/weights/Adam": torch.zeros(1, 1, 18, 4), "beta1_power": torch.tensor(0.9)}
    found = tensors_in_scope(variables, "VCRNr_", state)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[key], value) for key, value in state.items())
    with pytest.raises(CheckpointError, match=re.escape("expected variables individual/g_*, found VCRNr_")):
        tensors_in_scope(variables, "individual/g_", state)


@pytest.mark.parametrize(("inside", "outside"), [(4, 8), (8, 4), (5, 7), (6, 6), (1, 5)])
def test_the_resize_takes_sample_i_at_i_times_in_over_out(inside: int, outside: int) -> None:
    row = torch.arange(inside, dtype=torch.float32) ** 2
    place = np.arange(outside) * inside / outside
    expected = np.interp(place, np.arange(inside), row.numpy())  # constant beyond the last sample, as TensorFlow
    found = resize_bilinear(row.view(1, 1, 1, -1), 1, outside)[0, 0, 0]
    assert np.allclose(found.numpy(), expected, atol=1e-5)
    assert torch.equal(resize_bilinear(row.view(1, 1, -1, 1), outside, 1)[0, 0, :, 0], found)


def test_averages_at_an_odd_border_are_of_what_is_inside() -> None:
    network = Vgg19(2)
    odd = torch.rand(1, 3, 33, 47)
    assert [tuple(tap.shape[2:]) for tap in network(odd)] == [(33, 47), (17, 24), (9, 12), (5, 6), (3, 3)]


def test_other_shapes_are_refused() -> None:
    features = (2, 4, 8, 16, 16)
    colour, image = (FavcPainter(Vgg19(2), kind(features, 4)) for kind in (FavcColour, FavcImage))
    assert colour(torch.rand(1, 1, 16, 48)).shape == (1, 12, 16, 48)
    assert image(torch.rand(2, 1, 32, 64)).shape == (2, 3, 32, 64)
    for network, shape in ((colour, (1, 1, 24, 32)), (image, (1, 1, 48, 32)), (FavcRefine(4), (1, 17, 32, 32))):
        with pytest.raises(ValueError, match="in multiples of"):
            network(torch.rand(shape))


def test_a_warp_takes_what_lies_where_the_flow_points_and_nothing_from_outside() -> None:
    picture = torch.arange(12.0).view(1, 1, 3, 4)
    flow = torch.zeros(1, 2, 3, 4)
    assert torch.equal(warp(picture, flow), picture)
    flow[:, 0] = 0.5
    expected = torch.tensor([0.5, 1.5, 2.5, 3.0])  # beyond the last sample its neighbour is itself
    assert torch.equal(warp(picture, flow)[0, 0, 0], expected)
    flow[:, 0] = -1.0
    assert warp(picture, flow)[0, 0, 0].tolist() == [0.0, 0.0, 1.0, 2.0]
    flow[:, 0], flow[:, 1] = 0.0, 2.0
    assert warp(picture, flow)[0, 0].tolist() == [[8.0, 9.0, 10.0, 11.0], [0.0] * 4, [0.0] * 4]


def planes(grey_step: float, colour_step: float) -> tuple[Tensor, ...]:
    grey, colour = torch.full((1, 1, 16, 16), 0.5), torch.full((1, 3, 16, 16), 0.4)
    seen = refinement_input(colour, colour + colour_step, grey, grey + grey_step, torch.zeros(1, 2, 16, 16))
    return torch.split(seen.planes, 3, dim=1)


@pytest.mark.parametrize(
    ("grey_step", "colour_step", "low", "agree", "visible"),
    [(0.0, 0.0, 0, 1, 1), (0.0, 0.1, 1, 0, 1), (0.1, 0.1, 0, 0, 0), (0.1, 0.0, 0, 1, 0), (0.04, 0.04, 0, 1, 1)],
)
def test_colour_is_taken_away_where_the_film_stays_and_it_does_not(
    grey_step: float, colour_step: float, low: int, agree: int, visible: int
) -> None:
    coarse, carried, own, *masks = planes(grey_step, colour_step)
    assert [float(mask.mean()) for mask in masks] == [low, agree, visible]
    assert torch.allclose(carried, torch.full_like(carried, 0.4))
    assert torch.allclose(coarse, torch.full_like(coarse, 0.5 + grey_step) if low else own)
