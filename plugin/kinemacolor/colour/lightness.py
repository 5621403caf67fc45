"""Lightness L* of neutral luma Y', as a table for wire luma."""

import numpy as np

from .arrays import Float32
from .encoding import Transfer
from .lab import lab_function
from .transfer import to_linear

__all__ = ["lightness_table"]


def lightness_table(transfer: Transfer) -> Float32:
    """CIE lightness L* of the neutral whose luma is Y' = i / 65535.

    A neutral has R' = G' = B' = Y', so neither matrix nor primaries matter. Luminance Y is relative to diffuse white;
    PQ and HLG highlights above it (BT.2408: 203 cd/m2) are clipped to L* = 100, the range that networks know.

    Returns:
        (65536,) float32 in [0, 100], non-decreasing, [0] = 0.
    """
    luma = np.arange(65536, dtype=np.float64) / 65535.0
    luminance = np.minimum(to_linear(luma, transfer), 1.0)
    lightness = 116.0 * lab_function(luminance) - 16.0
    return np.clip(lightness, 0.0, 100.0).astype(np.float32)
