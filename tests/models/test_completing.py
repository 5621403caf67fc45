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


def frames(*hidden: tuple[int, ...]) -> list[Tensor]:
    """Three discs, each with a texture of its own, on a ramp; fresh grain, so that each frame knows itself best.

    Args:
        hidden: Of each frame, the discs that are out of sight.
    """
    random = torch.Generator().manual_seed(1908)
    y, x = torch.meshgrid(torch.arange(HEIGHT).float(), torch.arange(WIDTH).float(), indexing="ij")
    shot = []
    for out_of_sight in hidden:
        picture = 30.0 + 15.0 * x / WIDTH
        for number, (spot_x, spot_y) in enumerate(SPOTS):
            inside = (x - spot_x) ** 2 + (y - spot_y) ** 2 < 20.0**2
            texture = 70.0 + 5.0 * torch.sin((x + number * y) / (1.5 + number)) + 8.0 * number
            picture = torch.where(inside, texture, picture) if number not in out_of_sight else picture
        grain = 3.0 * torch.randn((1, HEIGHT, WIDTH), generator=random)
        shot.append((picture + grain).clamp(0.0, 100.0))
    return shot


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
    shot = frames((), (), (), ())
    guides = [Guide(lightness, hints=(hint(number),)) for lightness, number in zip(shot, hinted, strict=False)]
    for ab in colours(model, shot, guides):
        assert [off(ab, number) < NEAR for number in hinted] == [True] * len(hinted)


@pytest.mark.parametrize("reference_first", [True, False])
def test_a_hint_lies_over_a_reference_of_another_frame_and_ends_where_its_thing_does(
    model: Colorizer, reference_first: bool
) -> None:
    shot = frames((), (), (), ())
    said = flat(shot[0], 1)
    hinted = Guide(shot[1], hints=(hint(0),))
    if not reference_first:
        shot = [shot[1], shot[0], *shot[2:]]
    for ab in colours(model, shot, [said, hinted] if reference_first else [hinted, said]):
        assert off(ab, 0) < NEAR
        assert off(ab, 1) < NEAR
        assert float((at(ab, 2) - torch.tensor(COLOURS[1])).norm()) < NEAR


def flat(lightness: Tensor, number: int) -> Guide:
    """A reference of one colour."""
    return Guide(lightness, ab=torch.tensor(COLOURS[number]).view(2, 1, 1).expand(-1, HEIGHT, WIDTH))


def test_a_thing_that_one_guided_frame_does_not_show_is_known_beyond_it(model: Colorizer) -> None:
    shot = frames((), (0,), (), ())
    guides = [Guide(shot[0], hints=(hint(0),)), Guide(shot[1], hints=(hint(2),)), Guide(shot[2], hints=(hint(2),))]
    found = colours(model, shot, guides)
    assert [off(found[number], 0) < NEAR for number in (0, 2, 3)] == [True] * 3
    assert all(off(ab, 2) < NEAR for ab in found)


def test_a_second_hint_on_a_thing_colours_no_other_that_comes_in(model: Colorizer) -> None:
    shot = frames((0,), (0,), (), ())
    plain = colours(model, shot, [])
    found = colours(model, shot, [Guide(shot[0], hints=(hint(1),)), Guide(shot[2], hints=(hint(1),))])
    assert all(off(ab, 1) < NEAR for ab in found)
    assert float((at(found[2], 0) - at(plain[2], 0)).norm()) < NEAR


def test_a_reference_keeps_what_no_hint_is_about(model: Colorizer) -> None:
    """In its own frame, too, which shows a thing that the hinted one does not."""
    shot = frames((0,), (0,), (), ())
    found = colours(model, shot, [Guide(shot[0], hints=(hint(1),)), flat(shot[2], 0)])
    assert off(found[2], 0) < NEAR
    assert all(off(ab, 1) < NEAR for ab in found)


def test_a_thing_with_two_colours_has_one_of_them_in_a_frame_between(model: Colorizer) -> None:
    shot = frames((), (), ())
    other = HintSpot(*SPOTS[0], 4.0, *COLOURS[2])
    said = [Guide(shot[0], hints=(hint(0),)), Guide(shot[1], hints=(hint(1),)), Guide(shot[2], hints=(other,))]
    ab = colours(model, shot, said)[1]
    assert min(off(ab, 0), float((at(ab, 0) - torch.tensor(COLOURS[2])).norm())) < NEAR


def test_a_guide_that_says_nothing_takes_nothing(model: Colorizer) -> None:
    shot = frames((), (), ())
    for ab in colours(model, shot, [Guide(shot[0], hints=(hint(0),)), Guide(shot[1])]):
        assert off(ab, 0) < NEAR


def test_references_alone_hold_each_in_its_own_frame(model: Colorizer) -> None:
    shot = frames((), ())
    first, second = colours(model, shot, [flat(shot[0], 0), flat(shot[1], 1)])
    assert [off(first, number) < NEAR for number in (0, 1)] == [True, False]
    assert off(second, 1) < float((at(second, 0) - torch.tensor(COLOURS[0])).norm())


def test_what_lies_below_is_seen_where_the_upper_layer_lets_it() -> None:
    upper = Layer(torch.full((1, 2, 1, 3), 10.0), torch.tensor([1.0, 0.5, 0.0]).view(1, 1, 1, 3))
    lower = Layer(torch.full((1, 2, 1, 3), -10.0), torch.tensor([1.0, 1.0, 0.5]).view(1, 1, 1, 3))
    both = upper.over(lower)
    assert both.cover.flatten().tolist() == [1.0, 1.0, 0.5]
    assert both.ab[0, 0, 0].tolist() == [10.0, 0.0, -10.0]
    assert upper.over(None) is upper
