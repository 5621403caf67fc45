"""How hints spread, with networks of random weights."""

import itertools
from collections.abc import Sequence

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.api import HintSpot, finish
from kinemacolor.models.hint_views import hint_views
from kinemacolor.models.networks.kinema import KinemaNet
from kinemacolor.models.networks.spread import SPREAD_CELL, SpreadNet
from kinemacolor.models.spreading import spreading

LOOKS = 3


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
        assert count == parts == (1 + 2) * LOOKS
        assert torch.equal(again, first)


def test_each_look_at_a_colour_is_a_part(nets: tuple[SpreadNet, KinemaNet]) -> None:
    hints = tuple(HintSpot(10.5 + 20 * place, 20.5, 3.0, 30.0 * place, 0.0) for place in range(3))
    found, parts = spread(nets, hints)
    assert parts == (1 + 3) * LOOKS
    assert bool(torch.isfinite(found).all())


class Echo(SpreadNet):
    """Says that a thing is where its hints are."""

    def forward(self, lightness: Tensor, taps: Sequence[Tensor], here: Tensor, elsewhere: Tensor) -> Tensor:
        return F.avg_pool2d(here - elsewhere, SPREAD_CELL)


@pytest.mark.parametrize(("height", "width", "larger"), [(64, 96, [(64, 128)]), (96, 160, [(128, 192)]), (32, 32, [])])
def test_every_look_says_where_in_the_picture_a_thing_is(
    nets: tuple[SpreadNet, KinemaNet], height: int, width: int, larger: list[tuple[int, int]]
) -> None:
    """A hint at a cell's middle; looked at larger, sides grow by different factors."""
    hint, other = HintSpot(6.0, 22.0, 2.0, 30.0, 0.0), HintSpot(width - 2.0, 2.0, 2.0, -30.0, 0.0)
    views = finish(hint_views(nets[1], torch.rand(1, height, width) * 100, torch.float32))
    assert [tuple(view.lightness.shape[-2:]) for view in views] == [(height, width)] * 2 + larger
    for view in views:
        found = view.logit(Echo(), [hint], view.mask([hint, other]))[0, 0]
        assert found.shape == (height // SPREAD_CELL, width // SPREAD_CELL)
        assert divmod(int(found.argmax()), found.shape[1]) == (5, 1)
        assert divmod(int(found.argmin()), found.shape[1]) == (0, found.shape[1] - 1)


def test_a_spot_inside_of_another_keeps_its_colour(nets: tuple[SpreadNet, KinemaNet]) -> None:
    wide, small = HintSpot(26.0, 34.0, 24.0, 40.0, 0.0), HintSpot(42.0, 34.0, 3.0, -40.0, 0.0)
    found, _ = spread((Echo(), nets[1]), (wide, small))
    assert float(found[0, 0, 8, 6]) > 30.0
    assert float(found[0, 0, 8, 10]) < -30.0
