"""NoGAN: what its losses ask for, when the turns change and the run ends, and that each stage learns."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.training.made_nogan import NETWORK, RECIPE, SIDE, photos

from kinemacolor.models.networks.deoldify import DEEP, WIDE, Deoldify
from kinemacolor.models.networks.imagenet import normalised, restored
from kinemacolor.models.networks.mobilenet_v2 import MobileNetV2Encoder
from kinemacolor.models.official import official_network
from kinemacolor.training.coloured_photos import frechet_distance
from kinemacolor.training.deoldify_critic import Critic, accuracy, critic_loss, fooling_loss
from kinemacolor.training.deoldify_figures import HeldOut
from kinemacolor.training.deoldify_gan import GanTrainer
from kinemacolor.training.deoldify_pictures import grey_of, with_luma_of
from kinemacolor.training.deoldify_pretraining import CriticTrainer, GeneratorTrainer, freeze_encoder
from kinemacolor.training.deoldify_recipe import NOGAN_RECIPES, GanRecipe
from kinemacolor.training.feature_loss import FeatureLoss, FeatureWeights
from kinemacolor.training.proposing import frozen
from kinemacolor.training.stop_rule import StopRule


@pytest.fixture(scope="module")
def loss() -> FeatureLoss:
    torch.manual_seed(2)
    return FeatureLoss(frozen(MobileNetV2Encoder(), "cpu"), FeatureWeights(features=(0.1, 0.1, 0.1)))


@pytest.fixture(scope="module")
def held_out(loss: FeatureLoss) -> HeldOut:
    return HeldOut(photos(3), SIDE, loss)


def logs(folder: Path) -> list[dict[str, float]]:
    kept = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in ("minutes", "steps_per_second")} for line in kept]


# ---- pictures and losses ----


def test_normalising_is_undone_and_the_film_s_luma_stays() -> None:
    rgb = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(restored(normalised(rgb)), rgb, atol=1e-6)
    grey = torch.full_like(rgb, 0.5)
    colour = 0.45 + 0.1 * rgb
    assert torch.allclose(grey_of(with_luma_of(grey, colour)), grey, atol=1e-6)
    assert torch.allclose(with_luma_of(grey_of(colour), colour), colour, atol=1e-6)


def test_feature_loss_is_nothing_for_the_truth_and_its_parts_add_up(loss: FeatureLoss) -> None:
    truth = torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    assert float(loss(truth, truth)[0]) == 0
    total, parts = loss(truth + 0.1, truth)
    assert set(parts) == {"pixels", "features_4", "features_8", "features_16"}
    assert float(parts["pixels"]) == pytest.approx(0.1, rel=1e-4)
    assert float(total) == pytest.approx(sum(map(float, parts.values())), rel=1e-5)


def test_one_who_cannot_tell_pays_ln_2() -> None:
    even, sure = torch.zeros(2, 3), torch.full((2, 3), 9.0)
    assert float(critic_loss(even, even)) == pytest.approx(math.log(2))
    assert float(critic_loss(sure, -sure)) < 1e-3 < float(fooling_loss(-sure))
    assert float(accuracy(sure, -sure)) == 1.0
    assert float(accuracy(-sure, -sure)) == 0.5


def test_frechet_distance_of_clouds_whose_distance_is_known() -> None:
    cloud = torch.randn(500, 3, generator=torch.Generator().manual_seed(1))
    assert frechet_distance(cloud, cloud) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(cloud, cloud + torch.tensor([3.0, 0, 0])) == pytest.approx(9, rel=1e-5)
    mean = cloud.mean(dim=0)
    wider = (cloud - mean) * 2 + mean
    assert frechet_distance(cloud, wider) == pytest.approx(float((cloud - mean).square().mean(0).sum()), rel=1e-4)


# ---- the critic ----


def test_the_critic_has_the_names_and_the_size_of_the_authors() -> None:
    with torch.device("meta"):
        state = Critic().state_dict()
    assert state["0.0.weight_orig"].shape == (256, 3, 4, 4)
    assert state["4.2.gamma"].shape == (1,)
    assert state["10.0.weight_orig"].shape == (2048, 1024, 4, 4)
    assert state["12.0.weight_orig"].shape == (1, 2048, 4, 4)
    assert "12.0.bias" not in state


@pytest.mark.parametrize(("side", "places"), [(64, 1), (96, 9)])
def test_the_critic_judges_places(side: int, places: int) -> None:
    assert Critic(8)(torch.zeros(2, 3, side, side)).shape == (2, places)


def test_a_picture_too_small_to_judge_is_refused() -> None:
    with pytest.raises(ValueError, match="64 pixels, found 64 x 48"):
        Critic(8)(torch.zeros(1, 3, 48, 64))


# ---- recipes ----


def test_the_official_recipes_have_the_official_widths() -> None:
    assert NOGAN_RECIPES["artistic"].network == DEEP
    assert NOGAN_RECIPES["stable"].network == NOGAN_RECIPES["video"].network == WIDE
    assert [NOGAN_RECIPES[name].gan.feature_weight for name in ("artistic", "stable", "video")] == [2.0, 1.5, 1.5]
    assert [NOGAN_RECIPES[name].gan.repeats for name in ("artistic", "stable", "video")] == [5, 3, 1]
    assert NOGAN_RECIPES["video"].noise is not None


@pytest.mark.parametrize("name", ["artistic", "stable", "video"])
def test_what_is_trained_at_full_width_is_what_can_be_imported(name: str) -> None:
    with torch.device("meta"):
        ours, theirs = Deoldify(NOGAN_RECIPES[name].network), official_network(f"deoldify-{name}").make()
    shapes = [{key: value.shape for key, value in net.state_dict().items()} for net in (ours, theirs)]
    assert shapes[0] == shapes[1]


# ---- the stages ----


def generator_trainer(folder: Path, loss: FeatureLoss, held_out: HeldOut, steps: int) -> GeneratorTrainer:
    return GeneratorTrainer(folder, RECIPE, photos(), loss, held_out, steps=steps)


def test_a_few_steps_lower_feature_loss(tmp_path: Path, loss: FeatureLoss, held_out: HeldOut) -> None:
    trainer = generator_trainer(tmp_path, loss, held_out, 12)
    before = trainer.measure()
    trainer.run(log_every=4)
    assert trainer.measure()["held_out_loss"] < 0.9 * before["held_out_loss"]


def test_a_frozen_encoder_learns_in_its_norms_alone(tmp_path: Path, loss: FeatureLoss, held_out: HeldOut) -> None:
    trainer = generator_trainer(tmp_path, loss, held_out, 4)
    before = {name: value.clone() for name, value in trainer.net.state_dict().items()}
    trainer.train_step()
    changed = {name for name, value in trainer.net.state_dict().items() if not torch.equal(value, before[name])}
    assert "layers.0.0.weight" not in changed
    assert {"layers.0.1.weight", "layers.4.conv1.0.weight_orig"} <= changed
    trainer.step = 2
    trainer.train_step()
    assert not torch.equal(trainer.net.state_dict()["layers.0.0.weight"], before["layers.0.0.weight"])


def test_the_first_layers_learn_slower(tmp_path: Path, loss: FeatureLoss, held_out: HeldOut) -> None:
    trainer = generator_trainer(tmp_path, loss, held_out, 4)
    trainer.set_rates()
    rates = [group["lr"] for group in trainer.optimiser.param_groups]
    assert rates[0] * 10 == pytest.approx(rates[2])
    assert rates[0] < rates[1] < rates[2]
    assert trainer.optimiser.param_groups[0]["betas"] == (pytest.approx(0.95), 0.99)


def test_a_resumed_run_is_the_unbroken_one(tmp_path: Path, loss: FeatureLoss, held_out: HeldOut) -> None:
    def make(name: str) -> GanTrainer:
        torch.manual_seed(3)
        return GanTrainer(tmp_path / name, RECIPE, photos(), Deoldify(NETWORK), Critic(8), loss, held_out, steps=6)

    def kill(line: dict[str, float]) -> None:
        if line["step"] == 4:
            raise InterruptedError

    make("whole").run(log_every=2, save_minutes=0)
    with pytest.raises(InterruptedError):
        make("broken").run(log_every=2, save_minutes=0, on_log=kill)
    again = make("broken")
    assert again.resume()
    assert (again.step, len(again.looks)) == (2, 2)
    again.run(log_every=2, save_minutes=0)
    assert logs(tmp_path / "broken") == logs(tmp_path / "whole")
    states = [torch.load(tmp_path / name / "run.pt", weights_only=True) for name in ("whole", "broken")]
    assert all(torch.equal(value, states[1]["net"][key]) for key, value in states[0]["net"].items())
    assert states[0]["more"] == states[1]["more"]


def test_the_critic_learns_to_tell(tmp_path: Path, held_out: HeldOut) -> None:
    torch.manual_seed(4)
    trainer = CriticTrainer(tmp_path, RECIPE, photos(), Deoldify(NETWORK), held_out, steps=25)
    before = trainer.measure()
    trainer.run(log_every=25)
    after = trainer.measure()
    assert after["held_out_loss"] < 0.5 * before["held_out_loss"]
    assert after["held_out_accuracy"] == 1.0


def gan_trainer(folder: Path, loss: FeatureLoss, held_out: HeldOut, gan: GanRecipe, steps: int = 6) -> GanTrainer:
    torch.manual_seed(3)
    recipe = replace(RECIPE, gan=gan)
    return GanTrainer(folder, recipe, photos(), Deoldify(NETWORK), Critic(8), loss, held_out, steps=steps)


@pytest.mark.parametrize(("bound", "turns"), [(100.0, "CGCG"), (0.0, "CCCC")])
def test_the_generator_s_turn_comes_when_the_critic_is_good_enough(
    tmp_path: Path, loss: FeatureLoss, held_out: HeldOut, bound: float, turns: str
) -> None:
    trainer = gan_trainer(tmp_path, loss, held_out, replace(RECIPE.gan, switch_below=bound))
    seen = ""
    for _ in range(4):
        seen += "C" if trainer.critic_turn else "G"
        trainer.train_step()
    assert seen == turns


def test_whose_turn_it_is_not_stays_as_it_is(tmp_path: Path, loss: FeatureLoss, held_out: HeldOut) -> None:
    trainer = gan_trainer(tmp_path, loss, held_out, replace(RECIPE.gan, switch_below=100.0))

    def learned() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        generator, critic = trainer.generator.state_dict(), trainer.critic.state_dict()
        names = ("layers.7.conv1.0.weight_orig", "layers.0.0.weight")
        return generator[names[0]].clone(), critic["0.0.weight_orig"].clone(), generator[names[1]].clone()

    start = learned()
    trainer.train_step()
    after_critic = learned()
    trainer.train_step()
    after_generator = learned()
    assert torch.equal(start[0], after_critic[0])
    assert not torch.equal(start[1], after_critic[1])
    assert not torch.equal(after_critic[0], after_generator[0])
    assert torch.equal(after_critic[1], after_generator[1])
    assert torch.equal(start[2], after_generator[2]), "the encoder is frozen"


def test_a_run_ends_when_looks_bring_nothing_better(
    tmp_path: Path, loss: FeatureLoss, held_out: HeldOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = gan_trainer(tmp_path, loss, held_out, replace(RECIPE.gan, stop=StopRule(patience=2)), steps=9)
    figures = iter([5.0, 4.0, 4.5, 4.2, 1.0])
    monkeypatch.setattr(held_out, "measure", lambda net: {"held_out_frechet": next(figures)})
    trainer.run(log_every=1, save_minutes=0)
    assert (trainer.step, trainer.inflection, trainer.looks) == (3, 1, [5.0, 4.0, 4.5, 4.2])
    again = gan_trainer(tmp_path, loss, held_out, replace(RECIPE.gan, stop=StopRule(patience=2)), steps=9)
    again.resume()
    assert again.is_finished()


def test_freezing_is_undone() -> None:
    net = Deoldify(NETWORK)
    freeze_encoder(net, True)
    freeze_encoder(net, False)
    assert all(parameter.requires_grad for parameter in net.parameters())
