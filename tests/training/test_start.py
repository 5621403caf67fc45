"""Training on from exported weights: nothing is changed by the beginning, and what is no beginning is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from kinemacolor.models.kinema_colorizer import KinemaWeights
from kinemacolor.models.networks.kinema import Answer, KinemaNet, fold_batch_norm
from kinemacolor.training.errors import RecipeError
from kinemacolor.training.photos import CropSettings
from kinemacolor.training.start import Start, begin_with, read_start
from kinemacolor.training.trainer import Recipe, Trainer

NEW = ("attend32.", "attend16.", "report.")


def _file(path: Path, drop: tuple[str, ...] = (), **more: Tensor) -> tuple[Path, KinemaWeights]:
    """Weights with numbers in every layer, as if they had been trained."""
    torch.manual_seed(0)
    weights = KinemaWeights()
    with torch.no_grad():
        for parameter in weights.frame.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
        weights.frame.class_log_weight.normal_()
    state = {name: value for name, value in weights.state_dict().items() if not name.startswith(drop)}
    save_file({**state, **more}, path)
    return path, weights.eval()


def _pictures() -> Tensor:
    return torch.rand(2, 1, 64, 96, generator=torch.Generator().manual_seed(1)) * 100.0


def _begun(start: Start) -> KinemaNet:
    net = KinemaNet(norm=True)
    begin_with(net, start.frame, [_pictures(), _pictures().flip(-1)])
    return net


@torch.no_grad()
def _same(found: Answer, expected: Answer) -> None:
    for name in ("logits", "finish", "error"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), atol=2e-4, rtol=1e-3)


def test_a_network_says_the_same_before_and_after_its_norms_are_put_back(tmp_path: Path) -> None:
    path, weights = _file(tmp_path / "kinema.safetensors")
    start = read_start(path)
    net = _begun(start)
    elsewhere = torch.rand(1, 1, 32, 64, generator=torch.Generator().manual_seed(2)) * 100.0
    with torch.no_grad():
        _same(net(elsewhere), weights.frame(elsewhere))
        _same(fold_batch_norm(net)(elsewhere), weights.frame(elsewhere))
        # The norms do their work: with the pictures' own statistics little changes.
        _norms_fit(net)
    assert torch.equal(net.class_log_weight, weights.frame.class_log_weight)
    assert set(start.parts) == {"memory", "recall", "spread"}
    assert torch.equal(start.parts["spread"]["answer.bias"], weights.spread.answer.bias)


def _norms_fit(net: KinemaNet) -> None:
    """What a norm gives out has the mean and the variance that it was told."""
    norm, found = net.mix.norm, []
    hook = norm.register_forward_hook(lambda module, given, output: found.append(given[0]))
    net(_pictures())
    hook.remove()
    spread = found[0].var(dim=(0, 2, 3), correction=0) / norm.running_var
    assert 0.5 < float(spread.median()) < 2.0


def test_weights_of_the_first_kinema_are_a_beginning_too(tmp_path: Path) -> None:
    drop = (*(f"frame.{name}" for name in NEW), "recall.", "spread.")
    path, weights = _file(tmp_path / "first.safetensors", drop)
    start = read_start(path)
    assert set(start.parts) == {"memory"}
    net = _begun(start)
    made = KinemaNet(norm=False)
    made.load_state_dict({**made.state_dict(), **start.frame})
    with torch.no_grad():
        _same(replace(net(_pictures()), error=torch.zeros(1)), replace(made(_pictures()), error=torch.zeros(1)))
        assert not net(_pictures()).finish.any()
    assert torch.equal(net.classify.weight, weights.frame.classify.weight)


@pytest.mark.parametrize(
    ("drop", "more", "message"),
    [
        (("frame.bottom.",), {}, "2 missing (frame.bottom.conv.bias, frame.bottom.conv.weight)"),
        (("frame.report.weight",), {}, "1 missing (frame.report.weight)"),
        (("memory.sharpness",), {}, "1 missing (memory.sharpness)"),
        ((), {"frame.up16.hint.weight": torch.zeros(1)}, "1 unexpected (frame.up16.hint.weight)"),
        ((), {"frame.classify.bias": torch.zeros(313)}, "1 of another shape (frame.classify.bias)"),
        ((), {"frame.classify.bias": torch.full((261,), torch.nan)}, "1 not finite (frame.classify.bias)"),
    ],
)
def test_what_is_no_beginning_is_refused_in_one_line(
    tmp_path: Path, drop: tuple[str, ...], more: dict[str, Tensor], message: str
) -> None:
    path, _ = _file(tmp_path / "x.safetensors", drop, **more)
    with pytest.raises(RecipeError) as caught:
        read_start(path)
    assert str(caught.value) == f"{path}: expected the tensors of kinema, found {message}"


def test_a_file_that_is_no_weights_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    for name in ("x.safetensors", "none.safetensors"):
        with pytest.raises(RecipeError, match="expected a weights file of kinema, found none"):
            read_start(tmp_path / name)


def test_a_run_begins_with_the_weights_and_their_class_weights(tmp_path: Path) -> None:
    path, weights = _file(tmp_path / "kinema.safetensors")
    rng = np.random.default_rng(0)
    photos = [rng.integers(0, 256, (48, 64, 3)).astype(np.uint8) for _ in range(3)]
    crops = CropSettings(count=2, side_px=32)
    recipe = Recipe(steps=2, small=crops, large=crops, wide=crops)
    trainer = Trainer(tmp_path / "run", recipe, (photos, []), None, start=read_start(path).frame)
    assert torch.equal(trainer.net.class_log_weight, weights.frame.class_log_weight)
    with torch.no_grad():
        _same(trainer.net.eval()(_pictures()), weights.frame(_pictures()))
    trainer.train_step()
