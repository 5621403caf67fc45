"""The command that trains DeOldify: three stages, gone on with, repeated, exported."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.training.made_data import lay_out_for_kinema
from tests.training.made_nogan import NETWORK, RECIPE

from kinemacolor.models.checkpoint import load_weights, save_weights
from kinemacolor.models.command import main as models_command
from kinemacolor.models.networks.deoldify import DEEP, Deoldify
from kinemacolor.models.networks.mobilenet_v2 import MobileNetV2Encoder
from kinemacolor.models.registry import describe_model, load_model
from kinemacolor.training import deoldify
from kinemacolor.training.proposing import frozen


class Command:
    """The program, on photos made here, with an encoder of random numbers."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._patch = folder, monkeypatch
        self._data = lay_out_for_kinema(folder, monkeypatch)
        monkeypatch.setattr(deoldify, "pretrained_trunk", lambda data: frozen(MobileNetV2Encoder(), "cpu"))
        monkeypatch.setattr(deoldify, "NOGAN_RECIPES", {"artistic": RECIPE, "artistic-cpu": RECIPE})

    def __call__(self, *arguments: str) -> int:
        usual = ["--out", str(self.folder / "run"), "--data", str(self._data), "--threads", "1"]
        self._patch.setattr(sys, "argv", ["deoldify", *usual, "--log-every", "1", *arguments])
        return deoldify.main()


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(tmp_path, monkeypatch)


def test_the_stages_follow_each_other_and_are_exported(command: Command, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert command("--stage", "generator", "--steps", "1") == 0
    assert command("--stage", "generator", "--steps", "2") == 0
    assert torch.load(run / "generator" / "run.pt", weights_only=True)["step"] == 2
    assert list((run / "generator" / "samples").glob("*.png"))
    for repeat in ("1", "2"):
        assert command("--stage", "critic", "--steps", "1", "--repeat", repeat) == 0
        assert command("--stage", "gan", "--steps", "2", "--repeat", repeat) == 0
    assert {path.name for path in run.iterdir()} == {"generator", "critic", "gan", "critic-2", "gan-2"}
    for stage in (["generator"], ["gan"], ["gan", "--repeat", "2"]):
        out = tmp_path / "exported.safetensors"
        assert command("--stage", *stage, "--export", str(out)) == 0
        net = Deoldify(NETWORK)
        load_weights(out, net)
        assert torch.isfinite(net.eval()(torch.zeros(1, 3, 32, 32))).all()
    assert command("--stage", "generator", "--start", str(out), "--steps", "1", "--out", str(tmp_path / "b")) == 0


def test_a_stage_needs_the_one_before_it(command: Command) -> None:
    assert command("--stage", "critic", "--steps", "1") == 1
    assert command("--stage", "gan", "--steps", "1") == 1


def test_a_critic_and_what_is_not_there_are_not_exported(command: Command, tmp_path: Path) -> None:
    out = str(tmp_path / "x.safetensors")
    assert command("--stage", "critic", "--export", out) == 1
    assert command("--stage", "gan", "--export", out) == 1


def test_a_run_of_another_recipe_is_refused(command: Command, tmp_path: Path) -> None:
    assert command("--stage", "generator", "--steps", "1") == 0
    path = tmp_path / "run" / "generator" / "recipe.json"
    recipe = json.loads(path.read_text())
    assert recipe["gan"]["feature_weight"] == 2.0
    assert command("--stage", "generator", "--steps", "2", "--seed", "8") == 1


def test_the_looks_that_the_stop_rule_counts_are_part_of_the_recipe(
    command: Command, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for stage in ("generator", "critic", "gan"):
        assert command("--stage", stage, "--steps", "1") == 0
    assert command("--stage", "generator", "--steps", "2", "--log-every", "2") == 0
    assert command("--stage", "gan", "--steps", "2", "--log-every", "2") == 1
    assert caplog.messages[-1].endswith("different: log_every")
    path = tmp_path / "run" / "gan" / "recipe.json"
    recipe = json.loads(path.read_text())
    del recipe["log_every"]  # as earlier versions wrote it
    path.write_text(json.dumps(recipe))
    assert command("--stage", "gan", "--steps", "2", "--log-every", "2") == 0
    assert json.loads(path.read_text())["log_every"] == 2


def test_an_export_of_the_reduced_size_is_imported_and_said_to_be_no_authors_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KINEMACOLOR_MODELS", str(tmp_path / "models"))
    net, path = Deoldify(replace(DEEP, width=8)), tmp_path / "deoldify-reduced.safetensors"
    save_weights(path, net, torch.float32)
    assert models_command(["get", "deoldify-reduced"]) == 1
    assert "python -m kinemacolor.training.deoldify trains one" in capsys.readouterr().err
    assert models_command(["import", "deoldify-reduced", "--from", str(path)]) == 0
    assert "no authors' file: weights trained with this project" in capsys.readouterr().out
    model = load_model("deoldify-reduced+memory")
    proposal = model.propose(torch.full((1, 1, 128, 160), 50.0))[0]
    assert model.step(model.init_state(), proposal).ab.shape == (2, 128, 160)
    assert "reduced width" in describe_model("deoldify-reduced").description
