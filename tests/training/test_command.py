"""`kinemacolor train` as a person uses it, on made pictures."""

import json
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from tests.training.made_data import make_data, make_recipe

from kinemacolor.models.checkpoint import load_weights, save_weights
from kinemacolor.models.kinema_colorizer import KinemaWeights
from kinemacolor.training import launch
from kinemacolor.training.command import main
from kinemacolor.training.finished import load_checkpoint
from kinemacolor.training.labelled import Labels
from kinemacolor.training.photos import Picture
from kinemacolor.training.run_lock import alone_in


@pytest.fixture
def data(tmp_path: Path) -> Path:
    make_data(tmp_path / "data")
    return tmp_path / "data"


def _train(data: Path, out: Path, *options: str) -> int:
    return main([str(data / "recipe.json"), "--data", str(data), "--device", "cpu", "--out", str(out), *options])


def _losses(out: Path) -> list[tuple[int, float]]:
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [(line["step"], line["loss"]) for line in lines]


def test_a_run_leaves_log_checkpoint_and_sheet_and_can_be_exported(data: Path, tmp_path: Path) -> None:
    make_recipe(data, numbers={"steps": 4})
    out = tmp_path / "run"
    assert _train(data, out) == 0
    assert [step for step, _ in _losses(out)] == [2, 4]
    sheet = cv2.imread(str(out / "samples" / "step_000002.png"))
    assert sheet is not None
    assert sheet.shape[0] == 5 * 32
    assert main(["--export", str(out)]) == 0
    card = json.loads((out / "weights" / "kinema.json").read_text())
    assert card["training"]["recipe"]["steps"] == 4
    assert card["training"]["data"]["small_photos"]["folder"] == "photos"


PARTS = ("memory", "recall", "spread")


def test_one_command_trains_the_frame_network_and_then_the_parts_on_top_of_it(data: Path, tmp_path: Path) -> None:
    make_recipe(data, numbers={"steps": 2}, part_steps=dict.fromkeys(PARTS, 2))
    out = tmp_path / "run"
    assert _train(data, out) == 0
    assert all([step for step, _ in _losses(out / part)] == [1, 2] for part in PARTS)
    first = (out / "run.pt").read_bytes()
    make_recipe(data, numbers={"steps": 2}, part_steps={"memory": 2, "recall": 3, "spread": 3})
    assert _train(data, out, "--resume") == 0  # only two of the parts are trained on
    assert [len(_losses(out / part)) for part in PARTS] == [2, 3, 3]
    assert len((out / "run.pt").read_bytes()) == len(first)
    assert main(["--export", str(out)]) == 0
    training = json.loads((out / "weights" / "kinema.json").read_text())["training"]
    assert [training[part]["steps"] for part in PARTS] == [2, 3, 3]
    assert training["data"]["clips"]["tars"] == "*.tgz"
    weights = KinemaWeights()
    load_weights(out / "weights" / "kinema.safetensors", weights)
    for part in PARTS:
        average = load_checkpoint(out / part)["average"]
        for name, value in weights.get_submodule(part).state_dict().items():
            torch.testing.assert_close(value, average[name], atol=1e-2, rtol=1e-2)  # half precision


class _SeesADog:
    """A segmenter that finds one in the middle of every photo."""

    def __init__(self, path: Path) -> None:
        assert path.name == "deeplabv3_mnv2_pascal_quant.tflite"

    def __call__(self, picture: Picture) -> Labels:
        labels = np.zeros(picture.shape[:2], np.uint8)
        labels[12:36, 16:48] = 12
        return labels


def test_a_recipe_may_have_hints_on_things_that_a_segmenter_knows(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_recipe(data, numbers={"steps": 2}, part_steps={"spread": 2})
    recipe = json.loads(path.read_text())
    recipe["spread"]["numbers"]["examples"] = {"regions": 0.0, "things": 1.0}
    path.write_text(json.dumps(recipe))
    assert _train(data, tmp_path / "early") != 0, "before anything is trained"
    assert "deeplabv3_mnv2_pascal_quant.tflite" in capsys.readouterr().err
    assert not (tmp_path / "early" / "log.jsonl").exists()
    monkeypatch.setattr(launch, "VocSegmenter", _SeesADog)
    out = tmp_path / "run"
    assert _train(data, out) == 0
    assert len(_losses(out / "spread")) == 2
    assert len(list((out / "labels").glob("*.png"))) > 0
    monkeypatch.setattr(launch, "VocSegmenter", None)  # the labels are kept
    assert _train(data, out, "--resume") == 0
    assert main(["--export", str(out)]) == 0
    training = json.loads((out / "weights" / "kinema.json").read_text())["training"]
    assert "PASCAL VOC" in training["segmenter"]["origin"]


def test_a_part_with_the_layout_of_another_version_is_refused_in_one_line(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_recipe(data, numbers={"steps": 2}, part_steps={"spread": 1})
    out = tmp_path / "run"
    assert _train(data, out) == 0
    content = torch.load(out / "spread" / "run.pt", weights_only=True)
    content["average"]["other.weight"] = content["average"].pop("answer.weight")
    torch.save(content, out / "spread" / "run.pt")
    assert main(["--export", str(out)]) == 2
    error = capsys.readouterr().err.strip()
    assert error.endswith("expected a spread of this version, found another layout")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ((2, {"memory": 2}), (4, {"memory": 2}), "frame_network_steps"),
        ((2, {"spread": 1}), (4, {"spread": 1}), "frame_network_steps"),
        ((2, {"memory": 1, "recall": 1}), (2, {"memory": 2, "recall": 1}), "memory_steps"),
    ],
)
def test_a_part_stays_with_the_networks_it_was_trained_on(
    before: tuple[int, dict[str, int]],
    after: tuple[int, dict[str, int]],
    message: str,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "run"
    make_recipe(data, numbers={"steps": before[0]}, part_steps=before[1])
    assert _train(data, out) == 0
    make_recipe(data, numbers={"steps": after[0]}, part_steps=after[1])
    assert _train(data, out, "--resume") == 2
    assert message in capsys.readouterr().err


def test_a_run_that_begins_with_weights_keeps_the_parts_that_it_does_not_train(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    given = KinemaWeights()
    save_weights(tmp_path / "given.safetensors", given, torch.float32)
    start = ("--start", str(tmp_path / "given.safetensors"))
    make_recipe(data, numbers={"steps": 2}, part_steps={"recall": 2})
    out = tmp_path / "run"
    assert _train(data, out, *start) == 0
    (tmp_path / "given.safetensors").rename(tmp_path / "elsewhere.safetensors")  # the run has a copy
    assert main(["--export", str(out)]) == 0
    training = json.loads((out / "weights" / "kinema.json").read_text())["training"]
    assert training["start"]["kept"] == ["memory", "spread"]
    weights = KinemaWeights()
    load_weights(out / "weights" / "kinema.safetensors", weights)
    for part, same in (("memory", True), ("spread", True), ("recall", False)):
        pairs = zip(weights.get_submodule(part).parameters(), given.get_submodule(part).parameters(), strict=True)
        assert all(torch.allclose(found, old, atol=2e-3) for found, old in pairs) == same
    make_recipe(data, numbers={"steps": 3}, part_steps={"recall": 2})
    assert _train(data, out, "--resume") == 2
    assert "different: start" in capsys.readouterr().err
    assert _train(data, tmp_path / "other", *start) == 1
    assert "no such file" in capsys.readouterr().err


def test_a_run_that_begins_with_weights_is_resumed_without_their_file(data: Path, tmp_path: Path) -> None:
    """The losses are those of an unbroken run."""
    torch.manual_seed(0)
    digest = save_weights(data / "given.safetensors", KinemaWeights(), torch.float32)
    start = {"file": "given.safetensors", "sha256": digest}
    losses = []
    for name, budgets in (("unbroken", (4,)), ("broken", (2, 4))):
        for steps in budgets:
            recipe = make_recipe(data, numbers={"steps": steps, "decay_share": 0.25})
            recipe.write_text(json.dumps({**json.loads(recipe.read_text()), "start": start}))
            assert _train(data, tmp_path / name, "--resume") == 0
            if name == "broken" and steps == 2:
                (data / "given.safetensors").unlink()
        losses.append(_losses(tmp_path / name))
    assert losses[0][-1] == losses[1][-1]


def test_a_killed_and_resumed_run_has_the_curve_of_an_unbroken_one(data: Path, tmp_path: Path) -> None:
    make_recipe(data)
    assert _train(data, tmp_path / "unbroken") == 0
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "kinemacolor.training.command", str(data / "recipe.json"), "--data", str(data)]
    process = subprocess.Popen([*command, "--device", "cpu", "--out", str(out)], stderr=subprocess.DEVNULL)
    _wait_for(out / "run.pt", process)
    process.kill()
    assert process.wait(timeout=60) == -9
    assert _train(data, out, "--resume") == 0
    assert _losses(out) == _losses(tmp_path / "unbroken")


def _wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 200
    while not path.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_folder_with_a_run_is_not_overwritten(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_recipe(data)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.pt").write_bytes(b"")
    assert _train(data, tmp_path / "run") == 1
    assert "go on with --resume" in capsys.readouterr().err


def test_a_second_training_in_a_folder_is_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_recipe(data)
    with alone_in(tmp_path / "run"):
        assert _train(data, tmp_path / "run") == 1
    assert capsys.readouterr().err.endswith(f"another training is at work in {tmp_path / 'run'}\n")
    assert not (tmp_path / "run").exists()


def test_another_recipe_does_not_go_on_with_a_run(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_recipe(data, numbers={"steps": 2})
    assert _train(data, tmp_path / "run") == 0
    make_recipe(data, numbers={"steps": 4, "seed": 7})
    assert _train(data, tmp_path / "run", "--resume") == 2
    assert "different: numbers.seed" in capsys.readouterr().err
    make_recipe(data, numbers={"steps": 4})
    assert _train(data, tmp_path / "run", "--resume") == 0
    assert [step for step, _ in _losses(tmp_path / "run")] == [2, 4]


def test_a_run_that_does_not_learn_stops_with_one_line(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_recipe(data, watch={"early_steps": 2, "early_loss": 0.1})
    assert _train(data, tmp_path / "run") == 1
    assert "kinemacolor: step 2: expected a loss below 0.1 by now" in capsys.readouterr().err
    assert not (tmp_path / "run" / "run.pt").exists()


def test_a_failure_of_several_workers_is_one_line_too(data: Path, tmp_path: Path) -> None:
    make_recipe(data, watch={"early_steps": 2, "early_loss": 0.1, "workers": 2})
    # A process of its own: workers are forked, and pytest's has threads.
    command = [sys.executable, "-m", "kinemacolor.training.command", str(data / "recipe.json"), "--data", str(data)]
    done = subprocess.run(
        [*command, "--device", "cpu", "--out", str(tmp_path / "run")],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("kinemacolor: step 2: expected a loss below 0.1")


def test_data_of_another_hash_are_refused(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_recipe(data)
    with (data / "photos" / "manifest.csv").open("a") as manifest:
        manifest.write("x.jpg,b.tar\n")
    assert _train(data, tmp_path / "run") == 2
    assert "manifest.csv: expected SHA-256" in capsys.readouterr().err
    make_recipe(data)
    assert _train(data, tmp_path / "run") == 2
    assert "tars that are not there: b.tar" in capsys.readouterr().err


def test_words_that_make_no_sense(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KINEMACOLOR_DATA", raising=False)
    for words in ([], ["kinema"], ["kinema", "--export", "run"]):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == 2
    assert main(["--export", str(tmp_path)]) == 1


def test_a_run_without_memory_has_its_own_exit_code(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def starve(*_: object, **__: object) -> None:
        torch.empty(1 << 60, dtype=torch.uint8)

    make_recipe(data, numbers={"steps": 4})
    monkeypatch.setattr("kinemacolor.training.launch.train", starve)
    assert _train(data, tmp_path / "run") == 5
    assert (
        capsys.readouterr().err == "kinemacolor: out of memory; a recipe with smaller batches or pictures needs less\n"
    )
