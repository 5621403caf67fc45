"""Guides on several frames of one shot all hold in all of its frames, with the shipped weights."""

import pytest
import torch
from torch import Tensor

from kinemacolor.models.api import Colorizer, Guide, HintSpot
from kinemacolor.models.guides import Layer
from kinemacolor.models.registry import load_model

HEIGHT, WIDTH = 96, 160
SPOTS = ((28.0, 28.0), (76.0, 68.0), (124.0, 28.0))
COLOURS = ((60.0, 40.0), (-50.0, 50.0), (20.0, -70.0))
RADIUS_PX = 9
NEAR = 12.0
"""CIELAB units: a hint's colour, and not that of any other."""


@pytest.fixture(scope="module")
def model() -> Colorizer:
    return load_model("kinema", threads=1)


def frames(count: int) -> list[Tensor]:
    """Three discs, each with a texture of its own, on a ramp; fresh grain, so that each frame knows itself best."""
    random = torch.Generator().manual_seed(1908)
    y, x = torch.meshgrid(torch.arange(HEIGHT).float(), torch.arange(WIDTH).float(), indexing="ij")
    picture = 30.0 + 15.0 * x / WIDTH
    for number, (spot_x, spot_y) in enumerate(SPOTS):
        inside = (x - spot_x) ** 2 + (y - spot_y) ** 2 < 20.0**2
        texture = 70.0 + 5.0 * torch.sin((x + number * y) / (1.5 + number)) + 8.0 * number
        picture = torch.where(inside, texture, picture)
    grain = 3.0 * torch.randn((count, 1, HEIGHT, WIDTH), generator=random)
    return list((picture + grain).clamp(0.0, 100.0))


def hint(number: int) -> HintSpot:
    return HintSpot(*SPOTS[number], 4.0, *COLOURS[number])


def colours(model: Colorizer, shot: list[Tensor], guides: list[Guide]) -> list[Tensor]:
    """Of each frame."""
    state, found = model.init_state(guides), []
    for lightness in shot:
        result = model.step(state, model.propose(lightness.unsqueeze(0))[0])
        state = result.state
        found.append(result.ab)
    return found


def at(ab: Tensor, number: int) -> Tensor:
    """The mean colour around a spot."""
    x, y = (int(side) for side in SPOTS[number])
    return ab[:, y - RADIUS_PX : y + RADIUS_PX, x - RADIUS_PX : x + RADIUS_PX].mean(dim=(1, 2))


def off(ab: Tensor, number: int) -> float:
    """Distance from the colour of a hint, around its spot."""
    return float((at(ab, number) - torch.tensor(COLOURS[number])).norm())


@pytest.mark.parametrize("hinted", [(0, 1), (1, 0), (2, 0, 1)])
def test_hints_on_different_frames_hold_in_all(model: Colorizer, hinted: tuple[int, ...]) -> None:
    """Frame by frame another thing is hinted; that nothing is said of the others there does not end them."""
    shot = frames(4)
    guides = [Guide(lightness, hints=(hint(number),)) for lightness, number in zip(shot, hinted, strict=False)]
    for ab in colours(model, shot, guides):
        assert [off(ab, number) < NEAR for number in hinted] == [True] * len(hinted)


@pytest.mark.parametrize("reference_first", [True, False])
def test_a_hint_lies_over_a_reference_of_another_frame_and_ends_where_its_thing_does(
    model: Colorizer, reference_first: bool
) -> None:
    shot = frames(4)
    said = Guide(shot[0], ab=torch.tensor(COLOURS[1]).view(2, 1, 1).expand(-1, HEIGHT, WIDTH))
    hinted = Guide(shot[1], hints=(hint(0),))
    if not reference_first:
        shot = [shot[1], shot[0], *shot[2:]]
    for ab in colours(model, shot, [said, hinted] if reference_first else [hinted, said]):
        assert off(ab, 0) < NEAR
        assert off(ab, 1) < NEAR
        assert float((at(ab, 2) - torch.tensor(COLOURS[1])).norm()) < NEAR


def test_references_alone_are_as_they_were_given(model: Colorizer) -> None:
    """They say a colour everywhere, so there is nothing to tell each other."""
    shot = frames(2)
    guides = [
        Guide(lightness, ab=torch.tensor(colour).view(2, 1, 1).expand(-1, HEIGHT, WIDTH))
        for lightness, colour in zip(shot, COLOURS, strict=False)
    ]
    first, second = colours(model, shot, guides)
    assert float((first.mean(dim=(1, 2)) - torch.tensor(COLOURS[0])).norm()) < NEAR
    assert float((at(second, 0) - torch.tensor(COLOURS[1])).norm()) < float(
        (at(second, 0) - torch.tensor(COLOURS[0])).norm()
    )


def test_what_lies_below_is_seen_where_the_upper_layer_lets_it() -> None:
    upper = Layer(torch.full((1, 2, 1, 3), 10.0), torch.tensor([1.0, 0.5, 0.0]).view(1, 1, 1, 3))
    lower = Layer(torch.full((1, 2, 1, 3), -10.0), torch.tensor([1.0, 1.0, 0.5]).view(1, 1, 1, 3))
    both = upper.over(lower)
    assert both.cover.flatten().tolist() == [1.0, 1.0, 0.5]
    assert both.ab[0, 0, 0].tolist() == [10.0, 0.0, -10.0]
    assert upper.over(None) is upper
