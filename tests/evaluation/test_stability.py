"""Long shots that return to the same view, and how far their colours have drifted by then."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from clip_material import moving_pictures, write_photos

from kinemacolor.cli.main import main
from kinemacolor.evaluation.stability import (
    LEAST_FRAMES,
    drift_of,
    drift_targets,
    pan,
    region_colours,
    to_and_fro,
)
from kinemacolor.models.api import Proposal, StepResult
from kinemacolor.models.registry import load_model


def test_the_pan_returns_to_the_same_view():
    scene = pan("ramp", torch.arange(60.0).expand(1, 4, 60))
    assert scene.view(0).shape == (1, 4, 37)
    torch.testing.assert_close(scene.view(100), scene.view(10))
    torch.testing.assert_close(scene.view(80), scene.view(10))  # on the way back
    assert [float(scene.view(frame)[0, 0, 0]) for frame in (0, 1, 2, 45, 46, 89)] == [0, 0.5, 1, 22.5, 22, 0.5]
    with pytest.raises(ValueError, match="more than 23 columns, found 23"):
        pan("narrow", torch.zeros(1, 4, 23))


@pytest.mark.parametrize(("frames", "used"), [(30, 16), (16, 16), (5, 4), (46, 46), (1, 1)])
def test_a_clip_is_played_there_and_back(frames, used):
    lightness = torch.arange(float(frames)).view(frames, 1, 1, 1)
    scene = to_and_fro("clip", lightness)
    played = [int(scene.view(frame)) for frame in range(scene.period)]
    assert played == [*range(used), *range(used - 2, 0, -1)]
    assert 90 % scene.period == 0
    assert all(int(scene.view(10 + k)) == int(scene.view(100 + k)) for k in range(20))


def test_drift_by_hand():
    grids = torch.zeros(300, 2, 8, 8)
    grids[:, 0] = (torch.arange(300) % 30).view(-1, 1, 1)  # what the scene itself does
    grids[10, 1, 2, 3] = -4.0
    grids[250, :, 5, 5] += torch.tensor([3.0, 4.0])
    drift = drift_of(grids, period=30)
    assert (drift.later, drift.later_at, drift.early) == (5.0, 250, 4.0)
    assert drift.by_hundred == (0.0, 5.0)
    assert drift.chroma == pytest.approx(10.0)
    assert [one.met for one in drift_targets([drift])] == [False, True]


@dataclass(frozen=True)
class Age:
    frames: int
    nbytes: int = 0


class Fading:
    """Its a* falls by 0.02 with each frame, all over the picture."""

    device = torch.device("cpu")
    spec = type("Spec", (), {"multiple_of": 16, "name": "fading"})

    def init_state(self):
        return Age(0)

    def propose(self, lightness):
        return [Proposal(lightness[0], torch.zeros(2, *lightness.shape[-2:]))]

    def step(self, state, proposal):
        ab = torch.zeros_like(proposal.ab)
        ab[0] = 30.0 - 0.02 * state.frames
        return StepResult(Age(state.frames + 1), ab)


def test_a_colour_that_fades_is_found():
    scene = pan("photo", torch.full((1, 33, 50), 60.0))
    drift = drift_of(region_colours(Fading(), scene, 400), scene.period)
    assert drift.early == pytest.approx(90 * 0.02, abs=1e-4)
    assert drift.later == pytest.approx(270 * 0.02, abs=1e-4)  # whole swings
    assert drift.chroma == pytest.approx(28.0, abs=1e-4)
    assert [one.met for one in drift_targets([drift])] == [False, True]


def test_grain_is_fresh_and_always_the_same():
    scene = to_and_fro("still", torch.full((1, 1, 16, 16), 50.0))
    first, again = (region_colours(load_model("tiny"), scene, 3) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first[0], first[1])


@pytest.fixture
def material(clips):
    write_photos(clips / "photos", moving_pictures(2))
    return clips


def evaluate(*arguments: object) -> int:
    return main(["evaluate", *map(str, arguments), "--stability", "--model", "tiny"])


def test_the_command_measures_a_photo_and_a_clip(material, tmp_path, capsys):
    found = tmp_path / "found.json"
    assert evaluate(material, "--frames", LEAST_FRAMES, "--json", found) == 0
    lines = capsys.readouterr().out.splitlines()
    scenes = ["pan over a", "blobs to and fro"]
    assert [line.split("|")[1].strip() for line in lines[2:4]] == scenes
    assert [line.startswith(("- met: ", "- missed: ")) for line in lines[-2:]] == [True, True]
    values = json.loads(found.read_text())["stability"]
    assert values["frames"] == LEAST_FRAMES
    tiny = values["models"]["tiny"]
    assert list(tiny["scenes"]) == scenes
    assert tiny["targets"][0]["found"] == max(scene["later"] for scene in tiny["scenes"].values())


def test_more_photos_and_clips_if_asked(material, capsys):
    assert evaluate(material, "--frames", LEAST_FRAMES, "--photos", 2, "--clips", 1) == 0
    assert "pan over b" in capsys.readouterr().out


def test_misuse_and_missing_material(material, tmp_path, capsys):
    assert evaluate(material, "--frames", LEAST_FRAMES - 1) == 2
    assert "expected at least 191 frames, found 190" in capsys.readouterr().err
    assert evaluate(material, "--seams") == 2
    assert evaluate(material, "--no-truth") == 2
    (tmp_path / "empty").mkdir()
    assert evaluate(tmp_path / "empty") == 4
    narrow = write_photos(tmp_path / "narrow", np.zeros((1, 20, 20, 3), dtype=np.uint8))
    assert evaluate(narrow) == 4
    assert capsys.readouterr().err.splitlines()[-1].startswith("kinemacolor: a.jpg: expected a photo of more than")
