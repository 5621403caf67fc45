"""The bank learns on made shots what to find and what to believe; its run is kept like any other."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.distributed as dist
from numpy.typing import NDArray

from kinemacolor.models.networks.kinema import KinemaNet
from kinemacolor.models.networks.memory import MemoryNet
from kinemacolor.models.shot_memory import ShotNets
from kinemacolor.models.temporal import Cells, TemporalSettings
from kinemacolor.training.motion import MotionSettings
from kinemacolor.training.recall_loss import GuidedShot, RecallLoss, recall_loss
from kinemacolor.training.recall_trainer import BankSettings, RecallRecipe, RecallTrainer

RECIPE = RecallRecipe(
    steps=12, warm_up_steps=1, rate=1e-2, count=2, old_film_share=0.0, motion=MotionSettings(frames=3, side_px=64)
)
WHOLE = BankSettings(strangers=0.0, hints=0.0, pairs=0.0)


def _photo(seed: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).uniform(0, 255, (18, 24, 3)).astype(np.float32)
    return np.asarray(cv2.resize(noise, (120, 90), interpolation=cv2.INTER_CUBIC).clip(0, 255), dtype=np.uint8)


def _trainer(out: Path, recipe: RecallRecipe = RECIPE) -> RecallTrainer:
    torch.manual_seed(3)
    frame, memory = KinemaNet(norm=False), MemoryNet()
    clip = np.stack([_photo(9)[:, t : t + 80] for t in range(0, 40, 4)])
    return RecallTrainer(out, recipe, frame, memory, [clip], [_photo(seed) for seed in range(4)])


def test_a_few_steps_teach_to_find_places_and_leave_the_other_networks_alone(tmp_path: Path) -> None:
    trainer = _trainer(tmp_path, replace(RECIPE, bank=WHOLE, rate=1e-3))
    fixed = {**trainer._frame.state_dict(prefix="frame."), **trainer._memory.state_dict(prefix="memory.")}
    before = {name: value.clone() for name, value in fixed.items()}
    losses, found = [], []
    for _ in range(12):
        trainer.step = 0  # the same shots again: others may be ten times as hard
        losses.append(trainer.train_step())
        found.append(trainer.measure()["find"])
    assert sum(found[-4:]) < 0.8 * sum(found[:4])
    assert sum(losses[-4:]) < sum(losses[:4])
    assert all(torch.equal(before[name], value) for name, value in fixed.items())


def test_true_colours_in_the_bank_bring_a_shot_nearer_to_the_truth(tmp_path: Path) -> None:
    trainer = _trainer(tmp_path, replace(RECIPE, bank=WHOLE))
    trainer.draw_loss()
    parts = trainer.measure()
    assert set(parts) == {"right", "alone", "calm", "find"}
    assert parts["right"] < 0.95 * parts["alone"]


def _shots(tmp_path: Path, bank: BankSettings, count: int, clip_share: float = 0.5) -> list[GuidedShot]:
    trainer = _trainer(tmp_path, replace(RECIPE, bank=bank, clip_share=clip_share))
    rng = np.random.default_rng(0)
    pictures, lightness = trainer._shooting.draw(0)
    with torch.no_grad():
        seen = trainer._look(pictures, lightness)
        return [trainer._guide(seen, 0, rng) for _ in range(count)]


def test_banks_hold_references_hints_and_strangers(tmp_path: Path) -> None:
    shots = _shots(tmp_path, BankSettings(), 300)
    assert np.mean([shot.bank.count == 2 for shot in shots]) == pytest.approx(0.3, abs=0.1)
    assert np.mean([shot.claim is not None for shot in shots]) == pytest.approx(0.5, abs=0.1)
    assert np.mean([shot.source is None for shot in shots if shot.claim is None]) == pytest.approx(0.15, abs=0.1)
    for shot in shots:
        cover = shot.bank.cells[0, -1]
        assert (cover.min() < 0.01 and cover.max() > 0.5) if shot.claim is not None else (cover == 1.0).all()
        assert (float(shot.bank.doubt[0]) < 0.1) == (shot.claim is not None)


@pytest.mark.parametrize("clip_share", [0.0, 1.0])
def test_a_claim_is_of_one_thing_in_all_frames_and_the_bank_says_it_of_one(tmp_path: Path, clip_share: float) -> None:
    for shot in _shots(tmp_path, replace(WHOLE, hints=1.0), 20, clip_share):
        claim, source = shot.claim, shot.source
        assert claim is not None
        assert source is not None
        cells = Cells.unstack(shot.bank.cells[:1])
        assert torch.equal(cells.confidence, claim.cover[source : source + 1])
        assert torch.equal(cells.ab, claim.ab.expand_as(cells.ab))
        assert 8.0 <= float(claim.ab.norm()) <= 60.0
        assert float(claim.known[source].mean()) == 1.0
        assert ((claim.known == 0.0) | (claim.known == 1.0)).all()
        assert float((claim.cover * claim.known).amax()) > 0.5


def test_what_a_claim_does_not_cover_shall_stay_as_it_was(tmp_path: Path) -> None:
    """A bank that says nothing anywhere is right outside of the thing, and wrong inside."""
    shot = _shots(tmp_path, replace(WHOLE, hints=1.0), 1, 0.0)[0]
    assert shot.claim is not None
    nets, silent = ShotNets(), shot.bank.cells.clone()
    silent[:, -1] = 0.0
    quiet = replace(shot, bank=replace(shot.bank, cells=silent))
    with torch.no_grad():
        _, parts = recall_loss(nets, quiet, TemporalSettings(), RecallLoss())
    assert float(parts["right"]) == pytest.approx(float(parts["alone"]), rel=1e-3)
    nothing = replace(shot.claim, cover=torch.zeros_like(shot.claim.cover))
    with torch.no_grad():
        _, parts = recall_loss(nets, replace(quiet, claim=nothing), TemporalSettings(), RecallLoss())
    assert float(parts["right"]) < 1e-3


def test_workers_send_the_same_numbers_whatever_their_draws_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a stranger is all that is kept, there is nothing to find, and the keys have no gradient."""
    sent: list[int] = []
    monkeypatch.setattr(dist, "all_reduce", lambda flat: sent.append(flat.numel()))
    for strangers in (0.0, 1.0):
        trainer = _trainer(tmp_path, replace(RECIPE, bank=replace(WHOLE, strangers=strangers)))
        trainer.workers = 2
        trainer.train_step()
    assert sent == 2 * [sum(parameter.numel() for parameter in trainer.net.parameters())]


def test_a_resumed_run_has_the_losses_of_an_unbroken_one(tmp_path: Path) -> None:
    unbroken = _trainer(tmp_path / "a")
    expected = [unbroken.train_step() for _ in range(4)]
    first = _trainer(tmp_path / "b")
    found = [first.train_step() for _ in range(2)]
    first.save()
    second = _trainer(tmp_path / "b")
    assert second.resume()
    found += [second.train_step() for _ in range(2)]
    assert found == expected


def test_things_that_are_missing_are_said_before_the_first_step(tmp_path: Path) -> None:
    recipe = replace(RECIPE, motion=replace(RECIPE.motion, cut_outs=0.5))
    with pytest.raises(ValueError, match=r"expected things for 0\.5 of the objects, found none"):
        _trainer(tmp_path, recipe)
