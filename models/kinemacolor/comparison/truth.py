"""Whether a clip has colours that can be compared with, or is black-and-white under a tint and noise. Pure."""

import numpy as np

from kinemacolor.evaluation.pictures import Clip

__all__ = ["has_colour"]

_LEVELS = 32
_FRAMES = 3  # first, middle, last: a colour clip has colour in one of them
_LEAST = 2.5
"""CIELAB units. Of 14 colour clips the palest has 5.0, of 4 scans without colour none has more than 0.1."""


def has_colour(clip: Clip) -> bool:
    """False if colour follows from lightness, as it does in a tinted or toned film, but for the noise of a codec."""
    chosen = np.unique(np.linspace(0, len(clip.rgb) - 1, _FRAMES).round().astype(int))
    lab = Clip(clip.name, clip.rgb[chosen]).lab.movedim(1, -1).reshape(-1, 3).numpy()
    level = np.clip(lab[:, 0] * (_LEVELS / 100.0), 0, _LEVELS - 1).astype(int)
    count = np.maximum(np.bincount(level, minlength=_LEVELS), 1)
    tint = np.stack([np.bincount(level, lab[:, axis], _LEVELS) / count for axis in (1, 2)], axis=-1)
    rest = ((lab[:, 1:] - tint[level]) ** 2).sum(axis=1).mean()
    return bool(np.sqrt(rest) >= _LEAST)
