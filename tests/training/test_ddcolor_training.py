"""The training of DDColor: what its loss asks for, what a step does for it, and what comes out."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from tests.training.made_data import lay_out_for_kinema
from tests.training.made_nogan import photos

from kinemacolor.models.checkpoint import load_weights, save_weights
from kinemacolor.models.color import lab_to_srgb, srgb_to_lab
from kinemacolor.models.command import main as models_command
from kinemacolor.models.files.load import load_network
from kinemacolor.models.networks.ddcolor import LARGE, REDUCED, TINY, DDColor, DDColorSettings
from kinemacolor.models.networks.mobilenet_v2 import MobileNetV2Encoder
from kinemacolor.models.official import official_network
from kinemacolor.models.registry import describe_model, load_model
from kinemacolor.training import ddcolor
from kinemacolor.training.ddcolor_figures import HeldOut, coloured
from kinemacolor.training.ddcolor_loss import DDColorLoss, absolute_colourfulness, enhanced, joined
from kinemacolor.training.ddcolor_recipe import DDCOLOR_RECIPES, DDColorRecipe, DDColorWeights
from kinemacolor.training.ddcolor_trainer import DDColorTrainer
from kinemacolor.training.deoldify_pictures import grey_of
from kinemacolor.training.photos import CropSettings, centre_crops
from kinemacolor.training.proposing import frozen

NETWORK = DDColorSettings(
    depths=(1, 1, 1, 1),
    widths=(8, 8, 12, 16),
    decoder_width=16,
    queries=4,
    query_width=8,
    heads=2,
    inner_width=16,
    rounds=1,
)
SIDE = 32
RECIPE = DDColorRecipe(
    network=NETWORK,
    steps=6,
    warm_up_steps=2,
    rate=3e-3,
    critic_width=0,
    crops=CropSettings(count=2, side_px=SIDE),
    seed=7,
)


class Looks(MobileNetV2Encoder):
    """Sees the means of squares, quickly, in place of what the encoder sees."""

    def forward(self, rgb: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(F.avg_pool2d(10 * rgb, min(side, rgb.shape[-1])) for side in (2, 4, 8, 16, 32))


@pytest.fixture(scope="module")
def loss() -> DDColorLoss:
    return DDColorLoss(frozen(Looks(), "cpu"), DDColorWeights())


@pytest.fixture(scope="module")
def held_out(loss: DDColorLoss) -> HeldOut:
    return HeldOut(photos(3), SIDE, loss, 1.2)


def flat(*rgb: float) -> torch.Tensor:
    """(1, 3, 4, 4) of one colour."""
    return torch.tensor(rgb).view(1, 3, 1, 1).expand(-1, -1, 4, 4)


# ---- the target ----


def test_the_target_has_more_colour_on_the_same_luma() -> None:
    rgb = flat(0.5, 0.4, 0.45)
    target = enhanced(rgb, 1.2)
    assert torch.allclose(grey_of(target), grey_of(rgb), atol=1e-6)
    assert torch.allclose(target - grey_of(rgb), 1.2 * (rgb - grey_of(rgb)), atol=1e-6)
    assert torch.equal(enhanced(flat(0.3, 0.3, 0.3), 1.2), flat(0.3, 0.3, 0.3))
    assert float(enhanced(flat(1.0, 0.0, 0.0), 1.2).max()) == 1.0


# ---- the terms ----


def test_colourfulness_is_that_of_the_authors_formula() -> None:
    rgb = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    for picture, found in zip(rgb, absolute_colourfulness(rgb), strict=True):
        red, green, blue = picture
        opponents = ((red - green).abs(), (0.5 * (red + green) - blue).abs())
        spread = sum(one.std() ** 2 for one in opponents) ** 0.5
        mean = sum(one.mean() ** 2 for one in opponents) ** 0.5
        assert float(found) == pytest.approx(float(spread + 0.3 * mean), abs=2e-3)


def test_colourfulness_is_0_for_grey_and_grows_with_colour() -> None:
    assert float(absolute_colourfulness(flat(0.4, 0.4, 0.4))) == pytest.approx(0, abs=1e-4)
    lively = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    assert absolute_colourfulness(lively) > absolute_colourfulness(0.5 + 0.1 * lively) > 0


def test_the_terms_have_their_weights_and_add_up(loss: DDColorLoss) -> None:
    lab = srgb_to_lab(centre_crops(photos(2), SIDE))
    true_ab, target = lab[:, 1:], enhanced(lab_to_srgb(lab), 1.2)
    ab = true_ab + 3.0
    total, terms = loss(ab, true_ab, joined(lab[:, :1], ab), target)
    assert set(terms) == {"pixels", "perceptual", "dullness"}
    assert float(terms["pixels"]) == pytest.approx(0.1 * 3.0, rel=1e-5)
    assert float(total) == pytest.approx(sum(map(float, terms.values())), rel=1e-6)
    grey = loss(0 * ab, true_ab, joined(lab[:, :1], 0 * ab), target)[1]
    assert float(grey["dullness"]) == pytest.approx(2.0, abs=1e-3)
    assert grey["dullness"] > terms["dullness"]
    exact = loss(true_ab, true_ab, target, target)[1]
    assert (float(exact["pixels"]), float(exact["perceptual"])) == (0.0, 0.0)


def test_the_perceptual_term_asks_for_the_enhanced_target(loss: DDColorLoss) -> None:
    rgb = centre_crops(photos(1), SIDE)
    target, ab = enhanced(rgb, 1.2), srgb_to_lab(rgb)[:, 1:]
    distances = [float(loss(ab, ab, made, target)[1]["perceptual"]) for made in (target, rgb, grey_of(rgb))]
    assert distances[0] == 0 < distances[1] < distances[2]


def test_the_gradient_is_finite_at_black_white_and_out_of_gamut(loss: DDColorLoss) -> None:
    lightness = torch.tensor([0.0, 100.0, 50.0, 50.0]).view(4, 1, 1, 1).expand(-1, -1, 32, 32)
    ab = torch.tensor([0.0, 0.0, 0.0, 200.0]).view(4, 1, 1, 1).repeat(1, 2, 32, 32).requires_grad_()
    made = joined(lightness, ab)
    torch.autograd.backward(loss(ab, 0 * ab.detach(), made, made.detach().flip(0))[0])
    assert ab.grad is not None
    assert torch.isfinite(ab.grad).all()


# ---- recipes ----


def test_the_official_recipes_are_the_authors() -> None:
    large, tiny = DDCOLOR_RECIPES["l"], DDCOLOR_RECIPES["t"]
    assert (large.network, tiny.network) == (LARGE, TINY)
    for recipe in (large, tiny):
        assert (recipe.rate, recipe.critic_rate, recipe.weight_decay, recipe.betas) == (1e-4, 1e-4, 0.01, (0.9, 0.99))
        assert (recipe.crops.count, recipe.crops.side_px, recipe.steps, recipe.critic_width) == (16, 256, 400_000, 64)
        weights = recipe.loss
        assert (weights.pixels, weights.perceptual, weights.fooling, weights.enhancement) == (0.1, 5.0, 1.0, 1.2)
        assert weights.dullness == 0.5 * 4, "the authors add up four pictures of a GPU"


@pytest.mark.parametrize("size", ["t", "l", "reduced"])
def test_what_is_trained_is_what_can_be_imported(size: str) -> None:
    with torch.device("meta"):
        ours, theirs = DDColor(DDCOLOR_RECIPES[size].network), official_network(f"ddcolor-{size}").make()
    shapes = [{key: value.shape for key, value in net.state_dict().items()} for net in (ours, theirs)]
    assert shapes[0] == shapes[1]


def test_the_reduced_network_is_small() -> None:
    with torch.device("meta"):
        net = DDColor(REDUCED)
    assert sum(parameter.numel() for parameter in net.parameters()) == 2_290_152


# ---- a run ----


def trainer(
    folder: Path, loss: DDColorLoss, held_out: HeldOut | None = None, recipe: DDColorRecipe = RECIPE
) -> DDColorTrainer:
    return DDColorTrainer(folder, recipe, photos(), loss, held_out)


def test_a_few_steps_lower_the_loss(tmp_path: Path, loss: DDColorLoss, held_out: HeldOut) -> None:
    run = trainer(tmp_path, loss, held_out, replace(RECIPE, steps=40, rate=1e-2))
    before = run.measure()
    run.run(log_every=40)
    after = run.measure()
    assert after["held_out_loss"] < 0.98 * before["held_out_loss"]
    assert after["held_out_pixels"] < before["held_out_pixels"]
    assert after["grey_loss"] == before["grey_loss"]


@pytest.mark.parametrize("critic_width", [0, 4])
def test_a_resumed_run_is_the_unbroken_one(tmp_path: Path, loss: DDColorLoss, critic_width: int) -> None:
    late = CropSettings(count=2, side_px=64)
    recipe = replace(RECIPE, steps=4, critic_width=critic_width, crops=late if critic_width else RECIPE.crops)
    recipe = replace(recipe, late_crops=late, late_share=0.5)

    def kill(line: dict[str, float]) -> None:
        if line["step"] == 3:
            raise InterruptedError

    trainer(tmp_path / "whole", loss, recipe=recipe).run(log_every=1, save_minutes=0)
    with pytest.raises(InterruptedError):
        trainer(tmp_path / "broken", loss, recipe=recipe).run(log_every=1, save_minutes=0, on_log=kill)
    again = trainer(tmp_path / "broken", loss, recipe=recipe)
    assert again.resume()
    assert again.step == 2
    again.run(log_every=1, save_minutes=0)
    assert again.crops() == late
    states = [torch.load(tmp_path / name / "run.pt", weights_only=True)["net"] for name in ("whole", "broken")]
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())


def test_decay_and_betas_are_the_recipe_s(tmp_path: Path, loss: DDColorLoss) -> None:
    groups = trainer(tmp_path, loss, recipe=replace(RECIPE, critic_width=4)).optimiser.param_groups
    found = [(group["name"], group["weight_decay"], group["betas"]) for group in groups]
    assert found == [("net", 0.01, (0.9, 0.99)), ("critic", 0.0, (0.9, 0.99))]


def test_network_and_critic_learn_from_their_own_losses_alone(tmp_path: Path, loss: DDColorLoss) -> None:
    nothing = DDColorWeights(pixels=0.0, perceptual=0.0, dullness=0.0, fooling=0.0)
    recipe = replace(RECIPE, critic_width=4, crops=CropSettings(count=2, side_px=64))
    run = trainer(tmp_path, DDColorLoss(loss.features.encoder, nothing), recipe=replace(recipe, loss=nothing))
    torch.autograd.backward(run.draw_loss())
    assert all(one.grad is None or not one.grad.any() for one in run.net.parameters()), "nothing of the critic's"
    assert run.critic is not None
    own = {name: one.grad.clone() for name, one in run.critic.named_parameters() if one.grad is not None}
    assert any(bool(gradient.any()) for gradient in own.values())
    other = trainer(tmp_path, loss, recipe=recipe)
    torch.autograd.backward(other.draw_loss())
    assert other.critic is not None
    for name, one in other.critic.named_parameters():
        if name in own:
            assert one.grad is not None
            assert torch.allclose(one.grad, own[name], atol=1e-6), "nothing of the network's"
    assert any(one.grad is not None and bool(one.grad.any()) for one in other.net.parameters())


def test_singular_vectors_stay_in_full_precision_under_autocast() -> None:
    torch.manual_seed(1)
    net = DDColor(NETWORK).train()
    coloured(net, torch.rand(2, 1, 32, 32) * 100)
    kept = {name: value.dtype for name, value in net.state_dict().items() if name.endswith(("_u", "_v"))}
    assert set(kept.values()) == {torch.float32}


# ---- the command ----


class Command:
    """The program, on photos made here, with an encoder that is none."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._patch = folder, monkeypatch
        self._data = lay_out_for_kinema(folder, monkeypatch)
        monkeypatch.setattr(ddcolor, "pretrained_trunk", lambda data: frozen(Looks(), "cpu"))
        monkeypatch.setattr(ddcolor, "DDCOLOR_RECIPES", {"l": RECIPE, "reduced": RECIPE})

    def __call__(self, *arguments: str) -> int:
        usual = ["--out", str(self.folder / "run"), "--data", str(self._data), "--threads", "1", "--log-every", "1"]
        self._patch.setattr(sys, "argv", ["ddcolor", *usual, *arguments])
        return ddcolor.main()


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(tmp_path, monkeypatch)


def test_the_command_trains_goes_on_and_exports(command: Command, tmp_path: Path) -> None:
    assert command("--steps", "1") == 0
    assert command("--steps", "2") == 0
    assert torch.load(tmp_path / "run" / "run.pt", weights_only=True)["step"] == 2
    assert list((tmp_path / "run" / "samples").glob("*.png"))
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert {"pixels", "perceptual", "dullness", "held_out_ciede2000", "grey_ciede2000"} <= log[-1].keys()
    out = tmp_path / "ddcolor.safetensors"
    assert command("--export", str(out)) == 0
    net = DDColor(NETWORK)
    load_weights(out, net)
    assert torch.isfinite(net.eval()(torch.zeros(1, 3, 32, 32))).all()


def test_an_export_is_imported_and_said_to_be_no_authors_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KINEMACOLOR_MODELS", str(tmp_path / "models"))
    net, path = DDColor(REDUCED), tmp_path / "ddcolor-reduced.safetensors"
    save_weights(path, net, torch.float32)
    loaded = load_network("ddcolor-reduced", path)
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in loaded.state_dict().items())
    assert models_command(["get", "ddcolor-reduced"]) == 1
    assert "python -m kinemacolor.training.ddcolor trains one" in capsys.readouterr().err
    assert models_command(["import", "ddcolor-reduced", "--from", str(path)]) == 0
    assert "no authors' file: weights trained with this project" in capsys.readouterr().out
    frames = load_model("ddcolor-reduced+memory")
    assert frames.spec.frame == "ddcolor-reduced"
    assert "reduced width" in describe_model("ddcolor-reduced").description


def test_another_critic_is_another_recipe(command: Command) -> None:
    assert command("--steps", "1") == 0
    assert command("--steps", "2", "--critic-width", "4") == 1


def test_an_export_without_a_run_is_refused(command: Command, tmp_path: Path) -> None:
    assert command("--export", str(tmp_path / "x.safetensors")) == 1
