"""The joint training of zhao: what its losses ask for, what moves and what stays, and what comes out."""

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from kinemacolor.models import load_network
from kinemacolor.models.networks.eccv16 import Eccv16
from kinemacolor.models.networks.sizes import zhao_of_paper, zhao_reduced
from kinemacolor.models.networks.zhao import Zhao
from kinemacolor.training import curves, zhao
from kinemacolor.training.eccv16_trainer import fold_temperature
from kinemacolor.training.errors import RecipeError
from kinemacolor.training.labelled import IGNORED, Labelled
from kinemacolor.training.photos import CropSettings
from kinemacolor.training.zhao_loss import class_loss, class_shares, confusion, mean_iou
from kinemacolor.training.zhao_trainer import ZhaoRecipe, ZhaoTrainer

RECIPE = ZhaoRecipe(
    steps=6,
    width=4,
    rate=2e-3,
    branch_rate=2e-3,
    warm_up_steps=2,
    segmentation_weight=1.0,
    norm="usual",
    crops=CropSettings(count=4, side_px=32),
    seed=7,
)


def examples(count: int = 4) -> list[Labelled]:
    """Blue above, green below; below is class 3, and between lies a border."""
    random, made = np.random.default_rng(1), []
    for _ in range(count):
        picture, labels = np.zeros((40, 48, 3)), np.zeros((40, 48), np.uint8)
        picture[:20], picture[20:] = (90, 140, 220), (60, 150, 40)
        labels[20:], labels[19:21] = 3, IGNORED
        codes = (picture * random.uniform(0.7, 1.1, (40, 48, 1))).clip(0, 255).astype(np.uint8)
        made.append(Labelled(codes, labels))
    return made


def a_trunk(width: int = 4) -> dict[str, torch.Tensor]:
    torch.manual_seed(5)
    return {key: value.clone() for key, value in Eccv16(width).state_dict().items()}


def trainer(folder: Path, recipe: ZhaoRecipe = RECIPE, trunk: bool = False) -> ZhaoTrainer:
    return ZhaoTrainer(folder, recipe, examples(), examples(3), a_trunk() if trunk else None)


# ---- the loss of the classes ----


def test_places_without_a_class_cost_nothing() -> None:
    logits = torch.randn(1, 5, 2, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    labels = torch.tensor([[[1, IGNORED], [IGNORED, 2]]])
    loss = class_loss(logits, labels)
    one, two = (logits[0, :, row, row].log_softmax(0)[label] for row, label in ((0, 1), (1, 2)))
    assert float(loss.detach()) == pytest.approx(-float((one + two).detach()) / 2, rel=1e-5)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert not gradient[0, :, 0, 1].any()
    assert not gradient[0, :, 1, 0].any()
    assert float(class_loss(logits.detach(), torch.full((1, 2, 2), IGNORED))) == 0.0


def test_shares_and_iou_are_counted_without_the_border() -> None:
    labels = torch.tensor([[[0, 0, 1, IGNORED]]])
    assert class_shares(labels, 3).tolist() == pytest.approx([3 / 6, 2 / 6, 1 / 6])
    logits = torch.eye(3)[[0, 1, 1, 2]].T.view(1, 3, 1, 4)  # says 0, 1, 1, 2
    counts = confusion(logits, labels)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert mean_iou(counts) == pytest.approx((1 / 2 + 1 / 2) / 2), "the third class is not in the labels"
    assert mean_iou(torch.zeros(3, 3)) == 0.0


# ---- a run ----


def lines(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_both_losses_fall(tmp_path: Path) -> None:
    run = trainer(tmp_path, replace(RECIPE, steps=12))
    before = run.measure()
    assert before["held_out_loss"] == pytest.approx(before["best_constant_loss"], rel=0.02)
    assert before["held_out_classes"] == pytest.approx(before["constant_classes"], rel=0.02)
    run.run(log_every=4, save_minutes=0)
    found = run.measure()
    assert found["held_out_loss"] < before["held_out_loss"]
    assert found["held_out_classes"] < before["held_out_classes"]
    first, second, *_ = lines(tmp_path)
    assert first["step"] == 0
    assert first["held_out_loss"] == before["held_out_loss"]
    assert {"colour", "classes"} <= second.keys()


def test_the_sum_has_the_weights_that_were_asked_for(tmp_path: Path) -> None:
    def parts(**more: float) -> tuple[float, dict[str, float]]:
        run = trainer(tmp_path, replace(RECIPE, **more))  # type: ignore[arg-type]
        return float(run.draw_loss().detach()), run.parts.take()

    loss, part = parts(colour_weight=1.0, segmentation_weight=100.0)
    assert loss == pytest.approx((part["colour"] + 100 * part["classes"]) / 101, rel=1e-5)
    loss, part = parts(colour_weight=1.0, segmentation_weight=0.0)
    assert loss == pytest.approx(part["colour"], rel=1e-6)
    with pytest.raises(RecipeError, match="weight above 0"):
        parts(colour_weight=0.0, segmentation_weight=0.0)


@pytest.mark.parametrize("more", [{}, {"branch_steps": 3}, {"norm": "frozen"}])
def test_a_resumed_run_is_the_unbroken_one(tmp_path: Path, more: dict[str, object]) -> None:
    recipe = replace(RECIPE, **more)  # type: ignore[arg-type]
    trainer(tmp_path / "whole", recipe, trunk=True).run(log_every=2, save_minutes=0)

    def kill(line: dict[str, float]) -> None:
        if line["step"] == 4:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        trainer(tmp_path / "broken", recipe, trunk=True).run(log_every=2, save_minutes=0, on_log=kill)
    again = trainer(tmp_path / "broken", recipe, trunk=True)
    assert again.resume()
    assert again.step == 2
    again.run(log_every=2, save_minutes=0)
    both = [
        [(line.get("loss"), line["held_out_loss"]) for line in lines(tmp_path / name)] for name in ("whole", "broken")
    ]
    assert both[0] == both[1]
    states = [torch.load(tmp_path / name / "run.pt", weights_only=True)["net"] for name in ("whole", "broken")]
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())


def state_of(run: ZhaoTrainer) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in run.net.state_dict().items()}


def test_the_trunk_stays_while_the_branch_learns_alone(tmp_path: Path) -> None:
    run = trainer(tmp_path, replace(RECIPE, branch_steps=3), trunk=True)
    before = state_of(run)
    for _ in range(3):
        run.train_step()
    changed = {key.split(".")[0] for key, value in state_of(run).items() if not torch.equal(value, before[key])}
    assert changed == {"segment5", "segment6", "segment7", "segment9"}
    run.train_step()
    assert not torch.equal(run.net.model1[0].weight, before["model1.0.weight"])


@pytest.mark.parametrize(("norm", "share"), [("frozen", 0.0), ("slow", 0.01), ("usual", 0.1)])
def test_statistics_follow_as_asked_and_bins_never_move(tmp_path: Path, norm: str, share: float) -> None:
    run = trainer(tmp_path, replace(RECIPE, norm=norm), trunk=True)  # type: ignore[arg-type]
    means: list[torch.Tensor] = []
    layer = run.net.model1[4]
    layer.register_forward_pre_hook(lambda _, given: means.append(given[0].float().mean((0, 2, 3))))
    before = state_of(run)
    run.train_step()
    moved = layer.running_mean - before["model1.4.running_mean"]
    assert torch.allclose(moved, share * (means[0] - before["model1.4.running_mean"]), atol=1e-4)
    assert torch.equal(run.net.model_out.weight, before["model_out.weight"])


def test_frozen_statistics_need_a_trunk(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="expected a trunk"):
        trainer(tmp_path, replace(RECIPE, norm="frozen"))


def test_class_weights_in_the_labels_are_each_bin_s_own(tmp_path: Path) -> None:
    run = trainer(tmp_path, replace(RECIPE, weights_in_labels=True))
    plain = trainer(tmp_path)
    for each in (run, plain):
        each.class_weight = torch.ones(313)
    assert torch.allclose(run.draw_loss(), plain.draw_loss())


def test_it_begins_with_the_trunk_s_colours(tmp_path: Path) -> None:
    run = trainer(tmp_path, trunk=True)
    plain = Eccv16(4)
    plain.load_state_dict(a_trunk())
    lightness = torch.rand(1, 1, 16, 16) * 100
    fold_temperature(run.net)
    with torch.no_grad():
        assert torch.allclose(run.net.eval().logits(lightness), plain.eval().logits(lightness), rtol=1e-4, atol=1e-5)


# ---- the command ----


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Command":
    return Command(tmp_path, monkeypatch)


class Command:
    """The program, on a COCO-Stuff made here."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._patch = folder, monkeypatch
        self.write("train2017", examples(8))
        monkeypatch.setattr(zhao, "_HELD_OUT_ONE_IN", 3)

    def write(self, split: str, pairs: Sequence[Labelled]) -> None:
        photos, maps = (self.folder / "coco" / kind / split for kind in ("images", "annotations"))
        for folder in (photos, maps):
            folder.mkdir(parents=True)
        for index, one in enumerate(pairs):
            cv2.imwrite(str(photos / f"{index}.jpg"), one.picture[:, :, ::-1])
            cv2.imwrite(str(maps / f"{index}.png"), one.labels)

    def __call__(self, *arguments: str) -> int:
        usual = ["--out", str(self.folder / "run"), "--data", str(self.folder), "--threads", "1"]
        size = ["--batch", "2", "--side", "32", "--coco-stuff", str(self.folder / "coco")]
        self._patch.setattr(sys, "argv", ["zhao", *usual, *size, *arguments])
        return zhao.main()


def test_the_command_trains_goes_on_and_exports(command: Command, tmp_path: Path) -> None:
    save_file(a_trunk(), tmp_path / "eccv16.safetensors")
    trunk = ("--trunk", str(tmp_path / "eccv16.safetensors"))
    assert command("--steps", "1", *trunk) == 0
    assert command("--steps", "2", *trunk) == 0
    assert torch.load(tmp_path / "run" / "run.pt", weights_only=True)["step"] == 2
    assert command("--steps", "3", "--width", "4") == 1, "from noise"
    assert command("--steps", "3", "--rate", "1", *trunk) == 1, "another rate"
    assert command("--steps", "3", "--width", "8", *trunk) == 1, "not the trunk's width"
    out = tmp_path / "zhao.safetensors"
    assert command("--export", str(out)) == 0
    layout = Zhao(width=4, classes=182).state_dict()
    assert {key: (value.dtype, value.shape) for key, value in load_file(out).items()} == {
        key: (value.dtype, value.shape) for key, value in layout.items()
    }
    net = load_network("zhao-reduced", out)
    assert math.isfinite(float(net(torch.full((1, 1, 16, 16), 50.0)).sum()))


def test_what_cannot_be_trained_is_refused(command: Command, tmp_path: Path) -> None:
    assert command("--voc", str(tmp_path)) == 1, "two sets"
    assert command("--trunk", str(tmp_path / "none.safetensors")) == 1
    save_file({"other": torch.zeros(1)}, tmp_path / "other.safetensors")
    assert command("--trunk", str(tmp_path / "other.safetensors")) == 1, "another network's"
    assert command("--width", "4", "--norm", "frozen") == 1
    assert command("--export", str(tmp_path / "x.safetensors")) == 1


@pytest.mark.parametrize("with_val", [True, False])
def test_coco_stuff_holds_out_its_own_val(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_val: bool
) -> None:
    seen: list[tuple[int, int]] = []

    class Noted(ZhaoTrainer):
        def __init__(
            self, out: Path, recipe: ZhaoRecipe, kept: list[Labelled], held_out: list[Labelled], *more: object
        ):
            seen.append((len(kept), len(held_out)))
            super().__init__(out, recipe, kept, held_out)

    monkeypatch.setattr(zhao, "ZhaoTrainer", Noted)
    if with_val:
        command.write("val2017", examples(3))
    assert command("--steps", "1", "--width", "4") == 0
    ((trained, held_out),) = seen
    assert (trained, held_out) == (8, 3) if with_val else (trained + held_out == 8 and held_out > 0)


@pytest.mark.parametrize("width", [0, 65])
def test_a_width_that_no_model_takes_is_refused_before_training(
    command: Command, tmp_path: Path, caplog: pytest.LogCaptureFixture, width: int
) -> None:
    assert command("--steps", "1", "--width", str(width)) == 1
    assert f"width {width}: expected 1 to 64" in caplog.text
    assert not (tmp_path / "run").exists()


def test_so_is_a_trunk_that_is_too_wide(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wide = {"model1.0.weight": torch.zeros(65, 1, 3, 3)}
    monkeypatch.setattr(zhao, "_read_trunk", lambda path: wide)
    assert command("--trunk", str(tmp_path / "wide.safetensors")) == 1
    assert "width 65: expected 1 to 64" in caplog.text


def test_the_widest_that_can_be_trained_is_the_paper_s() -> None:
    with torch.device("meta"):
        paper, reduced = zhao_of_paper({}), zhao_reduced({"model1.0.weight": torch.zeros(63, 1, 3, 3)})
    assert [len(net.state_dict()["model1.0.weight"]) for net in (paper, reduced)] == [64, 63]


def test_a_set_without_colour_is_refused(
    command: Command, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(zhao, "read_coco_stuff", lambda folder, split, limit: [])
    assert command("--steps", "1", "--width", "4") == 1
    assert "expected colourful photos with labels to train on, found none" in caplog.text


def test_voc_brings_its_own_labels(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(zhao, "read_voc", lambda folder, split, limit: asked.append(split) or examples(3))
    places = [f"--out={tmp_path / 'voc'}", f"--data={tmp_path}", f"--voc={tmp_path}"]
    size = ["--width=4", "--batch=2", "--side=32", "--steps=1", "--threads=1"]
    monkeypatch.setattr(sys, "argv", ["zhao", *places, *size])
    assert zhao.main() == 0
    assert asked == ["train", "val"]
    state = torch.load(tmp_path / "voc" / "run.pt", weights_only=True)["net"]
    assert len(state["segment9.4.bias"]) == 21


# ---- curves side by side ----


def test_runs_are_drawn_in_one_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, losses in (("a", (5.0, 4.0)), ("b", (5.0, 99.0))):
        (tmp_path / name).mkdir()
        lines = [
            {"step": 10 * step, "colour": loss, "classes": loss / 5, "flat": 4.5} for step, loss in enumerate(losses)
        ]
        (tmp_path / name / "log.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    runs = [f"--run={name}={tmp_path / name}" for name in ("a", "b")]
    values = ["--value=colour:flat:9", "--value=classes"]
    monkeypatch.setattr(sys, "argv", ["curves", *runs, *values, f"--out={tmp_path / 'runs.svg'}"])
    assert curves.main() == 0
    picture = (tmp_path / "runs.svg").read_text()
    assert picture.count("<polyline") == 4
    assert picture.count(">a</text>") == 1
    assert "flat: 4.5" in picture
    assert ">99</text>" not in picture
    assert ">colour</text>" in picture
