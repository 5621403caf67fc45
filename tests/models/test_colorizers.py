"""What every colorizer promises: order matters, nothing leaks, state is a value, batches change nothing."""

import subprocess
import sys

import pytest
import torch
from torch import Tensor

from kinemacolor.models.api import Colorizer, ModelSpec, ModelState, Proposal, StepResult
from kinemacolor.models.kinema_colorizer import KINEMA_DTYPES, KinemaColorizer, KinemaWeights
from kinemacolor.models.networks.kinema import DecodeSettings
from kinemacolor.models.networks.tiny import TinyColorizer
from kinemacolor.models.registry import load_model
from kinemacolor.models.selftest import batch_sizes_equal, sample_lightness
from kinemacolor.models.temporal import TemporalSettings

H, W = 64, 96


def _seeded_kinema() -> KinemaColorizer:
    torch.manual_seed(0)
    weights = KinemaWeights()
    spec = ModelSpec(
        name="kinema",
        frame="kinema",
        temporal="memory",
        description="",
        weights_sha256="",
        licence="",
        terms="",
        multiple_of=32,
        dtypes=KINEMA_DTYPES,
    )
    cpu = torch.device("cpu")
    return KinemaColorizer(weights, spec, cpu, torch.float32, decode=DecodeSettings(), temporal=TemporalSettings())


@pytest.fixture(params=["tiny", "kinema", "shipped"], scope="module")
def model(request: pytest.FixtureRequest) -> Colorizer:
    if request.param == "shipped":
        return load_model("kinema", dtype=torch.bfloat16)  # as it is served
    return TinyColorizer() if request.param == "tiny" else _seeded_kinema()


def _clip(seed: int, count: int = 5) -> Tensor:
    """A gradient that drifts under noise, (T, 1, H, W) L*."""
    generator = torch.Generator().manual_seed(seed)
    x, t = torch.linspace(0, 70, W), torch.arange(count).view(-1, 1, 1, 1)
    return (x + 4.0 * t + 10.0 * seed + 8.0 * torch.rand(count, 1, H, W, generator=generator)).clamp(0, 100)


def _play(model: Colorizer, clip: Tensor) -> list[Tensor]:
    state, planes = model.init_state(), []
    for frame in clip:
        result = model.step(state, model.propose(frame.unsqueeze(0))[0])
        state = result.state
        planes.append(result.ab)
    return planes


def test_shapes_and_ranges(model: Colorizer) -> None:
    proposals = model.propose(_clip(0, 2))
    assert len(proposals) == 2
    for proposal, lightness in zip(proposals, _clip(0, 2), strict=True):
        result = model.step(model.init_state(), proposal)
        assert torch.equal(proposal.lightness, lightness)
        assert proposal.ab.shape == result.ab.shape == (2, H, W)
        assert result.ab.dtype == torch.float32
        assert float(result.ab.abs().max()) < 128.0
        assert result.state.nbytes > 0


def test_a_clip_interleaved_with_another_is_the_clip_alone(model: Colorizer) -> None:
    clips = (_clip(0), _clip(1))
    alone = [_play(model, clip) for clip in clips]
    states: list[ModelState] = [model.init_state(), model.init_state()]
    for t, frames in enumerate(zip(*clips, strict=True)):
        for which, proposal in enumerate(model.propose(torch.stack(frames))):
            result = model.step(states[which], proposal)
            states[which] = result.state
            assert torch.equal(result.ab, alone[which][t])


@pytest.mark.parametrize("chunk", [2, 3, 5])
def test_streaming_equals_offline(model: Colorizer, chunk: int) -> None:
    """Frame by frame, in chunks, or the whole clip at once: the same bytes."""
    clip = _clip(0)
    state, offline = model.init_state(), []
    for part in torch.split(clip, chunk):
        for proposal in model.propose(part):
            result = model.step(state, proposal)
            state = result.state
            offline.append(result.ab)
    assert all(torch.equal(a, b) for a, b in zip(_play(model, clip), offline, strict=True))


def test_company_and_place_in_a_batch_do_not_matter(model: Colorizer) -> None:
    clip, others = _clip(0, 1), _clip(1, 3)
    alone = model.propose(clip)[0]
    for place in range(4):
        batch = torch.cat((others[:place], clip, others[place:]))
        found = model.propose(batch)[place]
        assert torch.equal(found.ab, alone.ab)
        assert torch.equal(model.step(model.init_state(), found).ab, model.step(model.init_state(), alone).ab)


def test_earlier_frames_change_the_colour_and_a_new_state_forgets_them(model: Colorizer) -> None:
    last = _clip(0)[-1:]
    proposal = model.propose(last)[0]
    fresh = model.step(model.init_state(), proposal).ab
    assert not torch.equal(_play(model, _clip(0))[-1], fresh)
    assert torch.equal(model.step(model.init_state(), proposal).ab, fresh)


def test_later_frames_change_nothing_earlier(model: Colorizer) -> None:
    for a, b in zip(_play(model, _clip(0)), _play(model, _clip(0)[:3]), strict=False):
        assert torch.equal(a, b)


def test_step_is_pure(model: Colorizer) -> None:
    clip = _clip(0)
    proposal = model.propose(clip[1:2])[0]
    state = model.step(model.init_state(), model.propose(clip[:1])[0]).state
    first = model.step(state, proposal)
    second = model.step(state, proposal)
    assert torch.equal(first.ab, second.ab)
    first.ab.zero_()  # results are the caller's own
    assert torch.equal(model.step(state, proposal).ab, second.ab)


def test_proposals_do_not_keep_the_batch_alive(model: Colorizer) -> None:
    for proposal in model.propose(_clip(0, 3)):
        for tensor in (proposal.lightness, proposal.ab, proposal.features, proposal.confidence):
            assert tensor is None or tensor.untyped_storage().nbytes() == tensor.nbytes


def test_a_lightness_of_another_shape_is_refused(model: Colorizer) -> None:
    for shape in ((1, H, W), (1, 3, H, W), (1, 1, H + 1, W), (0, 1, H, W)):
        with pytest.raises(ValueError, match="expected lightness"):
            model.propose(torch.zeros(shape))


def test_the_state_of_another_network_is_refused(model: Colorizer) -> None:
    other = _seeded_kinema() if isinstance(model, TinyColorizer) else TinyColorizer()
    with pytest.raises(TypeError, match="State, found"):
        model.step(other.init_state(), model.propose(_clip(0, 1))[0])


def test_a_proposal_without_features_is_refused(model: Colorizer) -> None:
    with pytest.raises(ValueError, match="without features"):
        model.step(model.init_state(), Proposal(torch.zeros(1, H, W), torch.zeros(2, H, W)))


def test_a_snapshot_goes_on_as_if_nothing_had_happened(model: Colorizer) -> None:
    assert isinstance(model, TinyColorizer | KinemaColorizer)
    clip = _clip(0)
    state = model.init_state()
    assert model.restore_state(state.tensors()) == state
    for frame in clip[:3]:
        state = model.step(state, model.propose(frame.unsqueeze(0))[0]).state  # type: ignore[assignment]
    saved = {name: tensor.clone() for name, tensor in state.tensors().items()}
    proposal = model.propose(clip[3:4])[0]
    expected: StepResult = model.step(state, proposal)
    assert torch.equal(model.step(model.restore_state(saved), proposal).ab, expected.ab)


def test_every_batch_size_is_equal_on_a_cpu(model: Colorizer) -> None:
    assert batch_sizes_equal(model, H, W, (1, 2, 3, 5)) == (1, 2, 3, 5)


def test_tiny_shows_colour_that_depends_on_the_picture() -> None:
    dark, light = (TinyColorizer().propose(torch.full((1, 1, H, W), value))[0].ab for value in (20.0, 80.0))
    assert float((dark - light).abs().amax()) > 5.0
    textured = TinyColorizer().propose(_clip(0, 1))[0].ab
    assert float(textured.abs().mean()) > 5.0
    assert float(textured.std()) > 2.0


def test_tinys_memory_decays() -> None:
    model, clip = TinyColorizer(), _clip(0, 40)
    other = torch.cat((100.0 - clip[:1], clip[1:]))
    differences = [float((a - b).abs().max()) for a, b in zip(_play(model, clip), _play(model, other), strict=True)]
    assert differences[1] > 0.5
    assert differences[5] > differences[15] > 0.0
    assert differences[-1] < 0.05


def test_tiny_is_the_same_in_another_process() -> None:
    code = (
        "import hashlib, torch; from kinemacolor.models.networks.tiny import TinyColorizer as T; m = T(); "
        "x = torch.linspace(0, 100, 64 * 64).view(1, 1, 64, 64); p = m.propose(x)[0]; "
        "r = m.step(m.step(m.init_state(), p).state, p); "
        "print(m.spec.weights_sha256, hashlib.sha256(r.ab.numpy().tobytes()).hexdigest())"
    )
    runs = {subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout for _ in range(2)}
    assert len(runs) == 1


def test_a_batch_that_fails_is_not_used_and_a_frame_that_fails_alone_is_told() -> None:
    class Small(TinyColorizer):
        most = 2

        def propose(self, lightness: torch.Tensor) -> list[Proposal]:
            if len(lightness) > self.most:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().propose(lightness)

    model = Small()
    assert batch_sizes_equal(model, H, W, (1, 2, 4, 8)) == (1, 2)
    model.most = 0
    with pytest.raises(torch.OutOfMemoryError):
        batch_sizes_equal(model, H, W, (1, 2))


def test_self_test_reports_a_batch_size_that_differs() -> None:
    class Uneven(TinyColorizer):
        def propose(self, lightness: Tensor) -> list[Proposal]:
            shift = 0.01 if lightness.shape[0] == 3 else 0.0
            return super().propose(lightness + shift)

    assert batch_sizes_equal(Uneven(), H, W, (1, 2, 3, 4)) == (1, 2, 4)
    with pytest.raises(ValueError, match="at least 1"):
        batch_sizes_equal(Uneven(), H, W, (0,))


def test_sample_pictures_are_seeded_and_in_range() -> None:
    pictures = sample_lightness(3, 32, 64)
    assert torch.equal(pictures, sample_lightness(3, 32, 64))
    assert float(pictures.min()) >= 0.0
    assert float(pictures.max()) <= 100.0
    assert len({hash(picture.numpy().tobytes()) for picture in pictures}) == 3
