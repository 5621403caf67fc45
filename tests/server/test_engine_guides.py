"""What the engine makes of a clip's guides and of its variant, and whose confidence it sends."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from kinemacolor.colour.encoding import Transfer
from kinemacolor.colour.lightness import lightness_table
from kinemacolor.models.api import Guide, HintSpot, ModelSpec, ModelState, Proposal, StepResult
from kinemacolor.models.networks.tiny import TinyColorizer, TinyState
from kinemacolor.server import engine as engine_module
from kinemacolor.server.config import ServerConfig
from kinemacolor.server.device_worker import ProposeJob
from kinemacolor.server.engine import ClipSetup, Engine, TimedProposal, UnsupportedError
from kinemacolor.server.events import RunPropose
from kinemacolor.server.guided_shots import guided_shots
from kinemacolor.server.open_request import ClipSettings
from kinemacolor.wire.codec import encode_luma
from kinemacolor.wire.frame import FrameNumber, Geometry, GuideFrame, HintPoint

WIDTH, HEIGHT = 10, 6
PADDED = (8, 12)
RANDOM = np.random.default_rng(1908)
LUMA = RANDOM.integers(0, 65536, (HEIGHT, WIDTH)).astype(np.uint16)
AB = RANDOM.integers(-32768, 32768, (2, HEIGHT, WIDTH)).astype(np.int16)
HINT = HintPoint(0.25, 1.0, 0.5, 30.0, -20.5)
PICTURE = GuideFrame(FrameNumber(3), LUMA, AB)
HINTED = GuideFrame(FrameNumber(7), LUMA, None, (HINT,))
STARTS = (FrameNumber(0), FrameNumber(5), FrameNumber(9))
TABLE = lightness_table(Transfer.SRGB)


class Recorder:
    """A model that takes everything and remembers, for the test, what it was given."""

    def __init__(self, spec: ModelSpec, sure: float | None = None) -> None:
        self.spec, self.device, self.dtype = spec, torch.device("cpu"), torch.float32
        self.sure = sure
        self.given: list[tuple[Guide, ...]] = []

    def propose(self, lightness: Tensor) -> list[Proposal]:
        return [
            Proposal(light, torch.zeros(2, *PADDED), confidence=torch.full((1, *PADDED), 0.2)) for light in lightness
        ]

    def with_variant(self, variant: int) -> "Recorder":
        return self

    def init_state(self, guides: Sequence[Guide] = ()) -> ModelState:
        self.given.append(tuple(guides))
        return TinyState()

    def step(self, state: ModelState, proposal: Proposal) -> StepResult:
        confidence = None if self.sure is None else torch.full((1, *PADDED), self.sure)
        return StepResult(state, proposal.ab, confidence)

    def restore_state(self, tensors: Mapping[str, Tensor]) -> ModelState:
        return TinyState()


def settings(*guides: GuideFrame, **fields: object) -> ClipSettings:
    shots = guided_shots(guides, STARTS)
    plain = ClipSettings("tiny", Geometry(WIDTH, HEIGHT), Transfer.SRGB, STARTS, want_confidence=False)
    return replace(plain, guided_shots=shots, **fields)  # type: ignore[arg-type]


@pytest.fixture
def engine() -> Engine:
    return Engine(ServerConfig(device="cpu", threads=1))


def stepped(engine: Engine, setup: ClipSetup, number: int, state: ModelState | None = None) -> bytes:
    """The confidence of one frame."""
    [timed] = engine.propose(setup, [encode_luma(LUMA)], [0])
    assert isinstance(timed, TimedProposal)
    return engine.step(setup, FrameNumber(number), state, timed)[1].confidence


def padded(planes: np.ndarray) -> np.ndarray:
    bottom, right = PADDED[0] - HEIGHT, PADDED[1] - WIDTH
    return np.pad(planes, (*[(0, 0)] * (planes.ndim - 2), (0, bottom), (0, right)), mode="edge")


def test_a_state_begins_with_the_guides_of_its_shot_and_no_others(engine: Engine) -> None:
    setup = engine.setup(settings(PICTURE, HINTED))
    recorder = Recorder(setup.model.spec)
    setup = replace(setup, model=recorder)
    for number in (0, 4, 5, 8, 9, 1000):
        stepped(engine, setup, number)
    stepped(engine, setup, 6, state=TinyState())
    assert [[guide.ab is not None for guide in guides] for guides in recorder.given] == [
        *[[True]] * 2,
        *[[False]] * 2,
        *[[]] * 2,
    ]


def test_a_guide_reaches_the_model_in_its_units(engine: Engine) -> None:
    setup = engine.setup(settings(PICTURE, HINTED))
    recorder = Recorder(setup.model.spec)
    setup = replace(setup, model=recorder)
    assert setup.padded == PADDED
    stepped(engine, setup, 0)
    stepped(engine, setup, 5)
    [picture], [hinted] = recorder.given
    for guide in (picture, hinted):
        assert guide.lightness.dtype is torch.float32
        np.testing.assert_array_equal(guide.lightness.numpy(), padded(TABLE[LUMA])[np.newaxis])
    assert picture.ab is not None
    assert picture.ab.dtype is torch.float32
    np.testing.assert_array_equal(picture.ab.numpy(), padded(AB.astype(np.float64) / 256))
    assert (picture.hints, hinted.ab) == ((), None)
    assert hinted.hints == (HintSpot(x_px=2.5, y_px=5.5, radius_px=3.0, a=30.0, b=-20.5),)


def test_a_hint_at_the_far_border_is_in_the_picture_and_not_in_its_padding(engine: Engine) -> None:
    corner = replace(HINTED, hints=(HintPoint(1.0, 1.0, 0.0, 1.0, 2.0),))
    setup = engine.setup(settings(corner))
    recorder = Recorder(setup.model.spec)
    stepped(engine, replace(setup, model=recorder), 5)
    [guide] = recorder.given[0]
    assert (guide.hints[0].x_px, guide.hints[0].y_px) == (WIDTH - 0.5, HEIGHT - 0.5)


@pytest.mark.parametrize(("sure", "expected"), [(None, 51), (0.8, 204)])
def test_the_confidence_is_that_of_the_step_if_it_has_one(engine: Engine, sure: float | None, expected: int) -> None:
    setup = engine.setup(settings(want_confidence=True))
    recorder = Recorder(setup.model.spec, sure)
    assert stepped(engine, replace(setup, model=recorder), 0) == bytes([expected]) * (WIDTH * HEIGHT)
    assert stepped(engine, replace(setup, model=recorder, want_confidence=False), 0) == b""


def test_clips_of_a_variant_share_batches_and_clips_of_two_do_not(engine: Engine) -> None:
    jobs = [job(engine.setup(settings(*guides, variant=variant))) for guides, variant in GUIDES_AND_VARIANTS]
    assert jobs[0].can_share_a_batch_with(jobs[1])
    assert jobs[2].can_share_a_batch_with(jobs[3])
    assert not jobs[0].can_share_a_batch_with(jobs[2])
    assert not jobs[2].can_share_a_batch_with(jobs[4])
    assert jobs[0].setup.model is engine.model("tiny")


GUIDES_AND_VARIANTS = [((), 1), ((PICTURE,), 1), ((), 2), ((HINTED,), 2), ((), 3)]


def job(setup: ClipSetup) -> ProposeJob:
    return ProposeJob(setup, RunPropose(FrameNumber(0), 1, b"", None), lambda event: None)


@pytest.mark.parametrize(
    ("less", "guides", "variant", "why"),
    [
        ({"takes_references": False}, (PICTURE,), 1, "model tiny takes no references"),
        ({"takes_hints": False}, (HINTED,), 1, "model tiny takes no hints"),
        ({"takes_hints": False}, (replace(PICTURE, hints=(HINT,)),), 1, "model tiny takes no hints"),
        ({"variants": 1}, (), 2, "model tiny: expected a variant of 1 to 1, found 2"),
    ],
)
def test_what_a_model_has_not_is_refused(
    monkeypatch: pytest.MonkeyPatch, less: dict[str, object], guides: tuple[GuideFrame, ...], variant: int, why: str
) -> None:
    spec = replace(TinyColorizer().spec, **less)  # type: ignore[arg-type]
    monkeypatch.setattr(engine_module, "load_model", lambda name, **how: Recorder(spec))
    engine = Engine(ServerConfig(device="cpu", threads=1))
    engine.setup(settings())
    with pytest.raises(UnsupportedError, match=f"^{why}$"):
        engine.setup(settings(*guides, variant=variant))
