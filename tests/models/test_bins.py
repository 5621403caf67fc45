import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from kinemacolor.models.bins import (
    BIN_COUNT,
    GRID_STEP,
    PUBLISHED_BIN_COUNT,
    ab_grid,
    in_gamut_bins,
    in_published_hull,
    published_bins,
)
from kinemacolor.models.color import lab_to_srgb, srgb_to_lab


def test_bins_are_sorted_grid_points_and_distinct() -> None:
    bins = in_gamut_bins()
    assert bins.shape == (BIN_COUNT, 2)
    assert torch.equal(bins, (bins / GRID_STEP).round() * GRID_STEP)
    points = [tuple(point) for point in bins.tolist()]
    assert points == sorted(set(points))
    assert (0.0, 0.0) in points


def test_every_random_colour_rounds_to_a_bin() -> None:
    points = {tuple(point) for point in in_gamut_bins().tolist()}
    rgb = torch.rand(3, 100, 100, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    rounded = (srgb_to_lab(rgb)[1:] / GRID_STEP).round() * GRID_STEP + 0.0
    assert {tuple(point) for point in rounded.flatten(1).t().tolist()} <= points


def test_a_bin_has_a_displayable_colour_within_its_cell() -> None:
    offsets = torch.linspace(-5.0, 5.0, 11)
    a, b = torch.meshgrid(offsets, offsets, indexing="ij")
    lightness = torch.arange(2.0, 100.0, 2.0).view(-1, 1)
    for bin_a, bin_b in in_gamut_bins()[::9].tolist():
        ab = torch.stack((a.flatten() + bin_a, b.flatten() + bin_b))[:, None].expand(2, lightness.numel(), -1)
        lab = torch.cat((lightness.expand(1, -1, ab.shape[-1]), ab))
        back = srgb_to_lab(lab_to_srgb(lab))  # clipping moves what is outside the gamut
        assert float((back - lab).abs().amax(dim=0).min()) < 0.6, (bin_a, bin_b)


@pytest.mark.needs_data
def test_the_published_table_holds_our_bins_and_a_border_of_one_more(data_folder: Path) -> None:
    table = np.load(data_folder / "tables" / "pts_in_hull.npy")
    published, ours = ({tuple(map(float, point)) for point in points} for points in (table, in_gamut_bins().numpy()))
    assert ours < published
    step = (-GRID_STEP, 0, GRID_STEP)
    border = {(a + da, b + db) for a, b in ours for da in step for db in step}
    assert published <= border
    ordered = [tuple(map(float, point)) for point in table if tuple(map(float, point)) in ours]
    assert ordered == [tuple(point) for point in in_gamut_bins().tolist()]


def test_the_published_table_comes_out_of_its_rule() -> None:
    table = published_bins().numpy()
    assert table.shape == (PUBLISHED_BIN_COUNT, 2)
    assert table[:3].tolist() == [[-90, 50], [-90, 60], [-90, 70]]
    assert table[-3:].tolist() == [[100, -20], [100, -10], [100, 0]]
    digest = hashlib.sha256(table.astype("<i8").tobytes()).hexdigest()
    assert digest == "2a39983ed60d5b52b717842d56d5f766982289e6d5a609582155f437cecc1045"  # of the numbers in the file


def test_the_published_hull_is_wider_than_the_gamut_by_a_step_along_each_axis() -> None:
    corners = torch.tensor([[88.1, 70.0], [80.1, 77.1], [108.1, -60.0], [0.0, 0.0], [98.3, 80.0], [-97.0, 80.0]])
    assert in_published_hull(corners).tolist() == [True, True, True, True, False, False]


@pytest.mark.needs_data
def test_every_table_of_bins_is_regenerated_exactly(data_folder: Path) -> None:
    tables = data_folder / "tables"
    for name, ours in (
        ("pts_in_hull", published_bins()),
        ("ideepcolor_pts_in_hull", published_bins()),
        ("ideepcolor_pts_grid", ab_grid()),
        ("ideepcolor_in_hull", in_published_hull(ab_grid())),
    ):
        assert np.array_equal(np.load(tables / f"{name}.npy"), ours.numpy()), name
