"""Priors of others, by rule where there is one; and how far ours is from them."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from kinemacolor.models.bins import published_bins
from kinemacolor.training.eccv16_trainer import joint_shares
from kinemacolor.training.loss import RebalanceSettings, SoftEncoder, class_weights
from kinemacolor.training.photos import read_photos
from kinemacolor.training.priors import smoothed_along_table

PUBLISHED = {
    (0, 0): 0.2012,
    (0, 10): 0.1083,
    (0, -10): 0.0642,
    (10, 0): 0.0531,
    (-10, 0): 0.0491,
    (10, 10): 0.0484,
    (0, 20): 0.0415,
    (-10, 10): 0.0373,
}
"""The largest of the authors' prior: prior_probs.npy, SHA-256 19d00659..., in the history of richzhang/colorization."""


def table(folder: Path, name: str) -> np.ndarray:
    return np.load(folder / "tables" / f"{name}.npy")


def test_smoothing_keeps_the_sum_and_spreads_to_the_neighbours_in_the_table() -> None:
    prior = np.zeros(313)
    prior[100] = 1.0
    smooth = smoothed_along_table(prior)
    assert smooth.sum() == pytest.approx(1.0)
    steps = np.arange(-4, 5) - 0.5 * 312 / 999  # moved by half a sample
    expected = np.exp(-0.5 * (steps / (5 * 312 / 999)) ** 2)
    assert smooth[96:105] == pytest.approx(expected / expected.sum(), abs=0.02)
    assert max(smooth[:85].max(), smooth[116:].max()) < 1e-9


@pytest.mark.needs_data
def test_the_smoothed_prior_and_its_weights_are_regenerated(data_folder: Path) -> None:
    smooth = smoothed_along_table(table(data_folder, "foamliu_prior_prob"))
    assert smooth == pytest.approx(table(data_folder, "foamliu_prior_prob_smoothed"), rel=1e-7)
    weights = class_weights(torch.from_numpy(smooth), RebalanceSettings(largest=math.inf))
    assert weights.numpy() == pytest.approx(table(data_folder, "foamliu_prior_factor"), rel=1e-6)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Total variation: how much of one would have to be moved to make the other."""
    return float(np.abs(one - other).sum() / 2)


@pytest.mark.needs_data
def test_our_prior_is_that_of_photos_and_one_shared_table_is_not(data_folder: Path) -> None:
    photos = read_photos(sorted((data_folder / "train_photos").glob("photos_*.tar.gz"))[:1], limit=600)
    bins = [tuple(map(int, point)) for point in published_bins()]
    smooth = dict(zip(bins, joint_shares(photos, SoftEncoder(published_bins())).sum(dim=0).tolist(), strict=True))
    assert {point: smooth[point] for point in PUBLISHED} == pytest.approx(PUBLISHED, abs=0.03)
    ours = joint_shares(photos, SoftEncoder(published_bins(), neighbours=1)).sum(dim=0).numpy()
    assert distance(ours, table(data_folder, "foamliu_prior_prob")) < 0.12
    # The table called prior_probs.npy there has 90 % of its mass beyond a chroma of 80, where photos have 0.4 %.
    assert distance(ours, table(data_folder, "prior_probs")) > 0.9
