"""Ten or more seconds of a shot keep their colours: the shipped network on a photo under fresh grain."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage import data
from torch import Tensor

from kinemacolor.models.color import lightness_from_luminance, luma, srgb_to_linear
from kinemacolor.models.registry import load_model

pytestmark = pytest.mark.slow

H, W, FRAMES, REFERENCE = 128, 192, 500, 100
GRID = 8
LIMIT = 3.0  # CIELAB units: about the smallest difference that a person notices side by side
GRAIN = 3.0  # L* units, standard deviation: 15 on a film of 1080 lines, after its reduction to the network's size
HEAVY_GRAIN = 5.0
PAN_PX, PAN_FRAMES = 24.0, 100  # there and back: half a pixel per frame


def _photo(width: int) -> Tensor:
    """(1, 1, H, width) L* of a photo that scikit-image ships (a cup of coffee, CC0)."""
    rgb = torch.from_numpy(np.array(data.coffee())).permute(2, 0, 1).float().unsqueeze(0) / 255.0
    small = F.interpolate(rgb[..., :400, : 400 * width // H], size=(H, width), mode="area")
    return lightness_from_luminance(srgb_to_linear(luma(small)))


def _grainy(clean: Tensor, generator: torch.Generator, grain: float = GRAIN) -> Tensor:
    return (clean + grain * torch.randn(clean.shape, generator=generator)).clamp(0.0, 100.0)


def _still(grain: float = GRAIN) -> Iterator[Tensor]:
    photo, generator = _photo(W), torch.Generator().manual_seed(0)
    for _ in range(FRAMES):
        yield _grainy(photo, generator, grain)


def _pan() -> Iterator[Tensor]:
    """A camera that swings, so that what frame 100 + n saw is seen again a hundred frames later."""
    photo, generator = _photo(W + int(PAN_PX)), torch.Generator().manual_seed(0)
    for t in range(FRAMES):
        phase = t % PAN_FRAMES / PAN_FRAMES
        left, part = divmod(2 * PAN_PX * min(phase, 1.0 - phase), 1.0)
        here, next_ = (photo[..., start : start + W] for start in (int(left), min(int(left) + 1, int(PAN_PX))))
        yield _grainy((1.0 - part) * here + part * next_, generator)


def _grids(frames: Iterator[Tensor]) -> Tensor:
    """(T, 2, 8, 8) mean a* and b* of a shot."""
    model = load_model("kinema", dtype=torch.bfloat16)
    state, grids = model.init_state(), []
    for frame in frames:
        result = model.step(state, model.propose(frame)[0])
        state = result.state
        grids.append(F.adaptive_avg_pool2d(result.ab, GRID))
    return torch.stack(grids)


def test_a_still_does_not_drift() -> None:
    grids = _grids(_still())
    assert len(grids) == FRAMES
    drift = (grids[REFERENCE:] - grids[REFERENCE]).abs().amax()
    assert float(grids[REFERENCE].abs().amax()) > 2 * LIMIT  # there is colour to lose
    assert float(drift) < LIMIT, f"{drift:.2f}"


def test_heavy_grain_shifts_no_mean() -> None:
    """Single frames differ by up to 1.8 in one cell, but they stay around one place (measured: 0.4)."""
    grids = _grids(_still(HEAVY_GRAIN))
    drift = (grids[-100:].mean(dim=0) - grids[REFERENCE : REFERENCE + 100].mean(dim=0)).abs().amax()
    assert float(drift) < LIMIT / 3, f"{drift:.2f}"


def test_a_slow_pan_does_not_drift() -> None:
    """Each frame is compared with the one of the second swing that saw the same."""
    grids = _grids(_pan())
    swings = grids[REFERENCE:].view(-1, PAN_FRAMES, 2, GRID, GRID)
    drift = (swings - swings[:1]).abs().amax()
    assert float(grids[REFERENCE].abs().amax()) > 2 * LIMIT
    assert float(drift) < LIMIT, f"{drift:.2f}"
