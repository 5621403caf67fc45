import pytest
import torch
from torch import Tensor

from kinemacolor.models.temporal import CELL, KinemaState, TemporalSettings, advance, describe

SETTINGS = TemporalSettings()
H, W = 16, 24
SURE = torch.ones(1, H, W)


def _scene(seed: int = 0) -> Tensor:
    """Smooth random lightness (1, 1, 4 H, 4 W)."""
    noise = torch.rand(1, 1, 2 * H, 2 * W, generator=torch.Generator().manual_seed(seed)) * 100
    return torch.nn.functional.interpolate(noise, scale_factor=2, mode="bilinear")


def _ab(value: float) -> Tensor:
    return torch.full((2, H, W), value)


def test_the_first_frame_is_the_frame_networks() -> None:
    state = advance(KinemaState(), describe(_scene())[0], _ab(12.0), SURE, SETTINGS)
    assert state.ab is not None
    assert torch.equal(state.ab, _ab(12.0))


def test_flicker_over_a_still_scene_is_averaged() -> None:
    state, descriptor, found = KinemaState(), describe(_scene())[0], []
    for t in range(30):
        state = advance(state, descriptor, _ab(20.0 + (5.0 if t % 2 else -5.0)), SURE, SETTINGS)
        assert state.ab is not None
        found.append(float(state.ab.mean()))
    assert max(found[20:]) - min(found[20:]) < 2.0  # of 10
    assert abs(sum(found[20:]) / 10 - 20.0) < 0.5


def test_colour_follows_motion_within_the_search_radius() -> None:
    scene = _scene(1)
    ab = torch.zeros(2, H, W)
    ab[:, 4:8, 8:12] = 30.0
    state = advance(KinemaState(), describe(scene)[0], ab, SURE, SETTINGS)
    moved = torch.roll(scene, (CELL, 2 * CELL), (2, 3))
    # The frame network is unsure and says grey: the colour has to come from memory.
    state = advance(state, describe(moved)[0], torch.zeros(2, H, W), 0.05 * SURE, SETTINGS)
    assert state.ab is not None
    assert float(state.ab[:, 6:8, 11:13].mean()) > 24.0
    assert float(state.ab[:, 4, 8].abs().mean()) < 6.0


def test_what_does_not_match_takes_the_new_colour() -> None:
    state = advance(KinemaState(), torch.zeros(4, H, W), _ab(30.0), SURE, SETTINGS)
    state = advance(state, torch.full((4, H, W), 80.0), _ab(-20.0), SURE, SETTINGS)
    assert state.ab is not None
    torch.testing.assert_close(state.ab, _ab(-20.0), atol=0.01, rtol=0)


def test_confidence_is_bounded_and_so_is_the_state() -> None:
    state, descriptor = KinemaState(), describe(_scene())[0]
    for _ in range(20):
        state = advance(state, descriptor, _ab(1.0), SURE, SETTINGS)
        assert state.confidence is not None
        assert float(state.confidence.max()) <= SETTINGS.limit
    assert state.nbytes == (4 + 2 + 1) * H * W * 4


def test_advance_never_writes_into_its_input() -> None:
    descriptor = describe(_scene())[0]
    state = advance(KinemaState(), descriptor, _ab(5.0), SURE, SETTINGS)
    before = {name: tensor.clone() for name, tensor in state.tensors().items()}
    arguments = describe(_scene(3))[0], _ab(9.0), 0.5 * SURE
    copies = [tensor.clone() for tensor in arguments]
    advance(state, *arguments, SETTINGS)
    assert all(torch.equal(before[name], tensor) for name, tensor in state.tensors().items())
    assert all(map(torch.equal, copies, arguments))


def test_snapshot_round_trip() -> None:
    state = advance(KinemaState(), describe(_scene())[0], _ab(5.0), SURE, SETTINGS)
    assert KinemaState.from_tensors(KinemaState().tensors()) == KinemaState()
    again = KinemaState.from_tensors(state.tensors())
    assert again.tensors().keys() == state.tensors().keys() == {"descriptor", "ab", "confidence"}


def test_another_size_is_refused() -> None:
    state = advance(KinemaState(), describe(_scene())[0], _ab(5.0), SURE, SETTINGS)
    with pytest.raises(ValueError, match=r"expected a frame of \(4, 16, 24\) cells"):
        advance(state, torch.zeros(4, 8, 8), torch.zeros(2, 8, 8), torch.ones(1, 8, 8), SETTINGS)
