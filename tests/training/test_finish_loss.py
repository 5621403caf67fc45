"""The smooth measures of the finish against the exact ones of `evaluation.metrics`."""

import numpy as np
import pytest
import torch
from torch import Tensor

from kinemacolor.evaluation import metrics
from kinemacolor.models.color import lab_to_srgb
from kinemacolor.training.finish_loss import FinishLoss, colourfulness, finish_loss, smooth_ciede2000


def _colours(seed: int, largest: float = 60.0) -> Tensor:
    return (torch.rand(2, 2, 24, 30, generator=torch.Generator().manual_seed(seed)) * 2.0 - 1.0) * largest


def _exact(a: Tensor, b: Tensor) -> np.ndarray:
    pictures = (np.concatenate((np.full((2, 1, 24, 30), 50.0), ab.double().numpy()), axis=1) for ab in (a, b))
    return metrics.ciede2000(*(picture.transpose(0, 2, 3, 1) for picture in pictures))


def _is_blue(a: Tensor, b: Tensor) -> np.ndarray:
    """Whether a hue is near the one around which the exact formula turns its ellipses."""
    hues = [np.degrees(np.arctan2(ab[:, 1].numpy(), ab[:, 0].numpy())) % 360.0 for ab in (a, b)]
    return (np.abs(np.stack(hues) - 275.0) < 90.0).any(axis=0)


def test_the_difference_is_ciede2000_where_colours_are_near_and_not_blue() -> None:
    a = _colours(0)
    b = a + _colours(1, largest=6.0)
    found, exact = smooth_ciede2000(a, b).numpy(), _exact(a, b)
    rest = ~_is_blue(a, b)
    assert rest.sum() > 400
    # The rounding takes its root off, 0.22.
    assert np.abs(found + 0.05**0.5 - exact)[rest & (exact > 1.0)].max() < 0.12
    assert np.abs(found - exact).max() < 0.5 * exact.max()


def test_the_difference_of_any_two_colours_goes_along_with_the_exact_one() -> None:
    a, b = _colours(2), _colours(3)
    found, exact = smooth_ciede2000(a, b).numpy(), _exact(a, b)
    assert np.corrcoef(found.ravel(), exact.ravel())[0, 1] > 0.9
    assert abs(found.mean() / exact.mean() - 1.0) < 0.05


def test_colourfulness_is_that_of_the_metrics() -> None:
    rgb = torch.rand(3, 3, 16, 20, generator=torch.Generator().manual_seed(4))
    codes = (rgb * 255.0).round()
    for picture, found in zip(codes.byte().permute(0, 2, 3, 1).numpy(), colourfulness(codes / 255.0), strict=True):
        assert float(found) == pytest.approx(metrics.colourfulness(picture), abs=0.01)
    assert float(colourfulness(torch.full((1, 3, 4, 4), 0.3))) < 0.2


def test_the_truth_costs_nothing_and_each_part_is_what_it_says() -> None:
    true = torch.cat((torch.full((2, 1, 24, 30), 60.0), _colours(5, largest=20.0)), dim=1)
    nothing, _ = finish_loss(true[:, 1:], true, FinishLoss())
    assert float(nothing) == pytest.approx(0.0, abs=1e-5)
    loss, parts = finish_loss(0.5 * true[:, 1:], true, FinishLoss(difference=1.0, square=2.0, colourfulness=3.0))
    pale = torch.cat((true[:, :1], 0.5 * true[:, 1:]), dim=1)
    square = (lab_to_srgb(pale) - lab_to_srgb(true)).square().mean()
    assert float(parts["square"]) == pytest.approx(float(square))
    assert float(parts["colourfulness_error"]) > 5.0
    expected = parts["ciede2000"] / 10.0 + 2.0 * square + 3.0 * parts["colourfulness_error"] / 40.0
    assert float(loss) == pytest.approx(float(expected))


def test_there_is_a_gradient_everywhere() -> None:
    """Grey, equal colours, opposite ones, black and what is far out of the gamut."""
    true = torch.tensor([[50.0, 0, 0], [50, 20, 10], [50, 20, 10], [0, 0, 0], [100, 0, 0], [30, 90, -90]])
    found = torch.tensor([[0.0, 0], [20, 10], [-20, -10], [0, 0], [60, 60], [-90, 90]]).t().reshape(1, 2, 2, 3)
    found.requires_grad_()
    loss, _ = finish_loss(found, true.t().reshape(1, 3, 2, 3), FinishLoss())
    loss.backward()
    assert found.grad is not None
    assert torch.isfinite(found.grad).all()
    assert float(found.grad[0, :, 0, 2].abs().min()) > 0.0
