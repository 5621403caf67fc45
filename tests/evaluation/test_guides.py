"""Hints on made shots and references on clips, of models whose answer is known."""

import hashlib
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
from kinemacolor.evaluation import command, things
from kinemacolor.evaluation.composites import COUNT, make_composite, make_thing_composite
from kinemacolor.evaluation.errors import EvaluationInputError
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


def a_thing(height: int = 50, width: int = 70) -> np.ndarray:
    """A bar with a thick end."""
    mask = np.zeros((height, width), np.uint8)
    mask[20:26, 8:60], mask[12:34, 44:60] = 1, 1
    return mask


def test_a_thing_is_cut_out_along_its_outline_and_keeps_its_lightness():
    mask, frames = a_thing(), 12
    own = torch.from_numpy(np.where(mask, 90.0, 0.0).astype(np.float32))[None]
    shot = make_thing_composite("thing", 3, 14, photo(3, 128, 180), own, mask, frames)
    assert torch.equal(
        shot.lightness, make_thing_composite("thing", 3, 14, photo(3, 128, 180), own, mask, frames).lightness
    )
    inside = shot.lightness[:, 0][shot.inside]
    assert inside.numel() > 200 * frames
    torch.testing.assert_close(inside, torch.full_like(inside, 90.0), atol=1.0, rtol=0)
    for frame, plane in enumerate(shot.outside):
        view = photo(3, 128, 180)[0, :, frame : frame + shot.inside.shape[2]]
        torch.testing.assert_close(shot.lightness[frame, 0][plane], view[plane])
    assert not (shot.inside & shot.outside).any()


def test_the_hint_lies_where_the_thing_is_widest():
    mask = a_thing()
    shot = make_thing_composite("thing", 0, 14, photo(0, 128, 180), photo(1, *mask.shape), mask, 4)
    for (x, y), inside in zip(shot.centres, shot.inside, strict=True):
        assert inside[y, x]
        columns = torch.nonzero(inside.any(dim=0)).flatten()
        assert x > float(columns.float().mean()), "in the thick end"


def test_a_long_thing_fits_into_the_picture():
    mask = np.zeros((40, 200), np.uint8)
    mask[18:22, 2:198] = 1
    shot = make_thing_composite("thing", 1, 14, photo(1, 128, 180), photo(2, 40, 200), mask, 2)
    columns = torch.nonzero(~shot.outside[0].all(dim=0)).flatten()
    assert int(columns.max() - columns.min()) < 0.8 * 128 + 16


def test_colours_of_any_number_of_things_are_spread():
    mask, other = a_thing(), photo(1, 50, 70)
    colours = [make_thing_composite("thing", n, 14, photo(0), other, mask, 1).ab for n in range(14)]
    chromas = sorted(math.hypot(*ab) for ab in colours)
    assert np.diff(chromas) == pytest.approx(35.0 / 13)
    assert math.hypot(*make_thing_composite("thing", 0, 1, photo(0), other, mask, 1).ab) == pytest.approx(15.0)


@pytest.fixture
def outlined(tmp_path, monkeypatch):
    """Three photos; of the first, of the second as it was once, and of none that is here something is outlined."""
    folder = tmp_path / "outlined"
    write_photos(folder, np.stack([cv2.resize(picture, (90, 64)) for picture in moving_pictures()[:3]]))
    paths = sorted(folder.iterdir())
    hashes = ["0" * 64, hashlib.sha256(paths[0].read_bytes()).hexdigest(), "0" * 64]
    names = ["absent.png", paths[0].name, paths[1].name]
    corners = [[20, 10], [60, 12], [64, 50], [18, 52]]
    listed = [{"photo": n, "sha256": h, "outline": corners} for n, h in zip(names, hashes, strict=True)]
    monkeypatch.setattr(things, "_outlines", lambda: listed)
    return paths


def test_outlines_are_for_the_photos_that_they_were_drawn_on(outlined):
    (found,) = things.find_things(outlined)
    assert (found.photo, found.number, found.of) == (outlined[0], 1, 3), "it keeps its place among all"
    mask = found.mask(64, 90)
    assert mask[30, 40] == 1
    assert mask[5, 40] == mask[30, 10] == 0
    outlined[0].unlink()
    with pytest.raises(EvaluationInputError, match="No such file"):
        things.find_things(outlined)


def test_the_shipped_outlines_are_fourteen_things():
    listed = things._outlines()
    assert len({entry["photo"] for entry in listed}) == len(listed) == 14
    for entry in listed:
        area = cv2.contourArea(np.array(entry["outline"], np.int32))
        assert area > 4000
        assert len(entry["sha256"]) == 64


def test_the_command_cuts_out_the_things_of_known_photos(outlined, tmp_path, capsys):
    found = tmp_path / "found.json"
    assert evaluate(outlined[0].parent, "--json", found) == 0
    out = capsys.readouterr().out
    assert "| tiny, hints on things, in the | inside |" in out
    tiny = json.loads(found.read_text())["guides"]["models"]["tiny"]
    assert list(tiny["hints on things"]["shots"]) == ["thing_a"]
    assert len(tiny["hints on things"]["targets"]) == 8


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
    assert "| tiny, hints, in the | inside |" in out
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
