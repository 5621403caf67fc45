"""How hints spread, with networks of random weights."""

import itertools

import pytest
import torch

from kinemacolor.models.api import HintSpot
from kinemacolor.models.networks.kinema import KinemaNet
from kinemacolor.models.networks.spread import SpreadNet
from kinemacolor.models.spreading import spreading


@pytest.fixture(scope="module")
def nets() -> tuple[SpreadNet, KinemaNet]:
    torch.manual_seed(1912)
    return SpreadNet().eval().requires_grad_(False), KinemaNet(norm=False).eval().requires_grad_(False)


def spread(nets: tuple[SpreadNet, KinemaNet], hints: tuple[HintSpot, ...]) -> tuple[torch.Tensor, int]:
    """What is found, and in how many parts."""
    lightness = torch.linspace(0, 100, 64 * 96).view(1, 64, 96)
    parts = spreading(*nets, lightness, hints, torch.float32)
    count = 1
    while True:
        try:
            next(parts)
        except StopIteration as end:
            return torch.cat(end.value, dim=1), count
        count += 1


def test_the_order_of_hints_changes_nothing(nets: tuple[SpreadNet, KinemaNet]) -> None:
    """The colours are 3 apart, each from the next: near enough for one thing, and the ends are too far."""
    hints = tuple(HintSpot(10.5 + 20 * place, 20.5, 3.0, 3.0 * place, 0.0) for place in range(4))
    first, parts = spread(nets, hints)
    for order in itertools.permutations(hints):
        again, count = spread(nets, order)
        assert count == parts == 2
        assert torch.equal(again, first)


def test_each_colour_is_a_part(nets: tuple[SpreadNet, KinemaNet]) -> None:
    hints = tuple(HintSpot(10.5 + 20 * place, 20.5, 3.0, 30.0 * place, 0.0) for place in range(3))
    found, parts = spread(nets, hints)
    assert parts == 3
    assert bool(torch.isfinite(found).all())
