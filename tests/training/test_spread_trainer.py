"""The network that spreads hints learns what is marked; its run is kept like any other."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from kinemacolor.models.networks.kinema import KinemaNet
from kinemacolor.training.blobs import draw_blob
from kinemacolor.training.cut_outs import CutOut
from kinemacolor.training.photos import CropSettings, Picture
from kinemacolor.training.spread_examples import ExampleSettings, draw_example
from kinemacolor.training.spread_trainer import SpreadRecipe, SpreadTrainer, spread_loss

CROPS = CropSettings(count=2, side_px=64)
RECIPE = SpreadRecipe(steps=12, warm_up_steps=1, rate=5e-3, small=CROPS, large=CROPS, wide=CROPS, old_film_share=0.0)


def _photos() -> list[Picture]:
    """Flat pictures, dark and light: what lies on one is seen."""
    rng = np.random.default_rng(0)
    return [np.full((80, 90, 3), code, np.uint8) + rng.integers(0, 12, (80, 90, 3), np.uint8) for code in (20, 210)]


def _trainer(out: Path) -> SpreadTrainer:
    torch.manual_seed(3)
    return SpreadTrainer(out, RECIPE, KinemaNet(norm=False), (_photos(), []))


def test_a_few_steps_lower_the_loss_and_leave_the_frame_network_alone(tmp_path: Path) -> None:
    trainer = _trainer(tmp_path)
    before = {name: value.clone() for name, value in trainer._frame.state_dict().items()}
    losses = []
    for _ in range(12):
        trainer.step = 0  # the same pictures again
        losses.append(trainer.train_step())
    assert losses[-1] < losses[0] - 0.5
    assert set(trainer.measure()) == {"entropy", "dice", "overlap"}
    assert all(torch.equal(before[name], value) for name, value in trainer._frame.state_dict().items())


def test_a_resumed_run_has_the_losses_of_an_unbroken_one(tmp_path: Path) -> None:
    unbroken = _trainer(tmp_path / "a")
    expected = [unbroken.train_step() for _ in range(4)]
    first = _trainer(tmp_path / "b")
    found = [first.train_step() for _ in range(2)]
    first.save()
    second = _trainer(tmp_path / "b")
    assert second.resume()
    found += [second.train_step() for _ in range(2)]
    assert found == expected


@pytest.mark.parametrize("regions", [0.0, 1.0])
def test_hints_lie_on_the_thing_and_beside_it(regions: float) -> None:
    """A red rectangle on blue; what is laid on comes from a white picture."""
    rgb = torch.zeros(3, 64, 64)
    rgb[2], rgb[0, 10:54, 10:50], rgb[2, 10:54, 10:50] = 0.8, 0.8, 0.1
    settings = ExampleSettings(regions=regions, faded=0.0, others=1.0)
    for seed in range(20):
        example = draw_example(rgb, 2 * (torch.ones(3, 64, 64),), settings, np.random.default_rng(seed))
        hinted = example.here > 0
        # A hint may be wider than a thin thing, but its middle lies on it.
        assert example.thing[hinted].any()
        assert float(example.thing[example.elsewhere > 0].sum()) == 0.0
        assert set(example.thing.unique().tolist()) == {0.0, 1.0}
        if regions:
            assert torch.equal(example.rgb, rgb)
            inside = float(example.thing[0, 12:52, 12:48].mean())
            assert inside in (0.0, 1.0), "the rectangle is a thing, or what is around it"
        else:
            assert float(example.rgb[1][example.thing[0] > 0].mean()) > 0.5


def test_a_grey_picture_has_no_region_and_gets_a_thing_laid_on() -> None:
    grey, settings = torch.full((3, 64, 64), 0.5), ExampleSettings(regions=1.0, faded=0.0)
    example = draw_example(grey, 2 * (torch.zeros(3, 64, 64),), settings, np.random.default_rng(1))
    assert float(example.rgb[:, example.thing[0] > 0].mean()) < 0.4


@pytest.mark.parametrize("mixed", [0.0, 1.0])
def test_a_thing_of_two_materials_is_one_thing(mixed: float) -> None:
    grey, others = torch.full((3, 64, 64), 0.5), (torch.zeros(3, 64, 64), torch.ones(3, 64, 64))
    settings = ExampleSettings(regions=0.0, faded=0.0, mixed=mixed)
    both = []
    for seed in range(12):
        example = draw_example(grey, others, settings, np.random.default_rng(seed))
        inside = example.rgb[0][example.thing[0] > 0]
        both.append(bool((inside < 0.1).any() and (inside > 0.9).any()))
    assert (any(both), all(both)) == ((True, False) if mixed else (False, False))


def test_blobs_are_something_and_not_everything() -> None:
    areas = [draw_blob(32, 48, np.random.default_rng(seed)).mean() for seed in range(200)]
    assert min(areas) > 0.0
    assert max(areas) < 0.7
    assert 0.03 < float(np.mean(areas)) < 0.25


def test_the_loss_is_small_for_the_thing_itself_and_blind_where_nothing_counts() -> None:
    thing = torch.zeros(1, 1, 8, 8)
    thing[..., 2:6, 2:6] = 1.0
    logits = (thing - 0.5) * 40.0
    right, parts = spread_loss(logits, thing, torch.ones_like(thing))
    assert float(right) < 1e-3
    assert float(parts["overlap"]) == 1.0
    assert float(spread_loss(-logits, thing, torch.ones_like(thing))[0]) > 10.0
    wrong = logits.clone()
    wrong[..., 0, 0] = 20.0
    weight = torch.ones_like(thing)
    weight[..., 0, 0] = 0.0
    torch.testing.assert_close(spread_loss(wrong, thing, weight)[0], right, atol=1e-5, rtol=0)


# ---- things that a segmenter knows ----

MARKED = np.zeros((80, 90), np.uint8)
MARKED[20:60, 25:70] = 1
WHITE = CutOut(np.where(MARKED[..., None] > 0, 250, 10).astype(np.uint8).repeat(3, axis=2), MARKED)
GREY = torch.full((3, 64, 64), 0.5)


@pytest.mark.parametrize("in_place", [0.0, 1.0])
def test_a_cut_out_lies_on_the_photo_or_stays_in_its_own(in_place: float) -> None:
    settings = ExampleSettings(regions=0.0, things=1.0, in_place=in_place, faded=0.0, mixed=0.0)
    for seed in range(12):
        example = draw_example(GREY, 2 * (GREY,), settings, np.random.default_rng(seed), [WHITE])
        thing = example.thing[0] > 0
        around = example.rgb[0][torch.nn.functional.max_pool2d(example.thing, 9, 1, 4)[0] == 0]
        assert float(example.rgb[0][thing].mean()) > 0.9
        assert float(around.mean()) == pytest.approx(10 / 255 if in_place else 0.5, abs=0.02)
        # Where its border lies in its own photo the segmenter only guesses.
        assert float(example.weight.min()) == pytest.approx(0.2 if in_place else 1.0)


def test_a_recipe_without_things_needs_none() -> None:
    for seed in range(12):
        draw_example(GREY, 2 * (GREY,), ExampleSettings(), np.random.default_rng(seed))


def test_things_that_are_missing_are_said_before_the_first_step(tmp_path: Path) -> None:
    recipe = replace(RECIPE, examples=ExampleSettings(regions=0.5, things=0.3))
    with pytest.raises(ValueError, match=r"expected things for 0\.3 of the examples, found none"):
        SpreadTrainer(tmp_path, recipe, KinemaNet(norm=False), (_photos(), []))
    with pytest.raises(ValueError, match=r"at most 1 together, found 1\.2"):
        ExampleSettings(regions=0.5, things=0.7)


def test_hints_lie_where_the_thing_is_widest_and_far_apart() -> None:
    settings = ExampleSettings(regions=0.0, things=1.0, in_place=1.0, more_hints=1.0, apart=1.0, inmost=1.0, others=0.0)
    for seed in range(12):
        example = draw_example(GREY, 2 * (GREY,), settings, np.random.default_rng(seed), [WHITE])
        rows, columns = (torch.nonzero(example.thing[0].any(dim=1 - axis)).flatten() for axis in (0, 1))
        middle = tuple(int((span.min() + span.max()) // 2) for span in (rows, columns))
        near = example.here[0, middle[0] - 6 : middle[0] + 7, middle[1] - 14 : middle[1] + 15]
        assert near.any(), "one in the middle"
        marked = torch.nonzero(example.here[0])
        reach = (marked.max(dim=0).values - marked.min(dim=0).values).max()
        assert float(reach) > 0.4 * max(len(rows), len(columns)), "and one far from it"


def test_a_run_learns_of_cut_outs(tmp_path: Path) -> None:
    recipe = replace(RECIPE, examples=ExampleSettings(regions=0.0, things=1.0))
    torch.manual_seed(3)
    trainer = SpreadTrainer(tmp_path, recipe, KinemaNet(norm=False), (_photos(), []), cut_outs=[WHITE])
    losses = []
    for _ in range(12):
        trainer.step = 0
        losses.append(trainer.train_step())
    assert losses[-1] < losses[0] - 0.4
