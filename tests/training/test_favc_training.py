"""The training of `favc` at reduced size: what its losses ask for, where it begins, what a run leaves."""

import hashlib
import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from kinemacolor.models import load_network
from kinemacolor.models.command import main as models_command
from kinemacolor.models.networks.favc import FavcColour, FavcPainter, FavcRefine
from kinemacolor.models.networks.favc_refinement import refinement_input
from kinemacolor.models.networks.mobile_trunk import TRUNK_CHANNELS, MobileTrunk
from kinemacolor.models.networks.mobilenet_v2 import MobileNetV2Encoder
from kinemacolor.models.networks.sizes import favc_refine_reduced
from kinemacolor.models.registry import load_model
from kinemacolor.models.selftest import sample_lightness
from kinemacolor.training import favc
from kinemacolor.training.data import TrainingData
from kinemacolor.training.favc import main
from kinemacolor.training.favc_loss import (
    ColourLoss,
    Pair,
    RefineLoss,
    colour_loss,
    distances,
    nearest_neighbours,
    rank_diverse,
    refine_loss,
    self_regularisation,
)
from kinemacolor.training.favc_refine_trainer import FavcRefineTrainer, RefineRecipe
from kinemacolor.training.favc_start import begin_as_grey, begin_as_mean
from kinemacolor.training.favc_trainer import ColourRecipe, FavcColourTrainer
from kinemacolor.training.motion import MotionSettings
from kinemacolor.training.recipe import EncoderSource, read_recipe

SIDE = 32
MOTION = MotionSettings(frames=2, side_px=SIDE)


def uniform(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def like_a_pyramid(rgb: Tensor) -> list[Tensor]:
    return [rgb] * 5


# ---- losses ----


def test_the_best_picture_counts_and_each_a_little_by_its_place() -> None:
    found = rank_diverse(torch.tensor([[1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0]]))
    weights = torch.tensor([0.16, 0.08, 0.04, 0.02])
    first = 1 + float((weights * torch.arange(1.0, 5.0)).sum())
    last = 1 + float((weights * torch.arange(4.0, 0.0, -1.0)).sum())
    assert found.tolist() == pytest.approx([first, last])
    assert last > first, "the first picture is to be the likeliest"


def test_distances_are_by_picture() -> None:
    truth = uniform(2, 3, 16, 16)
    colour = torch.cat((truth, truth + 0.1, truth + 0.2, truth), dim=1)
    found = distances(colour, truth, like_a_pyramid)
    assert found.shape == (2, 4)
    assert found[:, 0].tolist() == found[:, 3].tolist() == [0.0, 0.0]
    assert torch.allclose(found[:, 2], 2 * found[:, 1], rtol=1e-4)


def test_neighbours_are_the_nearest_in_colour_and_place_and_not_itself() -> None:
    halves = torch.zeros(1, 3, 16, 16)
    halves[..., 8:] = 1.0
    found = nearest_neighbours(halves)
    assert found.shape == (1, 5, 64)
    place = torch.arange(64)
    assert (found != place).all()
    assert ((found % 8 >= 4) == (place % 8 >= 4)).all(), "those of the same half"
    assert ((found[0, 0] // 8 - place // 8).abs() + (found[0, 0] % 8 - place % 8).abs()).max() == 1


def test_a_picture_that_is_like_its_neighbours_costs_nothing() -> None:
    halves = torch.zeros(1, 3, 16, 16)
    halves[..., 8:] = 1.0
    places = nearest_neighbours(halves)
    assert float(self_regularisation(halves.repeat(1, 4, 1, 1), places)) == 0.0
    assert float(self_regularisation(uniform(1, 12, 16, 16), places)) > 0.1


def test_colour_that_moves_with_the_film_is_calm_and_other_colour_pays() -> None:
    truth = uniform(1, 3, 16, 16)
    colour = uniform(1, 12, 16, 16)
    flow = torch.zeros(1, 2, 16, 16)
    flow[:, 0] = -2.0
    only = ColourLoss(diverse=0.0, temporal=1.0, bilateral=0.0)

    def loss(after: Tensor, truth_after: Tensor) -> float:
        return float(colour_loss(Pair(colour, after, truth, truth_after, flow), like_a_pyramid, only))

    moved = colour.roll(2, -1), truth.roll(2, -1)
    assert loss(*moved) < 1e-6
    assert loss(colour, moved[1]) > 0.1
    assert loss(colour, 1 - moved[1]) < 0.1, "where the truth does not stay nothing is asked"


def step_of(before: float, after: float, grey_step: float = 0.0) -> tuple[Tensor, ...]:
    colour_before, colour = torch.full((1, 3, 32, 32), before), torch.full((1, 3, 32, 32), after)
    colour[:, 0] += 0.2
    grey = torch.full((1, 1, 32, 32), 0.5)
    return colour_before, colour, grey, grey + grey_step


def terms(refined: Tensor, step: tuple[Tensor, ...], **weights: float) -> float:
    only = RefineLoss(**({"truth": 0.0, "low": 0.0, "keep": 0.0, "calm": 0.0, "fade": 0.0} | weights))
    seen = refinement_input(*step, torch.zeros(1, 2, 32, 32))
    return float(refine_loss(seen, step[1], refined, torch.full_like(refined, 0.3), only))


def test_the_refined_frame_is_to_be_like_the_one_before_where_only_colour_changed() -> None:
    step = step_of(0.4, 0.6)
    before, colour = step[0], step[1]
    assert terms(before, step, low=1.0, keep=1.0) == pytest.approx(0.0, abs=1e-6)
    assert terms(colour, step, low=1.0, keep=1.0) > 0.1
    changed = step_of(0.4, 0.6, grey_step=0.2)
    assert terms(colour, changed, low=1.0, keep=1.0, calm=1.0) == pytest.approx(0.0, abs=1e-6)
    assert terms(before, changed, low=1.0, keep=1.0) > 0.1
    assert terms(torch.full_like(colour, 0.3), step, truth=1.0) == pytest.approx(0.0, abs=1e-6)


def test_calm_below_the_threshold_and_fading_are_seen_by_the_terms_that_are_ours() -> None:
    slight = (torch.full((1, 3, 32, 32), 0.5), torch.full((1, 3, 32, 32), 0.5), *step_of(0.0, 0.0)[2:])
    slight[1][:, 0] += 0.04
    assert terms(slight[1], slight, low=1.0, keep=1.0) == pytest.approx(0.0, abs=1e-6)
    assert terms(slight[1], slight, calm=1.0) > 0.005
    assert terms(slight[0], slight, fade=1.0) > 0.01
    assert terms(slight[1] + 0.1, slight, fade=1.0) == pytest.approx(0.0, abs=1e-5)


# ---- where it begins ----


def test_the_colour_network_begins_at_grey() -> None:
    network = FavcColour(TRUNK_CHANNELS, 4)
    begin_as_grey(network)
    for parameter_name, parameter in network.named_parameters():
        if parameter_name == "conv9_2.weight":
            with torch.no_grad():
                parameter[:, 3:] = 0.0
    grey = uniform(1, 1, SIDE, SIDE)
    found = FavcPainter(MobileTrunk(MobileNetV2Encoder()), network)(grey)
    assert torch.allclose(found, grey.expand_as(found), atol=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_the_refinement_begins_at_a_mean_of_both_frames(share: float) -> None:
    network = FavcRefine(4)
    begin_as_mean(network, share)
    with torch.no_grad():
        network.layer("conv9_2").weight[:, 3:] = 0.0
    planes = uniform(1, 18, SIDE, SIDE)
    expected = share * planes[:, 3:6] + (1 - share) * planes[:, 6:9]
    assert torch.allclose(network(planes), expected, atol=1e-5)
    with pytest.raises(ValueError, match="share"):
        begin_as_mean(network, 1.0)


# ---- runs ----


def material() -> tuple[MobileNetV2Encoder, list[np.ndarray], list[np.ndarray]]:
    random = np.random.default_rng(1)
    clips = [random.integers(0, 256, (5, SIDE, SIDE, 3)).astype(np.uint8)]
    photos = [random.integers(0, 256, (2 * SIDE, 2 * SIDE, 3)).astype(np.uint8) for _ in range(3)]
    torch.manual_seed(2)
    return MobileNetV2Encoder(), clips, photos


def colour_trainer(folder: Path) -> FavcColourTrainer:
    return FavcColourTrainer(folder, ColourRecipe(steps=4, width=4, count=1, motion=MOTION), *material())


def refine_trainer(folder: Path) -> FavcRefineTrainer:
    encoder, clips, photos = material()
    recipe = RefineRecipe(steps=4, width=4, count=1, motion=MotionSettings(frames=3, side_px=SIDE))
    return FavcRefineTrainer(folder, recipe, FavcColour(TRUNK_CHANNELS, 4), encoder, clips, photos)


@pytest.mark.parametrize("make", [colour_trainer, refine_trainer])
def test_a_run_repeats_and_goes_on_where_it_stopped(tmp_path: Path, make: type) -> None:
    one, other = make(tmp_path / "a"), make(tmp_path / "b")
    losses = [one.train_step() for _ in range(3)]
    assert all(np.isfinite(losses))
    assert [other.train_step() for _ in range(2)] == losses[:2]
    other.save()
    again = make(tmp_path / "b")
    assert again.resume()
    assert again.train_step() == losses[2]
    assert all(torch.equal(a, b) for a, b in zip(one.net.parameters(), again.net.parameters(), strict=True))


def left_by(folder: Path, trainer: FavcColourTrainer | FavcRefineTrainer, stage: str) -> Path:
    trainer.train_step()
    trainer.save()
    (folder / "recipe.json").write_text(json.dumps({"stage": stage, "width": 4}))
    return folder


def encoder_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data folder with the encoder of the runs, which the exporter takes for that of the recipe."""
    convolutions = material()[0].convolutions()
    state = {
        f"c{index:02d}.{name}": value
        for index, one in enumerate(convolutions)
        for name, value in one.state_dict().items()
    }
    folder.mkdir()
    torch.save({"state": state}, folder / "encoder.pt")
    digest = hashlib.sha256((folder / "encoder.pt").read_bytes()).hexdigest()
    source = EncoderSource(file="encoder.pt", sha256=digest, origin="made")
    monkeypatch.setattr(favc, "read_recipe", lambda name: replace(read_recipe(name), encoder=source))


def test_what_a_run_has_learned_is_exported_with_its_encoder_and_colours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KINEMACOLOR_MODELS", str(tmp_path / "models"))
    encoder_file(tmp_path / "data", monkeypatch)
    out, trainers = tmp_path / "weights", {"colour": colour_trainer, "refine": refine_trainer}
    files = {"colour": "favc-reduced", "refine": "favc-refine-reduced"}
    for stage, make in trainers.items():
        run = left_by(tmp_path / stage, make(tmp_path / stage), stage)
        monkeypatch.setattr(sys, "argv", ["favc", f"--out={run}", f"--export={out}", f"--data={tmp_path / 'data'}"])
        assert main() == 0
        data = (out / f"{files[stage]}.safetensors").read_bytes()
        card = json.loads((out / f"{files[stage]}.json").read_text())
        assert hashlib.sha256(data).hexdigest() == card["sha256"]
    colour, refine = (str(out / f"{name}.safetensors") for name in files.values())
    assert models_command(["import", "favc-reduced", "--from", colour, "--refine", refine]) == 0
    painter = load_network("favc-reduced", Path(colour))
    assert isinstance(painter, FavcPainter)
    average = torch.load(tmp_path / "colour" / "run.pt", weights_only=True)["average"]
    assert all(torch.equal(value, average[key]) for key, value in painter.network.state_dict().items())
    rgb = uniform(1, 3, 64, 64)
    pairs = zip(painter.trunk(rgb), MobileTrunk(material()[0])(rgb), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    model = load_model("favc-reduced")
    state = model.init_state()
    for proposal in model.with_variant(4).propose(sample_lightness(2, 64, 64)):
        result = model.step(state, proposal)
        state = result.state
        assert torch.isfinite(result.ab).all()


def test_without_the_data_the_encoder_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("KINEMACOLOR_DATA", raising=False)
    run = left_by(tmp_path / "run", colour_trainer(tmp_path / "run"), "colour")
    monkeypatch.setattr(sys, "argv", ["favc", f"--out={run}", f"--export={tmp_path / 'out'}"])
    assert main() == 1
    assert "expected the folder of the data, for the encoder" in caplog.text
    assert not (tmp_path / "out").exists()


def test_a_run_without_a_checkpoint_is_not_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["favc", "--out", str(tmp_path), "--export", str(tmp_path)])
    assert main() == 1


# ---- the command and runs that are there already ----


class Command:
    """The program on made pictures, with small steps."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
        self.folder, self._patch, self._log = folder, monkeypatch, caplog
        encoder, clips, photos = material()
        data = TrainingData(small=photos, large=[], clips=clips, held_out=[], trunk=None)
        monkeypatch.setattr(favc, "_read", lambda arguments: (data, encoder))
        three = MotionSettings(frames=3, side_px=SIDE)
        monkeypatch.setattr(favc, "ColourRecipe", partial(ColourRecipe, count=1, motion=MOTION))
        monkeypatch.setattr(favc, "RefineRecipe", partial(RefineRecipe, count=1, motion=three))

    def __call__(self, run: str, *arguments: str) -> int:
        usual = [f"--out={self.folder / run}", f"--data={self.folder}", "--threads=1", "--steps=1", "--width=4"]
        self._patch.setattr(sys, "argv", ["favc", *usual, *arguments])
        return main()

    def refuses(self, run: str, *arguments: str) -> str:
        """One line, and nothing written."""
        before = self._files()
        self._log.clear()
        assert self(run, *arguments) == 1
        assert self._files() == before
        (line,) = [record.getMessage() for record in self._log.records]
        assert "\n" not in line
        return line

    def _files(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file()}


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Command:
    return Command(tmp_path, monkeypatch, caplog)


def test_a_run_of_another_recipe_is_refused_and_left_as_it_is(command: Command, tmp_path: Path) -> None:
    colour = f"--colour={tmp_path / 'colour'}"
    assert command("colour") == 0
    assert command("colour", "--steps=2") == 0, "only longer"
    assert torch.load(tmp_path / "colour" / "run.pt", weights_only=True)["step"] == 2
    assert "different: seed" in command.refuses("colour", "--seed=5")
    assert "different: width" in command.refuses("colour", "--width=5")
    assert "stage" in command.refuses("colour", "--stage=refine", colour)
    assert command("refine", "--stage=refine", colour) == 0
    assert command("refine", "--stage=refine", colour) == 0, "the same again"
    assert "stage" in command.refuses("refine")
    assert command("other", "--seed=5") == 0
    assert "different: colour" in command.refuses("refine", "--stage=refine", f"--colour={tmp_path / 'other'}")


def test_what_is_no_colour_run_is_not_refined(command: Command, tmp_path: Path) -> None:
    bad = tmp_path / "bad"

    def refused() -> str:
        return command.refuses("refine", "--stage=refine", f"--colour={bad}")

    assert "--colour RUN" in command.refuses("refine", "--stage=refine")
    assert "expected a run with a checkpoint, found none" in refused()
    bad.mkdir()
    (bad / "run.pt").write_bytes(b"no checkpoint")
    assert "found a damaged one" in refused()
    torch.save({"average": {"other": torch.zeros(1)}, "step": 1}, bad / "run.pt")
    assert "expected a run with its recipe.json, found none" in refused()
    for recipe in ("no JSON", "[1]", "{}", '{"stage": "refine"}', '{"stage": "colour"}'):
        (bad / "recipe.json").write_text(recipe)
        assert str(bad) in refused()
    (bad / "recipe.json").write_text('{"stage": "colour", "width": 4}')
    assert "expected weights of the stage colour at width 4, found others" in refused()
    assert not (tmp_path / "refine").exists()


def test_a_run_without_its_recipe_is_not_exported(command: Command, tmp_path: Path) -> None:
    assert command("run") == 0
    recipe = tmp_path / "run" / "recipe.json"
    recipe.unlink()
    assert "recipe.json" in command.refuses("run", f"--export={tmp_path / 'out'}")
    recipe.write_text("{}")
    assert "expected a run of this trainer" in command.refuses("run", f"--export={tmp_path / 'out'}")


@pytest.mark.parametrize("width", [0, 32, 64])
def test_a_width_that_no_model_takes_is_refused_before_training(command: Command, tmp_path: Path, width: int) -> None:
    assert f"--width {width}: expected 1 to 31" in command.refuses("run", f"--width={width}")
    refine = ("--stage=refine", f"--colour={tmp_path / 'run'}", f"--width={width}")
    assert f"--width {width}: expected 1 to 31" in command.refuses("refine", *refine)


def test_the_widest_that_can_be_trained_is_the_widest_that_is_taken() -> None:
    def taken(width: int) -> int:
        return favc_refine_reduced(FavcRefine(width).state_dict()).layer("conv1_1").out_channels

    assert taken(31) == 31
    assert taken(32) != 32
