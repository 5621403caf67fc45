"""The demo makes its own film, so it can be run anywhere."""

import itertools
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from kinemacolor.cli import demo


def test_the_camera_moves_inside_the_photo_and_shots_differ() -> None:
    frames = list(demo.views())
    assert len(frames) == len(demo.SHOTS) * demo.FRAMES_A_SHOT
    assert {frame.shape for frame in frames} == {(demo.HEIGHT_PX, demo.WIDTH_PX, 3)}
    moves = [np.abs(later.astype(int) - earlier).mean() for earlier, later in itertools.pairwise(frames)]
    cuts = [number + 1 for number, move in enumerate(moves) if move > 40]
    assert min(moves) > 0.5
    assert cuts == [24, 48, 72]


def test_the_demo_renders_and_draws_truth_grey_and_colour(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "kinemacolor"), "demo", "--out", str(tmp_path), "--model", "tiny"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert "4 shots" in done.stderr
    picture = cv2.imread(str(tmp_path / "side-by-side.png")).astype(int)
    truth, grey, ours = np.split(picture, 3, axis=1)
    assert np.ptp(grey, axis=2).max() <= 4
    assert np.ptp(ours, axis=2).mean() > 2
    assert np.abs(truth.mean(axis=2) - grey.mean(axis=2)).mean() < 15
