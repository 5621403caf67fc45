"""A network that gives whole pictures, as one that gives chroma for the film's own lightness."""

import pytest
import torch
from tests.parity.seeded import RUNS, with_seeded_weights
from torch import Tensor, nn

from kinemacolor.models.color import lab_to_srgb, luma, srgb_to_lab
from kinemacolor.models.frames import PlainFrames
from kinemacolor.models.grey_input import GreyInput
from kinemacolor.models.networks.imagenet import normalised, restored
from kinemacolor.models.networks.normed_convs import fold_norms
from kinemacolor.models.painted_chroma import PaintedChroma, at_luma
from kinemacolor.models.selftest import sample_lightness


class Painted(nn.Module):
    """Gives one picture whatever comes, and keeps what came."""

    def __init__(self, rgb: Tensor | None = None) -> None:
        super().__init__()
        self.rgb, self.seen = rgb, torch.empty(0)

    def forward(self, picture: Tensor) -> Tensor:
        self.seen = picture
        return picture if self.rgb is None else normalised(self.rgb.expand_as(picture))


def test_the_network_sees_the_grey_of_the_lightness() -> None:
    lightness = torch.linspace(0, 100, 32).view(1, 1, 4, 8)
    painted = Painted()
    ab = GreyInput(PaintedChroma(painted))(lightness)
    grey = restored(painted.seen)
    assert torch.allclose(grey[:, 0], grey[:, 2], atol=1e-5)
    assert torch.allclose(srgb_to_lab(grey)[:, :1], lightness, atol=0.05)
    assert float(ab.abs().max()) < 0.05, "a grey answer has no colour"


def test_chroma_comes_from_the_network_and_light_from_the_film() -> None:
    """However dark or bright the network paints."""
    lightness = torch.full((1, 1, 2, 2), 60.0)
    red = torch.tensor([0.6, 0.4, 0.35]).view(3, 1, 1)
    for shift in (-0.2, 0.0, 0.2):
        ab = GreyInput(PaintedChroma(Painted(red + shift)))(lightness)
        out = lab_to_srgb(torch.cat((lightness, ab), dim=1))
        difference = out[:, 0] - out[:, 1], out[:, 1] - out[:, 2]
        assert difference[0].mean().item() == pytest.approx(0.2, abs=0.02)
        assert difference[1].mean().item() == pytest.approx(0.05, abs=0.02)


def test_luma_and_hue_are_kept_inside_the_gamut() -> None:
    torch.manual_seed(1)
    coloured, grey = torch.rand(2, 3, 20, 20), torch.rand(2, 1, 20, 20).expand(-1, 3, -1, -1)
    found = at_luma(coloured, grey)
    assert float(found.min()) >= 0.0
    assert float(found.max()) <= 1.0
    assert torch.allclose(luma(found), grey[:, :1], atol=1e-5)
    wanted, had = coloured - luma(coloured), found - grey
    share = had.norm(dim=1) / wanted.norm(dim=1)
    assert torch.allclose(had, share.unsqueeze(1) * wanted, atol=1e-4), "one share for all three"
    assert float(share.max()) <= 1.0 + 1e-4
    inside = ((grey + wanted) >= 0).all(dim=1) & ((grey + wanted) <= 1).all(dim=1)
    assert torch.allclose(share[inside], torch.ones(()), atol=1e-3), "what fits is not touched"


def test_black_and_white_have_no_colour() -> None:
    lightness = torch.tensor([0.0, 100.0]).view(1, 1, 1, 2).repeat(1, 1, 2, 1)
    ab = GreyInput(PaintedChroma(Painted(torch.tensor([1.0, 0.1, 0.0]).view(3, 1, 1))))(lightness)
    assert float(ab.abs().max()) < 0.1


@pytest.mark.parametrize("bad", [torch.inf, -torch.inf, torch.nan])
def test_a_clip_makes_no_colour_of_what_is_no_number(bad: float) -> None:
    rgb = torch.tensor([0.6, 0.4, 0.35]).view(1, 3, 1, 1).repeat(1, 1, 2, 2)
    rgb[0, 1, 0, 1] = bad
    ab = GreyInput(PaintedChroma(Painted(rgb)))(torch.full((1, 1, 2, 2), 60.0))
    assert ab.isfinite().all(dim=1).tolist() == [[[True, False], [True, True]]]


@pytest.mark.parametrize("kind", ["deoldify-wide", "deoldify-deep"])
def test_frames_alone_and_together_are_the_same(kind: str) -> None:
    network = GreyInput(PaintedChroma(fold_norms(with_seeded_weights(RUNS[kind][0]()))))
    frames = PlainFrames.on(torch.device("cpu"), lambda: network, 16)
    lightness = sample_lightness(2, 32, 48)
    together = frames.propose(lightness)
    for index, proposal in enumerate(together):
        (alone,) = frames.propose(lightness[index : index + 1])
        assert torch.equal(alone.ab, proposal.ab)
