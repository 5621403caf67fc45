"""Weights that give NaN are refused when they are imported, and NaN is never cast to a colour."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from kinemacolor.models import colorize_image, load_network
from kinemacolor.models.checkpoint import load_weights, save_weights
from kinemacolor.models.computable import refuse_uncomputable
from kinemacolor.models.errors import CheckpointError, NonFiniteColourError
from kinemacolor.models.networks.ddcolor import REDUCED, DDColor
from kinemacolor.models.networks.deoldify import DEEP, Deoldify
from kinemacolor.models.networks.eccv16 import Eccv16
from kinemacolor.models.networks.normed_convs import WeightNormConv
from kinemacolor.models.networks.siggraph17 import Siggraph17
from kinemacolor.models.networks.zhao import Zhao

SMALL = replace(DEEP, width=8)


def zero(value: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(value)


def negative(value: torch.Tensor) -> torch.Tensor:
    return torch.cat((value[:1] - 3, value[1:]))


def infinite(value: torch.Tensor) -> torch.Tensor:
    return torch.cat((value[:1] + torch.inf, value[1:]))


@pytest.mark.parametrize(
    ("key", "change", "said"),
    [
        ("layers.4.conv1.0.weight_u", zero, "layers.4.conv1.0.weight_u: expected a vector"),
        ("layers.4.conv1.0.weight_orig", zero, "layers.4.conv1.0.weight_u: expected a vector"),
        ("layers.4.shuf.conv.1.running_var", negative, "layers.4.shuf.conv.1.running_var: expected variances"),
        ("layers.4.shuf.conv.1.running_mean", infinite, "layers.4.shuf.conv.1.running_mean: expected finite numbers"),
        ("layers.8.conv.0.weight_v", zero, "layers.8.conv.0.weight_v: expected rows that have a direction"),
    ],
)
def test_weights_that_give_nan_are_refused_by_the_name_of_the_tensor(
    tmp_path: Path, key: str, change: object, said: str
) -> None:
    torch.manual_seed(1)
    state = Deoldify(SMALL).state_dict()
    refuse_uncomputable(state)
    state[key] = change(state[key])  # type: ignore[operator]
    torch.save({"model": state}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=rf"^a\.pth: {re.escape(said)}") as caught:
        load_network("deoldify-reduced", tmp_path / "a.pth")
    assert "\n" not in str(caught.value)


def test_weights_of_this_project_are_looked_at_too(tmp_path: Path) -> None:
    network = WeightNormConv(3, 2)
    with torch.no_grad():
        network.weight_v[1] = 0
    save_weights(tmp_path / "a.safetensors", network)
    with pytest.raises(CheckpointError, match=r"a\.safetensors: weight_v: expected rows"):
        load_weights(tmp_path / "a.safetensors", WeightNormConv(3, 2))


@pytest.mark.parametrize("short_side", [None, 32])
@pytest.mark.parametrize(
    "make",
    [lambda: Eccv16(8), Siggraph17, lambda: Zhao(4), lambda: DDColor(REDUCED), lambda: Deoldify(SMALL)],
    ids=["eccv16", "siggraph17", "zhao", "ddcolor", "deoldify"],
)
def test_a_network_that_gives_no_colours_ends_in_an_error(make: object, short_side: int | None) -> None:
    torch.manual_seed(2)
    network = make().eval()  # type: ignore[operator]
    with torch.no_grad():
        next(network.parameters()).fill_(torch.nan)
    picture = np.random.default_rng(1).integers(0, 256, (40, 48)).astype(np.uint8)
    options = {"render_factor": 2} if isinstance(network, Deoldify) and short_side is None else {}
    with pytest.raises(NonFiniteColourError, match="expected colours, found NaN or infinity"):
        colorize_image(network, picture, short_side_px=short_side, **options)


def test_a_render_factor_and_a_short_side_do_not_go_together() -> None:
    network = Deoldify(SMALL).eval()
    with pytest.raises(TypeError, match="a render factor, which is of the square, or a short side, found both"):
        colorize_image(network, np.zeros((32, 32), np.uint8), short_side_px=32, render_factor=2)
