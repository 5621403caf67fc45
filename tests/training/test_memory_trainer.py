"""The memory learns on made shots: it finds places again, and its run is kept like any other."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from kinemacolor.models.networks.kinema import KinemaNet
from kinemacolor.training.finished import load_checkpoint
from kinemacolor.training.memory_trainer import MemoryRecipe, MemoryTrainer
from kinemacolor.training.motion import MotionSettings

RECIPE = MemoryRecipe(steps=12, warm_up_steps=1, rate=1e-2, count=2, motion=MotionSettings(frames=3, side_px=64))


def _photo(seed: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).uniform(0, 255, (18, 24, 3)).astype(np.float32)
    return np.asarray(cv2.resize(noise, (120, 90), interpolation=cv2.INTER_CUBIC).clip(0, 255), dtype=np.uint8)


def _trainer(out: Path, recipe: MemoryRecipe = RECIPE) -> MemoryTrainer:
    torch.manual_seed(3)
    frame = KinemaNet(norm=False)
    clip = np.stack([_photo(9)[:, t : t + 80] for t in range(0, 40, 4)])
    return MemoryTrainer(out, recipe, frame, [clip], [_photo(seed) for seed in range(4)])


def test_a_few_steps_lower_the_loss_and_leave_the_frame_network_alone(tmp_path: Path) -> None:
    trainer = _trainer(tmp_path)
    before = {name: value.clone() for name, value in trainer._frame.state_dict().items()}
    losses = [trainer.train_step() for _ in range(12)]
    assert sum(losses[-4:]) < sum(losses[:4]) - 0.1
    assert all(torch.equal(before[name], value) for name, value in trainer._frame.state_dict().items())


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
    second.save()
    assert torch.equal(load_checkpoint(tmp_path / "b")["average"]["sharpness"], second.average.state["sharpness"])


def test_clips_that_are_too_small_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected clips of at least 256 pixels"):
        _trainer(tmp_path, replace(RECIPE, motion=MotionSettings(side_px=256)))
