"""Infinity from a network whose pictures are clipped is a failed frame, as NaN is."""

from dataclasses import replace

import pytest
import torch
from tests.models.test_composed import seeded_lai
from torch import Tensor, nn

from kinemacolor.colour.encoding import Transfer
from kinemacolor.colour.lightness import lightness_table
from kinemacolor.models.composed import ComposedColorizer
from kinemacolor.models.favc_frames import FavcFrames
from kinemacolor.models.frames import PlainFrames
from kinemacolor.models.grey_input import GreyInput
from kinemacolor.models.networks.imagenet import normalised
from kinemacolor.models.painted_chroma import PaintedChroma
from kinemacolor.models.registry import describe_model
from kinemacolor.models.steadying import LaiSteadying, NoSteadying, Steadying
from kinemacolor.server.config import ServerConfig
from kinemacolor.server.engine import ClipSetup, Engine, NonFiniteColorError
from kinemacolor.wire.frame import FrameNumber, Geometry

CPU = torch.device("cpu")
SIDE = 32
BRIGHT, GREY = b"\xff\xff" * SIDE * SIDE, b"\x7f\x7f" * SIDE * SIDE


class Favc(nn.Module):
    """A picture with infinite red where the film is white."""

    def forward(self, grey: Tensor) -> Tensor:
        rgb = torch.cat((grey + 0.1, grey, grey), dim=1)
        rgb[:, :1][grey > 0.99] = torch.inf
        return rgb


class Normalised(nn.Module):
    """The same as of ImageNet."""

    def forward(self, picture: Tensor) -> Tensor:
        coloured = picture.clone()
        coloured[:, 0][picture[:, 0] > float(normalised(torch.full((1, 3, 1, 1), 0.99))[0, 0])] = torch.inf
        return coloured


class Chroma(nn.Module):
    """a* that is infinite there: `lai` sees it as a picture."""

    def forward(self, lightness: Tensor) -> Tensor:
        infinite = torch.where(lightness > 99.0, torch.inf, 10.0)
        return torch.cat((infinite, torch.full_like(infinite, 5.0)), dim=1)


def colorizer(kind: str) -> ComposedColorizer:
    spec = replace(describe_model("favc-image"), multiple_of=16)
    steadying: Steadying = LaiSteadying(seeded_lai(), CPU) if kind == "lai" else NoSteadying()
    if kind == "favc":
        return ComposedColorizer(spec, FavcFrames.on(CPU, Favc(), 16), steadying, CPU)  # type: ignore[arg-type]
    network = {"deoldify": lambda: GreyInput(PaintedChroma(Normalised())), "lai": Chroma}[kind]
    return ComposedColorizer(spec, PlainFrames.on(CPU, network, 16), steadying, CPU)


@pytest.mark.parametrize("kind", ["favc", "deoldify", "lai"])
def test_infinity_from_a_network_is_a_failed_frame(kind: str) -> None:
    engine = Engine(ServerConfig(device="cpu"))
    setup = ClipSetup(colorizer(kind), Geometry(SIDE, SIDE), lightness_table(Transfer.SRGB), want_confidence=False)
    assert engine.batch_sizes(setup), "a clip can be opened: it is the frame that fails"
    good, bad = engine.propose(setup, [GREY, BRIGHT], [0, 0])
    state, _ = engine.step(setup, FrameNumber(0), None, good)
    with pytest.raises(NonFiniteColorError, match=f"{SIDE * SIDE} pixels have no colour"):
        engine.step(setup, FrameNumber(1), state, bad)
    engine.step(setup, FrameNumber(1), state, good)
