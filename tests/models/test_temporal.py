import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.networks.memory import CELL, DESCRIPTOR, MemoryNet
from kinemacolor.models.networks.recall import RecallNet
from kinemacolor.models.shot_memory import KinemaState, ShotNets
from kinemacolor.models.shot_memory import advance as advance_shot
from kinemacolor.models.temporal import Cells, TemporalSettings, gather, match, observe

SETTINGS = TemporalSettings()
H, W = 16, 24
SURE = torch.ones(1, 1, H, W)
RECALL = RecallNet()


@pytest.fixture(scope="module")
def net() -> MemoryNet:
    """Not trained: a random description still tells patterns apart if it is sharp enough."""
    torch.manual_seed(0)
    net = MemoryNet().eval().requires_grad_(False)
    net.sharpness.fill_(6.0)
    return net


def advance(net: MemoryNet, state: KinemaState, observed: Cells, settings: TemporalSettings) -> KinemaState:
    """Of a shot without guides, for which nobody looks at the lightness itself."""
    return advance_shot(ShotNets(net, RECALL), state, observed, torch.empty(0), settings).state


def _scene(seed: int = 0) -> Tensor:
    """Smooth random lightness (1, 1, 4 H, 4 W)."""
    noise = torch.rand(1, 1, 2 * H, 2 * W, generator=torch.Generator().manual_seed(seed)) * 100
    return F.interpolate(noise, scale_factor=2, mode="bilinear")


def _ab(value: float) -> Tensor:
    return torch.full((1, 2, H, W), value)


def _colour(state: KinemaState) -> Tensor:
    assert state.memory is not None
    return Cells.unstack(state.memory.unsqueeze(0)).ab


def test_the_first_frame_is_the_frame_networks(net: MemoryNet) -> None:
    state = advance(net, KinemaState(), observe(net, _scene(), _ab(12.0), SURE), SETTINGS)
    assert torch.equal(_colour(state), _ab(12.0))


def test_flicker_over_a_still_scene_is_averaged(net: MemoryNet) -> None:
    state, found = KinemaState(), []
    for t in range(40):
        state = advance(net, state, observe(net, _scene(), _ab(20.0 + (5.0 if t % 2 else -5.0)), SURE), SETTINGS)
        found.append(float(_colour(state).mean()))
    assert max(found[20:]) - min(found[20:]) < 2.5  # of 10
    assert abs(sum(found[20:]) / 20 - 20.0) < 0.5


def test_colour_follows_motion_within_the_search_radius(net: MemoryNet) -> None:
    scene = _scene(1)
    ab = torch.zeros(1, 2, H, W)
    ab[..., 4:8, 8:12] = 30.0
    state = advance(net, KinemaState(), observe(net, scene, ab, SURE), SETTINGS)
    moved = torch.roll(scene, (CELL, 2 * CELL), (2, 3))
    # The frame network is unsure and says grey: the colour has to come from memory.
    state = advance(net, state, observe(net, moved, torch.zeros(1, 2, H, W), 0.01 * SURE), SETTINGS)
    assert float(_colour(state)[..., 6:8, 11:13].mean()) > 24.0
    assert float(_colour(state)[..., 4, 8].abs().mean()) < 6.0


def test_every_place_of_the_window_is_looked_at() -> None:
    """One cell with a description of its own is found wherever it was within the radius, and nowhere else."""
    for dy in range(-3, 4):
        for dx in range(-3, 4):
            before, after, mark = (
                torch.zeros(1, DESCRIPTOR, H, W),
                torch.zeros(1, DESCRIPTOR, H, W),
                torch.zeros(1, 1, H, W),
            )
            before[0, 0, 8 + dy, 12 + dx] = after[0, 0, 8, 12] = 5.0
            mark[0, 0, 8 + dy, 12 + dx] = 1.0
            assert float(gather(mark, match(before, after, 3), 3)[0, 0, 8, 12]) > 0.99


def test_a_judge_that_trusts_nothing_takes_the_new_colour() -> None:
    torch.manual_seed(0)
    net = MemoryNet().requires_grad_(False)
    last = net.weigh[-1]
    assert isinstance(last, torch.nn.Conv2d)
    assert last.bias is not None
    last.bias[0] = -30.0
    state = advance(net, KinemaState(), observe(net, _scene(), _ab(30.0), SURE), SETTINGS)
    state = advance(net, state, observe(net, _scene(), _ab(-20.0), SURE), SETTINGS)
    torch.testing.assert_close(_colour(state), _ab(-20.0), atol=0.01, rtol=0)


def test_confidence_is_bounded_and_so_is_the_state(net: MemoryNet) -> None:
    state = KinemaState()
    for _ in range(100):
        state = advance(net, state, observe(net, _scene(), _ab(1.0), SURE), SETTINGS)
        assert state.memory is not None
        assert float(state.memory[-1].max()) <= SETTINGS.limit
    assert state.nbytes == (DESCRIPTOR + 1 + 2 + 1) * H * W * 4


def test_advance_never_writes_into_its_input(net: MemoryNet) -> None:
    state = advance(net, KinemaState(), observe(net, _scene(), _ab(5.0), SURE), SETTINGS)
    before = {name: tensor.clone() for name, tensor in state.tensors().items()}
    observed = observe(net, _scene(3), _ab(9.0), 0.5 * SURE)
    copy = observed.stacked().clone()
    advance(net, state, observed, SETTINGS)
    assert all(torch.equal(before[name], tensor) for name, tensor in state.tensors().items())
    assert torch.equal(observed.stacked(), copy)


def test_snapshot_round_trip(net: MemoryNet) -> None:
    state = advance(net, KinemaState(), observe(net, _scene(), _ab(5.0), SURE), SETTINGS)
    assert KinemaState.from_tensors(KinemaState().tensors()) == KinemaState()
    again = KinemaState.from_tensors(state.tensors())
    assert torch.equal(_colour(again), _colour(state))


def test_another_size_is_refused(net: MemoryNet) -> None:
    state = advance(net, KinemaState(), observe(net, _scene(), _ab(5.0), SURE), SETTINGS)
    small = observe(net, torch.zeros(1, 1, 32, 32), torch.zeros(1, 2, 8, 8), torch.ones(1, 1, 8, 8))
    with pytest.raises(ValueError, match=r"expected a frame of \(16, 24\) cells"):
        advance(net, state, small, SETTINGS)
