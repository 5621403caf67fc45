"""The training of the transform network of Lai et al.: what its loss asks for, and what a step does for it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from kinemacolor.models.checkpoint import load_weights
from kinemacolor.models.color import luma
from kinemacolor.models.networks.kinema import KinemaNet
from kinemacolor.models.networks.lai import Lai
from kinemacolor.models.networks.mobilenet_v2 import MobileNetV2Encoder
from kinemacolor.training.lai import main
from kinemacolor.training.lai_loss import Footage, LaiLoss, colour_part, lai_loss
from kinemacolor.training.lai_start import begin_as_average
from kinemacolor.training.lai_trainer import LaiRecipe, LaiTrainer
from kinemacolor.training.motion import MotionSettings

SIDE = 32
ONLY = {"short": 0.0, "long": 0.0, "perceptual": 0.0, "patch": 0.0, "luma": 0.0, "fade": 0.0}


def still(colours: list[float]) -> Footage:
    """A picture that stands still, coloured in another red in each frame."""
    grey = torch.full((len(colours), 1, 3, SIDE, SIDE), 0.5)
    processed = grey.clone()
    processed[:, :, 0] += torch.tensor(colours).view(-1, 1, 1, 1)
    axis = (torch.arange(SIDE) + 0.5) / SIDE * 2 - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    grid = torch.stack((x, y), dim=-1).expand(len(colours) - 1, 1, SIDE, SIDE, 2)
    return Footage(grey, processed, grid, torch.ones(len(colours) - 1, 1, 1, SIDE, SIDE))


def identity() -> Lai:
    network = Lai(width=4, blocks=1)
    for parameter in network.deconv3.parameters():
        torch.nn.init.zeros_(parameter)
    return network


def loss(colours: list[float], network: Lai | None = None, **weights: float) -> float:
    how = LaiLoss(**(ONLY | weights))
    return float(lai_loss(network or identity(), still(colours), lambda rgb: rgb, how).detach())


def test_what_is_calm_costs_nothing_and_flicker_costs_what_it_moves() -> None:
    assert loss([0.2, 0.2, 0.2], short=1.0, long=1.0, perceptual=1.0, patch=1.0) == pytest.approx(0, abs=1e-6)
    once = loss([0.1, 0.2, 0.2], short=1.0)
    assert once > 0.005
    assert loss([0.1, 0.3, 0.3], short=1.0) == pytest.approx(2 * once, rel=1e-4)
    assert loss([0.1, 0.1, 0.2], long=1.0) == pytest.approx(once, rel=1e-4)
    assert loss([0.1, 0.2, 0.3], long=1.0) == pytest.approx(2 * once, rel=1e-4)


def test_a_network_that_fades_pays_for_it() -> None:
    fading = identity()
    with torch.no_grad():
        fading.deconv3.conv2d.bias[0] = -0.1
    assert loss([0.2] * 3, fading, patch=1.0) > 0.01
    assert loss([0.2] * 3, fading, fade=1.0) > 0.01
    assert loss([-0.2] * 3, fading, fade=1.0) == pytest.approx(0, abs=1e-6), "it has more chroma than before"
    assert loss([0.2] * 3, fading, perceptual=1.0) > 0.01


def test_luma_must_stay() -> None:
    brighter = identity()
    with torch.no_grad():
        brighter.deconv3.conv2d.bias += 0.2
    assert loss([0.2] * 3, brighter, short=1.0, fade=1.0, patch=1.0) == pytest.approx(0, abs=1e-5)
    assert loss([0.2] * 3, brighter, luma=1.0) > 0.1
    assert loss([0.2] * 3, luma=1.0) == pytest.approx(0, abs=1e-6)


def test_luma_is_not_the_network_s_business() -> None:
    rgb = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(colour_part(rgb), colour_part(rgb + 0.2), atol=1e-6)


def trainer(folder: Path, seed: int = 5) -> LaiTrainer:
    random = np.random.default_rng(1)
    clips = [random.integers(0, 256, (5, SIDE, SIDE, 3)).astype(np.uint8)]
    photos = [random.integers(0, 256, (2 * SIDE, 2 * SIDE, 3)).astype(np.uint8) for _ in range(3)]
    torch.manual_seed(2)
    frame, encoder = KinemaNet(norm=False), MobileNetV2Encoder()
    recipe = LaiRecipe(steps=3, seed=seed, count=1, motion=MotionSettings(frames=3, side_px=SIDE))
    return LaiTrainer(folder, recipe, frame, encoder, clips, photos)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_the_beginning_is_a_moving_average_of_colour(share: float) -> None:
    torch.manual_seed(3)
    network = Lai(blocks=2)
    begin_as_average(network, share)
    colour = torch.tensor([[0.45, 0.40, 0.40], [0.40, 0.40, 0.45]]).view(2, 1, 3, 1, 1).expand(2, 1, 3, SIDE, SIDE)
    grey = torch.full((1, 3, SIDE, SIDE), 0.42)
    with torch.no_grad():
        output, _ = network(colour[0], colour[1], grey, grey, None)
    expected = share * colour_part(colour[1]) + (1 - share) * colour_part(colour[0])
    assert torch.allclose(colour_part(output), expected, atol=2e-3)
    assert torch.allclose(luma(output), luma(colour[0]), atol=1e-5)


def test_a_share_out_of_range_and_a_network_without_biases_are_refused() -> None:
    with pytest.raises(ValueError, match="share"):
        begin_as_average(Lai(width=8), 1.0)
    with pytest.raises(ValueError, match="biases"):
        begin_as_average(Lai(width=8, bias=False), 0.5)


def test_a_run_repeats(tmp_path: Path) -> None:
    one, other = trainer(tmp_path / "a"), trainer(tmp_path / "b")
    before = [parameter.detach().clone() for parameter in one.net.parameters()]
    losses = [one.train_step() for _ in range(2)]
    assert losses == [other.train_step() for _ in range(2)]
    assert all(np.isfinite(losses))
    assert all(not torch.equal(old, new) for old, new in zip(before, one.net.parameters(), strict=True))


def test_what_a_run_has_learned_is_exported_with_its_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, out = tmp_path / "run", tmp_path / "weights"
    one = trainer(run)
    one.train_step()
    one.save()
    (run / "recipe.json").write_text('{"rate": 1}')
    monkeypatch.setattr("sys.argv", ["lai", "--out", str(run), "--export", str(out)])
    assert main() == 0
    card = json.loads((out / "lai.json").read_text())
    network = Lai()
    assert load_weights(out / "lai.safetensors", network) == card["sha256"]
    assert card["licence"] == "CC-BY-NC-4.0"
    assert (card["training"]["steps"], card["training"]["recipe"]) == (1, {"rate": 1})
    for name, value in network.state_dict().items():
        assert torch.allclose(value, one.average.state[name], atol=1e-3), name
    monkeypatch.setattr("sys.argv", ["lai", "--out", str(tmp_path / "none"), "--export", str(out)])
    assert main() == 1
