"""The refinement of `favc` is trained as it is used: the flow is the film's, the frame before is the refined one."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kinemacolor.models.color import lightness_from_luminance, srgb_to_linear
from kinemacolor.models.networks.favc import VARIANTS, FavcColour
from kinemacolor.models.networks.favc_refinement import Refinement, refinement_input
from kinemacolor.models.networks.mobile_trunk import TRUNK_CHANNELS
from kinemacolor.models.networks.mobilenet_v2 import MobileNetV2Encoder
from kinemacolor.training import favc_refine_trainer
from kinemacolor.training.favc_refine_trainer import FavcRefineTrainer, RefineRecipe
from kinemacolor.training.favc_shots import colour_shots
from kinemacolor.training.motion import MotionSettings, MovingPicture

SIDE, FRAMES = 32, 4


# ---- the flow ----


def texture(width: int) -> Tensor:
    """(64, width) codes that DIS can follow."""
    x, y = torch.arange(width), torch.arange(64).view(-1, 1)
    return 0.5 + 0.2 * torch.sin(x / 5 + y / 9) + 0.2 * torch.cos(x / 7 - y / 4)


def test_the_flow_is_that_of_the_grey_frames_whatever_the_colours_do() -> None:
    film = torch.stack([texture(120)[:, 4 * t : 4 * t + 96] for t in range(3)])
    against = torch.stack([texture(120)[:, 12 - 4 * t : 108 - 4 * t] for t in range(3)])
    picture = MovingPicture(against.unsqueeze(1).repeat(1, 3, 1, 1), torch.empty(0), torch.empty(0))
    lightness = lightness_from_luminance(srgb_to_linear(film)).view(3, 1, 1, 64, 96)
    shots = colour_shots([picture], lightness)
    inside = shots.flow[:, 0, :, 12:-12, 16:-16]
    assert shots.flow.shape == (2, 1, 2, 64, 96)
    assert inside[:, 0].median().item() == pytest.approx(4.0, abs=0.3), "from each frame to the one before"
    assert inside[:, 1].median().item() == pytest.approx(0.0, abs=0.3)


# ---- the unrolling ----


@pytest.fixture
def trainer(tmp_path: Path) -> FavcRefineTrainer:
    random = np.random.default_rng(1)
    clips: list[NDArray[np.uint8]] = [random.integers(0, 256, (5, SIDE, SIDE, 3)).astype(np.uint8)]
    photos = [random.integers(0, 256, (2 * SIDE, 2 * SIDE, 3)).astype(np.uint8) for _ in range(3)]
    motion = MotionSettings(frames=FRAMES, side_px=SIDE)
    recipe = RefineRecipe(steps=4, width=4, count=1, motion=motion)
    torch.manual_seed(2)
    return FavcRefineTrainer(tmp_path, recipe, FavcColour(TRUNK_CHANNELS, 4), MobileNetV2Encoder(), clips, photos)


class Watch:
    """What a step of a trainer gave its refinement, and what its networks gave."""

    def __init__(self, trainer: FavcRefineTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.before: list[Tensor] = []
        self.own: list[Tensor] = []
        self.refined: list[Tensor] = []
        self.pictures = torch.empty(0)
        trainer.net.register_forward_hook(self._refined)
        trainer._colour.register_forward_hook(self._coloured)
        monkeypatch.setattr(favc_refine_trainer, "refinement_input", self._input)

    def _input(self, before: Tensor, colour: Tensor, *rest: Tensor) -> Refinement:
        self.before.append(before)
        self.own.append(colour)
        return refinement_input(before, colour, *rest)

    def _refined(self, network: nn.Module, given: object, found: Tensor) -> None:
        self.refined.append(found.detach().float())

    def _coloured(self, network: nn.Module, given: object, found: Tensor) -> None:
        self.pictures = found.float()

    def chosen(self) -> int:
        """Which of the pictures, from 0, the step was of."""
        second = self.pictures[1]
        (found,) = [n for n in range(VARIANTS) if torch.equal(second[3 * n : 3 * n + 3], self.own[0][0])]
        return found


def test_the_frame_before_is_the_refined_one_without_its_gradient(
    trainer: FavcRefineTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(trainer, monkeypatch)
    trainer.draw_loss()
    chosen = watch.chosen()
    assert len(watch.before) == len(watch.refined) == FRAMES - 1
    assert torch.equal(watch.before[0][0], watch.pictures[0, 3 * chosen : 3 * chosen + 3]), "the first as it is"
    for before, refined in zip(watch.before[1:], watch.refined[:-1], strict=True):
        assert torch.equal(before, refined)
        assert not before.requires_grad
    assert all(not torch.equal(refined, own) for refined, own in zip(watch.refined, watch.own, strict=True))


def test_each_of_the_pictures_is_trained_on(trainer: FavcRefineTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for step in range(16):
        with monkeypatch.context() as patch:
            watch = Watch(trainer, patch)
            trainer.step = step
            with torch.no_grad():
                trainer.draw_loss()
            found.append(watch.chosen())
    assert set(found) == set(range(VARIANTS))
