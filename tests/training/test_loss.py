import math

import pytest
import torch

from kinemacolor.models.bins import in_gamut_bins
from kinemacolor.training.loss import RebalanceSettings, SoftEncoder, class_weights, rebalanced_cross_entropy


def test_soft_encoding_is_the_search_it_replaces() -> None:
    bins = in_gamut_bins()
    ab = torch.randint(-60, 60, (1, 2, 5, 7), generator=torch.Generator().manual_seed(0)).float()
    index, weight = SoftEncoder(bins)(ab)
    distance = torch.cdist(ab[0].permute(1, 2, 0).reshape(-1, 2), bins)
    nearest = distance.topk(5, dim=1, largest=False).values
    expected = torch.exp(-0.5 * (nearest / 5.0) ** 2).clamp_min(1e-8)
    torch.testing.assert_close(weight.view(-1, 5), expected / expected.sum(dim=1, keepdim=True), atol=1e-4, rtol=1e-3)
    found = distance.gather(1, index.view(-1, 5))
    torch.testing.assert_close(found, nearest, atol=1e-3, rtol=0)


def test_weights_have_mean_one_under_the_prior_and_favour_rare_classes() -> None:
    counts = torch.tensor([900.0, 90.0, 10.0])
    weights = class_weights(counts, RebalanceSettings(uniform_share=0.5, largest=100.0))
    assert float((weights * counts).sum() / counts.sum()) == pytest.approx(1.0, abs=1e-5)
    assert weights[0] < weights[1] < weights[2]
    torch.testing.assert_close(class_weights(counts, RebalanceSettings(uniform_share=1.0)), torch.ones(3))
    assert float(class_weights(counts, RebalanceSettings(0.5, largest=1.2)).max()) == pytest.approx(1.2)


def test_an_even_posterior_costs_the_logarithm_of_the_classes() -> None:
    index, weight = SoftEncoder(in_gamut_bins())(torch.zeros(1, 2, 3, 3))
    loss = rebalanced_cross_entropy(torch.zeros(1, 261, 3, 3), index, weight, torch.ones(261))
    assert float(loss) == pytest.approx(math.log(261), abs=1e-4)
