"""The ab bins over which networks classify (Zhang, Isola, Efros 2016, "Colorful Image Colorization").

Ours: a point of the 10-unit ab grid is a bin if some sRGB colour rounds to it. That gives 261 bins. The published
table `pts_in_hull` has 313: these and a border of points which no displayable colour rounds to; those cost time and
teach nothing, but `eccv16` has an output for each. Its rule is said nowhere; `published_bins` has one that gives it
exactly, in its order.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kinemacolor.models.color import srgb_to_lab

__all__ = [
    "BIN_COUNT",
    "GRID_STEP",
    "PUBLISHED_BIN_COUNT",
    "ab_grid",
    "in_gamut_bins",
    "in_published_hull",
    "published_bins",
]

GRID_STEP = 10
"""Distance of two bins, CIELAB units."""
BIN_COUNT = 261
"""How many bins the rule gives (a test regenerates them)."""
PUBLISHED_BIN_COUNT = 313
"""How many bins the published table has (a test regenerates them)."""
_GRID_LIMIT = 110
_EDGE_SAMPLES = 256  # every 8-bit code along each axis: a coarser walk misses bins that touch the gamut's edge
_HULL_SAMPLES = 33  # the hull needs less: its corners are the cube's, its bows are flat
_DIRECTIONS = 360  # one a degree; four times as many give the same bins, half as many one more


def in_gamut_bins() -> Tensor:
    """Regenerate the bins.

    Returns:
        (261, 2) float32, a* and b* of each bin, sorted by a*, then by b* (the order of the published table).
    """
    ab = srgb_to_lab(_gamut_surface())[1:, 0].numpy()
    cells = np.rint(ab / GRID_STEP).astype(np.int64) + _GRID_LIMIT // GRID_STEP
    side = 2 * _GRID_LIMIT // GRID_STEP + 1
    hit = np.zeros((side, side), dtype=np.bool_)
    hit[cells[0], cells[1]] = True
    bins = np.argwhere(_fill_rows(hit)) * GRID_STEP - _GRID_LIMIT
    return torch.from_numpy(bins.astype(np.float32))


def ab_grid() -> Tensor:
    """The whole 10-unit grid (529, 2) float32, sorted by a*, then by b*: the authors' `pts_grid`."""
    axis = torch.arange(-_GRID_LIMIT, _GRID_LIMIT + 1, GRID_STEP, dtype=torch.float32)
    return torch.cartesian_prod(axis, axis)


def published_bins() -> Tensor:
    """Regenerate the published table, `pts_in_hull`.

    Returns:
        (313, 2) float32, a* and b* of each bin, sorted by a*, then by b*.
    """
    grid = ab_grid()
    return grid[in_published_hull(grid)]


def in_published_hull(ab: Tensor) -> Tensor:
    """Which points are bins of the published table, if they lie on the grid; over all of it the authors' `in_hull`.

    Rule: the point lies in the convex hull of the sRGB gamut, widened by one step of the grid along both axes (the
    hull's Minkowski sum with a square of 20 units).

    Args:
        ab: (N, 2) CIELAB a*, b*.

    Returns:
        (N,) bool.
    """
    gamut = srgb_to_lab(_gamut_surface(_HULL_SAMPLES))[1:, 0]
    angle = torch.arange(_DIRECTIONS, dtype=torch.float64) * (2 * torch.pi / _DIRECTIONS)
    direction = torch.stack((angle.cos(), angle.sin()), dim=1)
    # A convex set is where no direction is farther than its support; supports of a sum of sets add up.
    support = (direction @ gamut).amax(dim=1) + GRID_STEP * direction.abs().sum(dim=1)
    return (direction @ ab.double().t() <= support[:, None]).all(dim=0)


def _gamut_surface(samples: int = _EDGE_SAMPLES) -> Tensor:
    """All colours of the six faces of the RGB cube, (3, 1, N) float64: the faces map onto the gamut's outline."""
    axis = torch.linspace(0.0, 1.0, samples, dtype=torch.float64)
    u, v = (t.reshape(-1) for t in torch.meshgrid(axis, axis, indexing="ij"))
    faces = []
    for level in (torch.zeros_like(u), torch.ones_like(u)):
        faces += [torch.stack(face) for face in ((level, u, v), (u, level, v), (u, v, level))]
    return torch.cat(faces, dim=1).unsqueeze(1)


def _fill_rows(hit: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Close the inside of the outline along each row of a*; the faces alone leave no holes but rounding might."""
    inside = np.logical_or.accumulate(hit, axis=1) & np.logical_or.accumulate(hit[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(inside, dtype=np.bool_)
