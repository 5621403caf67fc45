"""The ab bins over which the frame network classifies (Zhang, Isola, Efros 2016, "Colorful Image Colorization").

Rule: a point of the 10-unit ab grid is a bin if some sRGB colour rounds to it. That gives 261 bins. The published
table has 313: these and a border of points which no displayable colour rounds to; those cost time and teach nothing.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kinemacolor.models.color import srgb_to_lab

__all__ = ["BIN_COUNT", "GRID_STEP", "in_gamut_bins"]

GRID_STEP = 10
"""Distance of two bins, CIELAB units."""
BIN_COUNT = 261
"""How many bins the rule gives (a test regenerates them)."""
_GRID_LIMIT = 110
_EDGE_SAMPLES = 256  # every 8-bit code along each axis: a coarser walk misses bins that touch the gamut's edge


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


def _gamut_surface() -> Tensor:
    """All colours of the six faces of the RGB cube, (3, 1, N) float64: the faces map onto the gamut's outline."""
    axis = torch.linspace(0.0, 1.0, _EDGE_SAMPLES, dtype=torch.float64)
    u, v = (t.reshape(-1) for t in torch.meshgrid(axis, axis, indexing="ij"))
    faces = []
    for level in (torch.zeros_like(u), torch.ones_like(u)):
        faces += [torch.stack(face) for face in ((level, u, v), (u, level, v), (u, v, level))]
    return torch.cat(faces, dim=1).unsqueeze(1)


def _fill_rows(hit: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Close the inside of the outline along each row of a*; the faces alone leave no holes but rounding might."""
    inside = np.logical_or.accumulate(hit, axis=1) & np.logical_or.accumulate(hit[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(inside, dtype=np.bool_)
