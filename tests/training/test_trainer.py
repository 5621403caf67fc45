import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from kinemacolor.models.checkpoint import load_weights
from kinemacolor.models.kinema_colorizer import KinemaWeights
from kinemacolor.training.degradation import FilmModel
from kinemacolor.training.errors import TrainingFailed
from kinemacolor.training.export_kinema import export
from kinemacolor.training.finish_loss import FinishLoss
from kinemacolor.training.finished import load_run
from kinemacolor.training.loop import learning_rate_factor
from kinemacolor.training.photos import CropSettings, Picture
from kinemacolor.training.terms import licence_text
from kinemacolor.training.trainer import Recipe, Trainer, make_batch


def _pictures(count: int = 6) -> list[Picture]:
    """Blue above, green below: what a network can learn in a few steps."""
    rng = np.random.default_rng(0)
    pictures = []
    for _ in range(count):
        picture = np.zeros((48, 64, 3), dtype=np.uint8)
        picture[:24], picture[24:] = (90, 140, 220), (60, 150, 40)
        pictures.append((picture * rng.uniform(0.7, 1.1, (48, 64, 1))).clip(0, 255).astype(np.uint8))
    return pictures


def _recipe(steps: int) -> Recipe:
    crops = CropSettings(count=4, side_px=32)
    return Recipe(minutes=60.0, steps=steps, warm_up_steps=1, small=crops, large=crops, old_film_share=0.0, wide=crops)


def test_a_few_steps_lower_the_loss(tmp_path: Path) -> None:
    trainer = Trainer(tmp_path, _recipe(3), (_pictures(), []), None)
    losses = [trainer.train_step() for _ in range(4)]
    assert losses[-1] < losses[0] - 0.3


def test_the_finish_is_trained_from_its_share_of_the_schedule_on(tmp_path: Path) -> None:
    recipe = replace(_recipe(4), minutes=None, finish=FinishLoss(from_share=0.5))
    trainer = Trainer(tmp_path, recipe, (_pictures(), []), None)
    finish = trainer.net.report.weight[:3]
    for _ in range(2):
        trainer.train_step()
    assert not finish.any()
    assert set(trainer.measure()) == {"cross_entropy", "error"}
    trainer.train_step()
    assert finish.abs().max() > 0
    assert set(trainer.measure()) == {"cross_entropy", "error", "ciede2000", "square", "colourfulness_error"}


def test_the_loss_of_the_finish_leaves_the_posterior_alone(tmp_path: Path) -> None:
    """What it starts from is taken as it is: nothing of it reaches the layer of the posterior."""
    recipe = replace(_recipe(1), finish=FinishLoss(cross_entropy=0.0))
    trainer = Trainer(tmp_path, recipe, (_pictures(), []), None)
    trainer.draw_loss().backward()
    assert trainer.net.classify.weight.grad is not None
    assert not trainer.net.classify.weight.grad.any()
    assert trainer.net.report.weight.grad is not None
    assert (trainer.net.report.weight.grad.abs().amax(dim=(1, 2, 3)) > 0).all()


def test_a_step_sees_small_large_and_wide_crops_and_frames_of_clips(tmp_path: Path) -> None:
    shades = (np.full((48, 64, 3), code, dtype=np.uint8) for code in (10, 120, 240))
    small, large, frame = ([shade] for shade in shades)
    kinds = [CropSettings(count=count, side_px=32) for count in (5, 4, 3)]
    recipe = Recipe(steps=300, small=kinds[0], large=kinds[1], wide=kinds[2], large_share=(0.5, 0.5), clip_share=0.2)
    trainer = Trainer(tmp_path, replace(recipe, wide_share=0.3), (small, large), None, frames=frame)
    seen: Counter[tuple[int, int]] = Counter()
    for trainer.step in range(300):
        trainer._seed_draws()
        crops = trainer._crops()
        seen[len(crops), round(float(crops.mean()) * 255)] += 1
    shares = {(5, 10): 0.28, (4, 120): 0.28, (3, 120): 0.24, (5, 240): 0.07, (4, 240): 0.07, (3, 240): 0.06}
    assert set(seen) == set(shares)
    assert all(seen[kind] / 300 == pytest.approx(share, abs=0.09) for kind, share in shares.items())


def test_a_run_leaves_a_log_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    Trainer(tmp_path, _recipe(2), (_pictures(), _pictures(2)), None).run(log_every=1)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2]
    again = Trainer(tmp_path, _recipe(3), (_pictures(), []), None)
    assert again.resume()
    assert again.step == 2
    again.run(log_every=1)
    assert again.step == 3


def test_a_schedule_by_steps_follows_steps_alone() -> None:
    recipe = Recipe(steps=10)
    assert recipe.elapsed_share(5, 1e6) == 0.5
    assert not recipe.is_finished(9, 1e6)
    assert recipe.is_finished(10, 0.0)
    with pytest.raises(ValueError, match="minutes or steps"):
        Recipe()


def test_a_schedule_by_the_clock_may_stop_early() -> None:
    recipe = Recipe(minutes=10.0, steps=100)
    assert recipe.elapsed_share(99, 5.0) == 0.5
    assert recipe.is_finished(100, 5.0)
    assert recipe.is_finished(1, 10.0)


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    trainer = Trainer(tmp_path, _recipe(3), (_pictures(), []), None)
    trainer.save()
    before = (tmp_path / "run.pt").read_bytes()
    with torch.no_grad():
        next(trainer.net.parameters()).fill_(float("nan"))
    with pytest.raises(TrainingFailed, match="step 1: the loss is nan"):
        trainer.run(log_every=1, save_minutes=0.0)
    assert (tmp_path / "run.pt").read_bytes() == before


def test_lines_logged_after_the_checkpoint_are_dropped(tmp_path: Path) -> None:
    Trainer(tmp_path, _recipe(2), (_pictures(), []), None).run(log_every=1)
    log = tmp_path / "log.jsonl"
    kept = log.read_text()
    log.write_text(kept + '{"step": 3, "loss": 1.0}\n{"step": 4, "lo')
    assert Trainer(tmp_path, _recipe(3), (_pictures(), []), None).resume()
    assert log.read_text() == kept


def test_nothing_to_resume(tmp_path: Path) -> None:
    assert not Trainer(tmp_path / "new", _recipe(1), (_pictures(), []), None).resume()


def test_export_folds_the_run(tmp_path: Path) -> None:
    trainer = Trainer(tmp_path, _recipe(2), (_pictures(), []), None)
    trainer.run()
    (tmp_path / "recipe.json").write_text("{}")
    card = json.loads(export(tmp_path, tmp_path / "weights").read_text())
    assert (tmp_path / "weights" / "LICENSE-WEIGHTS").read_text() == licence_text()
    weights = KinemaWeights()
    assert load_weights(tmp_path / "weights" / "kinema.safetensors", weights) == card["sha256"]
    lightness = torch.rand(1, 1, 32, 32) * 100
    with torch.inference_mode():
        expected = trainer.net.eval()(lightness)
        found = weights.frame.eval()(lightness)
    for name in ("logits", "finish", "error"):
        part = getattr(found, name)
        torch.testing.assert_close(part, getattr(expected, name), atol=0.05, rtol=0.02)  # half precision


@pytest.mark.parametrize(
    ("step", "share", "expected"), [(0, 0.0, 0.005), (199, 0.0, 1.0), (500, 0.5, 0.5), (500, 1.0, 0.0), (9, 2.0, 0.0)]
)
def test_the_rate_follows_the_schedule(step: int, share: float, expected: float) -> None:
    assert learning_rate_factor(step, share, 200) == pytest.approx(expected)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.6, 1.0), (0.8, 0.5), (1.0, 0.0)])
def test_a_rate_with_a_plateau_falls_at_the_end_only(share: float, expected: float) -> None:
    assert learning_rate_factor(500, share, 200, decay_share=0.4) == pytest.approx(expected)


def test_a_budget_that_changes_before_the_rate_falls_changes_nothing_before(tmp_path: Path) -> None:
    losses = []
    for name, steps in (("short", 10), ("long", 20)):
        recipe = replace(_recipe(steps), minutes=None, decay_share=0.5)
        trainer = Trainer(tmp_path / name, recipe, (_pictures(), []), None)
        losses.append([trainer.train_step() for _ in range(4)])
    assert losses[0] == losses[1]


def test_what_is_exported_is_the_mean_of_the_weights(tmp_path: Path) -> None:
    trainer = Trainer(tmp_path, replace(_recipe(3), average=0.5), (_pictures(), []), None)
    name = "classify.bias"
    expected = trainer.net.state_dict()[name].clone()
    for step in range(1, 4):
        trainer.train_step()
        decay = min(0.5, (1.0 + step) / (10.0 + step))
        expected = decay * expected + (1.0 - decay) * trainer.net.state_dict()[name]
    torch.testing.assert_close(trainer.average.state[name], expected)
    trainer.save()
    torch.testing.assert_close(load_run(tmp_path).state_dict()[name], expected)


@pytest.mark.parametrize("wrong", [{"decay_share": 0.0}, {"average": 1.0}])
def test_a_schedule_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"expected an? {next(iter(wrong))}"):
        Recipe(steps=1, **wrong)  # type: ignore[arg-type]


def test_a_batch_shows_luma_and_asks_for_chroma() -> None:
    rgb = torch.rand(3, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    batch = make_batch(rgb, 0.0, FilmModel(), torch.Generator().manual_seed(1))
    assert batch.lightness.shape == (3, 1, 32, 48)
    assert batch.ab.shape == (3, 2, 8, 12)
    grey = make_batch(rgb.mean(dim=1, keepdim=True).expand_as(rgb), 0.5, FilmModel(), torch.Generator().manual_seed(1))
    assert float(grey.ab.abs().max()) < 1e-3


@pytest.mark.slow
def test_two_workers_stay_one_network(tmp_path: Path) -> None:
    """Each worker draws its own pictures, yet after every step both hold the same weights."""
    code = (
        "import sys, hashlib, torch, torch.distributed as dist, numpy as np; from pathlib import Path; "
        "from kinemacolor.training.trainer import Recipe, Trainer; "
        "from kinemacolor.training.photos import CropSettings; "
        "rank, out = int(sys.argv[1]), Path(sys.argv[2]); torch.set_num_threads(1); "
        "dist.init_process_group('gloo', init_method=f'file://{out}/store', rank=rank, world_size=2); "
        "c = CropSettings(count=4, side_px=32); "
        "r = Recipe(minutes=60.0, steps=2, warm_up_steps=1, small=c, large=c, wide=c); "
        "p = [np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)]; "
        "t = Trainer(out, r, (p, []), None, rank=rank, workers=2); t.run(); "
        "w = torch.cat([v.detach().flatten() for v in t.net.parameters()]); "
        "print(t.step, hashlib.sha256(w.numpy().tobytes()).hexdigest())"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", code, str(rank), str(tmp_path)], stdout=subprocess.PIPE)
        for rank in range(2)
    ]
    outputs = [run.communicate(timeout=240)[0] for run in runs]
    assert outputs[0].startswith(b"2 ")
    assert outputs[0] == outputs[1]


def test_the_licence_of_the_weights_is_beside_them_and_at_the_top() -> None:
    top = Path(__file__).parents[2]
    for folder in (top, top / "models" / "kinemacolor" / "models" / "weights"):
        assert (folder / "LICENSE-WEIGHTS").read_text(encoding="utf-8") == licence_text()
