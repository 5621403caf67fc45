"""Hints on made shots and references on clips, of models whose answer is known."""

import itertools
import json
import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest
import torch
from clip_material import moving_pictures, write_photos

from kinemacolor.cli.main import main
from kinemacolor.evaluation import command
from kinemacolor.evaluation.composites import COUNT, make_composite
from kinemacolor.evaluation.guides import (
    _spots,
    hint_summary,
    hint_targets,
    measure_hints,
    measure_reference,
    reference_summary,
    reference_targets,
)
from kinemacolor.evaluation.measure import Truth
from kinemacolor.evaluation.pictures import Clip
from kinemacolor.models.api import Guide, Proposal, StepResult
from kinemacolor.models.registry import load_model

FRAMES = 6


def photo(seed: int, height: int = 64, width: int = 90) -> torch.Tensor:
    coarse = np.random.default_rng(seed).uniform(10, 90, (8, 12)).astype(np.float32)
    return torch.from_numpy(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR))[None]


@pytest.fixture(scope="module")
def shots():
    return [make_composite(number, photo(number), photo(100 + number), FRAMES) for number in range(COUNT)]


def test_made_shots_have_a_thing_that_moves_over_a_photo_that_moves(shots):
    assert torch.equal(shots[3].lightness, make_composite(3, photo(3), photo(103), FRAMES).lightness)
    for number, shot in enumerate(shots):
        assert shot.lightness.shape == (FRAMES, 1, 64, 85)
        assert not (shot.inside & shot.outside).any()
        assert all(mask[y, x] for mask, (x, y) in zip(shot.inside, shot.centres, strict=True))
        assert len(set(shot.centres)) > 1
        behind = photo(number)[0]
        for frame, mask in enumerate(shot.outside):
            torch.testing.assert_close(shot.lightness[frame, 0][mask], behind[:, frame : frame + 85][mask])
        inside = shot.lightness[:, 0][shot.inside]
        assert inside.min() >= 35.0
        assert inside.max() <= 75.0
        assert inside.std() > 3.0  # it has a texture


def test_colours_of_the_things_are_spread(shots):
    chromas = [math.hypot(*shot.ab) for shot in shots]
    hues = sorted(math.degrees(math.atan2(shot.ab[1], shot.ab[0])) % 360.0 for shot in shots)
    assert min(chromas) == pytest.approx(15.0)
    assert max(chromas) == pytest.approx(50.0)
    assert np.diff(hues) == pytest.approx(36.0)


def test_edges_are_soft_and_left_out(shots):
    mask = shots[0].inside[0].numpy() | shots[0].outside[0].numpy()
    inside = shots[0].inside[0].numpy()
    ring = ~mask
    assert ring.any()
    assert not (cv2.dilate(inside.astype(np.uint8), np.ones((7, 7), np.uint8)) & shots[0].outside[0].numpy()).any()


def test_a_thing_that_is_larger_than_its_photo_and_a_photo_that_is_too_narrow():
    assert make_composite(0, photo(0), photo(1, 9, 9), 2).inside.any()
    with pytest.raises(ValueError, match="at least 90 columns"):
        make_composite(0, photo(0, width=89), photo(1), 90)


@dataclass(frozen=True)
class Told:
    guides: tuple[Guide, ...]
    frame: int = 0
    nbytes: int = 0


class Painter:
    """Paints what a hint says: everywhere, or where it is told; grey without a hint."""

    device = torch.device("cpu")
    spec = replace(load_model("tiny").spec, name="painter")

    def __init__(self, masks: torch.Tensor | None = None) -> None:
        self._masks = masks

    def init_state(self, guides=()):
        return Told(tuple(guides))

    def propose(self, lightness):
        return [Proposal(lightness[0], torch.zeros(2, *lightness.shape[-2:]))]

    def step(self, state, proposal):
        ab = torch.zeros_like(proposal.ab)
        for guide in state.guides:
            assert guide.lightness.shape == proposal.lightness.shape
            for spot in guide.hints:
                plane = torch.tensor((spot.a, spot.b)).view(2, 1, 1).expand_as(ab)
                ab = plane if self._masks is None else self._where(state.frame, plane, ab)
        return StepResult(replace(state, frame=state.frame + 1), ab)

    def _where(self, frame, plane, ab):
        mask = self._masks[frame]
        ab = ab.clone()
        ab[:, : mask.shape[0], : mask.shape[1]] = plane[:, : mask.shape[0], : mask.shape[1]] * mask
        return ab


def test_who_paints_the_thing_and_nothing_else_meets_all_targets(shots):
    found = [measure_hints(Painter(~shot.outside), shot) for shot in shots]
    assert all(one.met for one in hint_targets(found))
    means = hint_summary(found)["first frame"]
    assert means["inside"] == means["spill %"] == 0.0
    assert means["frames below 6, %"] == 100.0
    chromas = [math.hypot(*shot.ab) for shot in shots]
    assert means["inside, no hint"] == pytest.approx(np.mean(chromas))  # grey
    assert [run.frame for run in found[0].runs.values()] == [0, 3, 0, 3]


def test_who_paints_everything_spills(shots):
    found = [measure_hints(Painter(), shots[1])]
    assert hint_summary(found)["middle frame"]["spill %"] == 100.0
    assert [one.met for one in hint_targets(found)] == 4 * [True, False]


def test_several_hints_lie_apart_on_the_thing(shots):
    shot = replace(shots[2], inside=~shots[2].outside)
    spots = _spots(shot, 1, 5)
    assert len(spots) == 5
    assert (int(spots[0].x_px), int(spots[0].y_px)) == shot.centres[1]
    assert all(shot.inside[1, int(spot.y_px), int(spot.x_px)] for spot in spots)
    apart = [math.dist((a.x_px, a.y_px), (b.x_px, b.y_px)) for a, b in itertools.combinations(spots, 2)]
    assert min(apart) > 2.0


def test_a_thing_that_is_hidden_gets_the_hint_in_its_middle_only(shots):
    hidden = replace(shots[2], inside=torch.zeros_like(shots[2].inside))
    assert len(_spots(hidden, 1, 5)) == 1


def test_who_does_nothing_backward_is_found(shots):
    masks = ~shots[1].outside
    masks[: FRAMES // 2] = False
    run = measure_hints(Painter(masks), shots[1]).runs["middle frame"]
    chroma = math.hypot(*shots[1].ab)
    assert run.inside == pytest.approx([chroma] * 3 + [0.0] * 3)
    assert run.spill == (0.0,) * FRAMES


def test_what_is_hardly_seen_is_not_judged(shots):
    hidden = replace(shots[1], inside=shots[1].inside.clone())
    hidden.inside[2] = False
    run = measure_hints(Painter(), hidden).runs["first frame"]
    assert [math.isnan(value) for value in run.inside] == [False, False, True, False, False, False]


def test_a_reference_against_none():
    still = np.repeat(moving_pictures(1), 7, axis=0)
    run = measure_reference(load_model("tiny"), Truth(Clip("still", still)))
    assert len(run.without) == len(run.referenced) == 7
    table = reference_summary([run])
    assert table["first 5 frames"]["ratio"] < 0.7
    assert table["last frame"]["without"] == run.without[-1]
    assert all(one.met for one in reference_targets([run]))


@pytest.fixture
def material(clips):
    pictures = np.stack([cv2.resize(picture, (90, 64)) for picture in moving_pictures()])
    write_photos(clips / "photos", pictures)
    return clips


def evaluate(*arguments: object) -> int:
    return main(["evaluate", *map(str, arguments), "--guides", "--frames", str(FRAMES), "--model", "tiny"])


def test_the_command_prints_hints_and_references(material, tmp_path, capsys):
    found, sheets = tmp_path / "found.json", tmp_path / "sheets"
    assert evaluate(material, "--json", found, "--sheets", sheets) == 0
    out = capsys.readouterr().out
    assert "| tiny, hint in the | inside |" in out
    assert "| tiny, reference | without |" in out
    tiny = json.loads(found.read_text())["guides"]["models"]["tiny"]
    assert len(tiny["hints"]["shots"]) == len(list(sheets.iterdir())) == COUNT
    shot = tiny["hints"]["shots"]["shot_00"]
    assert len(shot["hints"]["middle frame"]["spill"]) == len(shot["inside_without"]) == FRAMES
    assert list(tiny["references"]["clips"]) == ["blobs"]
    assert len(tiny["hints"]["targets"]) == 8
    assert len(tiny["references"]["targets"]) == 2


def test_a_model_that_takes_no_guides_is_one_line_each(material, monkeypatch, capsys):
    class Deaf:
        spec = replace(load_model("tiny").spec, takes_hints=False, takes_references=False)

    monkeypatch.setattr(command, "load_model", lambda *_, **__: Deaf())
    assert command.main([str(material), "--guides", "--frames", "2"]) == 0
    assert capsys.readouterr().out.split("\n\n") == ["tiny takes no hints", "tiny takes no references\n"]


def test_photos_or_clips_alone(material, capsys):
    assert evaluate(material / "clips") == 0
    assert capsys.readouterr().out.startswith("tiny: hints: no material")
    assert evaluate(material / "photos") == 0
    assert capsys.readouterr().out.endswith("tiny: references: no material\n")
    assert evaluate(material, "--card", "card.json") == 2
