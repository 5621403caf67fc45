import logging
import sys
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from kinemacolor.models.networks.kinema import KinemaNet
from kinemacolor.training.curve import draw_curve
from kinemacolor.training.degradation import FilmModel
from kinemacolor.training.errors import TrainingFailed
from kinemacolor.training.events import EventWriter
from kinemacolor.training.recipe import Watch
from kinemacolor.training.sheets import draw_sheet
from kinemacolor.training.trainer import Recipe
from kinemacolor.training.watch import early_look, progress_line

WATCH = Watch(early_steps=400, early_loss=5.0, log_every_steps=50)


def test_the_line_on_the_terminal() -> None:
    line = {"step": 100.0, "minutes": 3.0, "loss": 4.5678, "steps_per_second": 0.5}
    expected = "step 100 of 400   25%  loss 4.568  0.50 steps/s  3 min, 9 min left"
    assert progress_line(line, Recipe(steps=400)) == expected
    assert progress_line(line, Recipe(minutes=12.0)).startswith("step 100   25%")


@pytest.mark.parametrize(("step", "loss"), [(350, 9.0), (400, 4.9), (449, 4.9), (450, 9.0)])
def test_the_early_look_passes(step: int, loss: float) -> None:
    early_look({"step": step, "loss": loss}, WATCH)


@pytest.mark.parametrize(("step", "loss"), [(400, 5.0), (449, 5.3), (400, float("nan"))])
def test_the_early_look_stops_a_run_that_does_not_learn(step: int, loss: float) -> None:
    with pytest.raises(TrainingFailed, match="expected a loss below 5 by now"):
        early_look({"step": step, "loss": loss}, WATCH)


def test_without_tensorboard_training_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with caplog.at_level(logging.INFO):
        writer = EventWriter(tmp_path, 0)
        writer.scalars({"loss": 1.0}, 1)
        writer.scalars({"loss": 1.0}, 2)
        writer.picture("held out", np.zeros((4, 4, 3), np.uint8), 2)
    assert caplog.text.count("no TensorBoard files") == 1


def test_with_tensorboard_each_value_is_a_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[object, ...]] = []
    fake = SimpleNamespace(
        add_scalar=lambda *words: calls.append(words),
        add_image=lambda *words, dataformats: calls.append((words[0], words[2], dataformats)),
        flush=lambda: None,
    )
    opened: list[tuple[str, int | None]] = []

    def summary_writer(folder: str, purge_step: int | None) -> SimpleNamespace:
        opened.append((folder, purge_step))
        return fake

    module = SimpleNamespace(SummaryWriter=summary_writer)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    writer = EventWriter(tmp_path, 7)
    writer.scalars({"loss": 1.5}, 8)
    writer.picture("held out", np.zeros((4, 4, 3), np.uint8), 8)
    assert opened == [(str(tmp_path), 7)]
    assert calls == [("loss", 1.5, 8), ("held out", 8, "HWC")]


def test_a_sheet_shows_grey_colour_old_film_and_truth() -> None:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in ((70, 100, 3), (90, 80, 3))]
    sheet = draw_sheet(KinemaNet(norm=True), pictures, FilmModel())
    assert sheet.shape == (5 * 64, 2 * 64, 3)
    for row in (0, 2):
        grey = sheet[row * 64 : (row + 1) * 64].astype(int)
        assert np.ptp(grey, axis=2).max() <= 1
    assert np.array_equal(sheet[4 * 64 :, :64], pictures[0][3:67, 18:82])


def test_the_curve_is_a_small_svg() -> None:
    picture = draw_curve({step: 4.0 + 100.0 / step for step in range(50, 5800, 50)})
    root = ElementTree.fromstring(picture)
    assert len(root.findall("{http://www.w3.org/2000/svg}polyline")) == 2
    assert len(picture) < 10_000
