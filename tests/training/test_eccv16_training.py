"""The training of eccv16: what its loss asks for, what a step does for it, and what comes out."""

import errno
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.training.made_data import lay_out_for_kinema

from kinemacolor.models.bins import published_bins
from kinemacolor.models.checkpoint import load_weights
from kinemacolor.models.networks.eccv16 import Eccv16
from kinemacolor.training import eccv16
from kinemacolor.training.curve import draw_curve
from kinemacolor.training.eccv16_trainer import (
    Eccv16Recipe,
    Eccv16Trainer,
    eccv16_loss,
    fold_temperature,
    is_coloured,
    joint_shares,
)
from kinemacolor.training.loss import RebalanceSettings, SoftEncoder, class_weights
from kinemacolor.training.photos import CropSettings, Picture
from kinemacolor.training.run_lock import alone_in

RECIPE = Eccv16Recipe(steps=6, width=4, warm_up_steps=2, crops=CropSettings(count=2, side_px=32), seed=7)


def photos(count: int = 4) -> list[Picture]:
    """Blue above, green below."""
    random, made = np.random.default_rng(1), []
    for _ in range(count):
        picture = np.zeros((40, 48, 3))
        picture[:20], picture[20:] = (90, 140, 220), (60, 150, 40)
        made.append((picture * random.uniform(0.7, 1.1, (40, 48, 1))).clip(0, 255).astype(np.uint8))
    return made


@pytest.fixture(scope="module")
def encoder() -> SoftEncoder:
    return SoftEncoder(published_bins())


def colour(a: float, b: float) -> torch.Tensor:
    return torch.tensor([a, b]).view(1, 2, 1, 1)


# ---- the soft encoding ----


def test_a_colour_is_shared_by_five_bins_as_computed_by_hand(encoder: SoftEncoder) -> None:
    index, weight = (value.view(-1) for value in encoder(colour(3.0, 14.0)))
    near = {(0, 10): 25, (0, 20): 45, (10, 10): 65, (10, 20): 85, (-10, 10): 185}  # squared distances
    total = sum(math.exp(-square / 50) for square in near.values())
    found = {tuple(map(int, published_bins()[place])): float(share) for place, share in zip(index, weight, strict=True)}
    assert found == pytest.approx({point: math.exp(-square / 50) / total for point, square in near.items()}, abs=1e-5)
    assert next(iter(found)) == (0, 10)


@pytest.mark.parametrize("neighbours", [5, 10])
def test_shares_sum_to_one_even_for_colours_beyond_the_gamut(neighbours: int) -> None:
    ab = torch.randint(-130, 130, (2, 2, 6, 6), generator=torch.Generator().manual_seed(0)).float()
    index, weight = SoftEncoder(published_bins(), neighbours)(ab)
    assert weight.shape == (2, 6, 6, neighbours)
    assert torch.allclose(weight.sum(-1), torch.ones(2, 6, 6))
    assert (weight.diff(dim=-1) <= 1e-6).all()
    assert int(index.max()) < 313


# ---- prior and weights ----


def test_the_prior_is_the_mean_encoding_of_the_photos(encoder: SoftEncoder) -> None:
    grey = np.full((8, 8, 3), 128, np.uint8)
    joint = joint_shares([grey], encoder)
    index, weight = (value.view(-1) for value in encoder(colour(0.0, 0.0)))
    assert torch.allclose(joint.sum(0)[index], weight, atol=1e-6)
    assert float(joint.sum(1)[index[0]]) == pytest.approx(1.0, abs=1e-6)
    assert float(joint_shares(photos(), encoder).sum()) == pytest.approx(1.0, abs=1e-6)


def test_the_weights_are_those_of_the_paper_with_expectation_one() -> None:
    prior = torch.from_numpy(np.random.default_rng(1).dirichlet(np.full(313, 0.02))).float()
    weights = class_weights(prior, RECIPE.rebalance)
    expected = 1 / (0.5 * prior + 0.5 / 313)
    assert torch.allclose(weights, expected / (prior * expected).sum(), rtol=1e-4)
    assert float((prior * weights).sum()) == pytest.approx(1.0, abs=1e-4)
    assert float(class_weights(prior, RebalanceSettings()).max()) <= 8.0 < float(weights.max())


# ---- the loss ----


def scores(index: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Logits of the truth."""
    share = torch.zeros(*index.shape[:3], 313).scatter_(-1, index, weight)
    return share.clamp_min(1e-12).log().permute(0, 3, 1, 2)


def test_the_truth_costs_its_entropy_and_everything_else_more(encoder: SoftEncoder) -> None:
    truth, other = colour(40.0, 30.0), colour(-40.0, 30.0)
    index, weight = encoder(truth)
    even = torch.ones(313)
    right = eccv16_loss(scores(index, weight), truth, encoder, even)
    assert float(right) == pytest.approx(float(-(weight * weight.log()).sum()), abs=1e-4)
    assert right < eccv16_loss(torch.zeros(1, 313, 1, 1), truth, encoder, even)
    assert right < eccv16_loss(scores(*encoder(other)), truth, encoder, even)


def test_a_place_is_weighted_by_the_class_of_its_likeliest_bin(encoder: SoftEncoder) -> None:
    truth = torch.cat((colour(40.0, 30.0), colour(-40.0, 30.0)), dim=-1)
    index, weight = encoder(truth)
    assert torch.equal(
        index[..., 0], torch.zeros_like(index[..., 0]) + index.gather(-1, weight.argmax(-1, True))[..., 0]
    )
    class_weight = torch.ones(313)
    class_weight[index[0, 0, 1, 0]] = 3.0
    logits = torch.zeros(1, 313, 1, 2)
    assert float(eccv16_loss(logits, truth, encoder, class_weight)) == pytest.approx(2 * math.log(313), rel=1e-5)


def test_grey_pictures_weigh_nothing_but_count(encoder: SoftEncoder) -> None:
    grey, vivid = colour(4.9, -4.9), colour(0.0, 5.1)
    assert is_coloured(torch.cat((grey, vivid))).tolist() == [False, True]
    class_weight = torch.ones(313)
    one = eccv16_loss(torch.zeros(1, 313, 1, 1), vivid, encoder, class_weight)
    both = eccv16_loss(torch.zeros(2, 313, 1, 1), torch.cat((grey, vivid)), encoder, class_weight)
    assert float(both) == pytest.approx(float(one) / 2, rel=1e-6)


# ---- a run ----


def trainer(folder: Path) -> Eccv16Trainer:
    return Eccv16Trainer(folder, RECIPE, photos(), photos(3))


def losses(folder: Path) -> list[tuple[float, float]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [(line["loss"], line["held_out_loss"]) for line in lines]


def test_a_resumed_run_is_the_unbroken_one(tmp_path: Path) -> None:
    trainer(tmp_path / "whole").run(log_every=2, save_minutes=0)

    def kill(line: dict[str, float]) -> None:
        if line["step"] == 4:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        trainer(tmp_path / "broken").run(log_every=2, save_minutes=0, on_log=kill)
    again = trainer(tmp_path / "broken")
    assert again.resume()
    assert again.step == 2
    again.run(log_every=2, save_minutes=0)
    assert losses(tmp_path / "broken") == losses(tmp_path / "whole")
    states = [torch.load(tmp_path / name / "run.pt", weights_only=True)["net"] for name in ("whole", "broken")]
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())


def test_a_few_steps_help_and_the_table_of_bins_stays(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    before = run.measure()
    assert before["held_out_loss"] == pytest.approx(before["best_constant_loss"], rel=0.02)
    run.run(log_every=2, save_minutes=0)
    assert run.measure()["held_out_loss"] < before["held_out_loss"]
    assert torch.allclose(run.net.model_out.weight.detach()[:, :, 0, 0].t() * 110, published_bins(), atol=1e-4)


def test_the_width_changes_shapes_and_no_names() -> None:
    with torch.device("meta"):
        full, narrow = Eccv16(), Eccv16(width=16)
    assert sum(parameter.numel() for parameter in full.parameters()) == 32_236_011
    assert sum(parameter.numel() for parameter in narrow.parameters()) == 2_033_211
    assert list(full.state_dict()) == list(narrow.state_dict())


def test_the_temperature_is_folded_into_what_is_exported() -> None:
    torch.manual_seed(1)
    net = Eccv16(width=4).eval()
    lightness = torch.rand(1, 1, 16, 16) * 100
    with torch.no_grad():
        plain = net.logits(lightness)
        fold_temperature(net)
        assert torch.allclose(net.logits(lightness), 2.606 * plain, rtol=1e-5)


# ---- the command ----


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Command":
    return Command(tmp_path, monkeypatch)


class Command:
    """The program, on photos made here."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._patch = folder, monkeypatch
        self._data = lay_out_for_kinema(folder, monkeypatch)

    def __call__(self, *arguments: str) -> int:
        usual = ["--out", str(self.folder / "run"), "--data", str(self._data), "--threads", "1"]
        size = ["--width", "4", "--batch", "2", "--side", "32"]
        self._patch.setattr(sys, "argv", ["eccv16", *usual, *size, *arguments])
        return eccv16.main()


def test_the_command_trains_goes_on_and_exports(command: Command, tmp_path: Path) -> None:
    assert command("--steps", "1") == 0
    assert command("--steps", "2") == 0
    assert torch.load(tmp_path / "run" / "run.pt", weights_only=True)["step"] == 2
    assert command("--steps", "3", "--width", "8") == 1
    out = tmp_path / "eccv16.safetensors"
    assert command("--export", str(out)) == 0
    layout = Eccv16(width=4).state_dict()
    found = load_file(out)
    assert {key: (value.dtype, value.shape) for key, value in found.items()} == {
        key: (value.dtype, value.shape) for key, value in layout.items()
    }
    net = Eccv16(width=4)
    load_weights(out, net)
    assert float(net(torch.full((1, 1, 16, 16), 50.0)).detach().abs().max()) <= 110


def test_a_second_training_in_a_folder_is_refused_and_changes_nothing(
    command: Command, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert command("--steps", "1") == 0
    before = {path: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    with alone_in(tmp_path / "run"):
        assert command("--steps", "2", "--seed", "9") == 1
    assert caplog.messages[-1] == f"another training is at work in {tmp_path / 'run'}"
    assert {path: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before
    assert command("--steps", "2") == 0


@pytest.mark.parametrize("missing", [errno.ENOLCK, errno.ENOTSUP])
def test_a_file_system_without_locks_is_no_hindrance(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: int
) -> None:
    def none(*_: object) -> None:
        raise OSError(missing, "none here")

    monkeypatch.setattr("fcntl.flock", none)
    assert command("--steps", "1") == 0
    assert (tmp_path / "run" / "run.pt").exists()


def test_a_folder_that_was_there_before_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for name in ("mine", "made"):
        with alone_in(tmp_path / name):
            assert (tmp_path / name).is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_ctrl_c_is_one_line_and_the_run_can_be_gone_on_with(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert command("--steps", "1") == 0
    with monkeypatch.context() as patch:
        patch.setattr(Eccv16Trainer, "train_step", interrupt)
        assert command("--steps", "2") == 130
    assert caplog.messages[-1].startswith("interrupted; the same command goes on")
    assert command("--steps", "2") == 0
    assert torch.load(tmp_path / "run" / "run.pt", weights_only=True)["step"] == 2


def interrupt(_: Eccv16Trainer) -> float:
    raise KeyboardInterrupt


def test_an_export_without_a_run_is_refused(command: Command, tmp_path: Path) -> None:
    assert command("--export", str(tmp_path / "x.safetensors")) == 1


def test_a_curve_has_its_levels() -> None:
    picture = draw_curve({50: 5.0, 100: 4.0}, {"the prior everywhere": 5.5})
    assert "the prior everywhere: 5.5" in picture
    assert picture.count("dasharray") == 1
    assert "dasharray" not in draw_curve({50: 5.0, 100: 4.0})
    assert ">loss<" in picture
    assert ">a &lt; b<" in draw_curve({50: 5.0}, name="a < b")
    lines = [line.split('"')[1] for line in draw_curve({1: 5.0, 2: 1.0}, smoothing=1.0).splitlines() if "poly" in line]
    assert lines[0] == lines[1], "without smoothing thick and thin are one"
