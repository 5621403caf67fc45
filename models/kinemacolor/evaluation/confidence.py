"""Does a model know where it is wrong? Its confidence against its true error, over pixels. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Decile", "Sample", "agreement", "calibration", "joined", "rank_correlation", "sampled"]

_STEP_PX = 8
"""Every eighth pixel each way: networks say little that is new from one pixel to the next."""
_PARTS = 10

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """Some pixels of one clip or photo, or of several."""

    confidence: NDArray[np.float32]
    """(N,) in [0, 1]."""
    error: NDArray[np.float32]
    """(N,) distance of a*b* to the truth."""


@dataclass(frozen=True, slots=True)
class Decile:
    """A tenth of the pixels, by confidence."""

    confidence: float
    """Their mean."""
    error: float
    """Their mean."""


def sampled(confidence: Tensor, error: Tensor) -> Sample:
    """The pixels of a fixed grid of planes (T, 1, H, W), of every frame."""
    planes = (plane[..., _STEP_PX // 2 :: _STEP_PX, _STEP_PX // 2 :: _STEP_PX] for plane in (confidence, error))
    return Sample(*(np.asarray(plane.reshape(-1).float().numpy()) for plane in planes))


def joined(samples: Sequence[Sample]) -> Sample:
    """All pixels of some samples."""
    return Sample(*(np.concatenate([getattr(one, name) for one in samples]) for name in ("confidence", "error")))


def agreement(sample: Sample) -> float:
    """Rank correlation of confidence with the error's negative: 1 if the surer is always the nearer, 0 by chance."""
    return rank_correlation(sample.confidence, -sample.error)


def rank_correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Spearman's coefficient; equal numbers share their mean rank, and where all of one side are equal it is 0."""
    first, second = (_centred_ranks(values) for values in (one, other))
    scale = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / scale if scale else 0.0


def calibration(sample: Sample) -> tuple[Decile, ...]:
    """Mean confidence and mean error of each tenth of the pixels, the least sure tenth first."""
    order = np.argsort(sample.confidence, kind="stable")
    parts = [part for part in np.array_split(order, _PARTS) if part.size]
    return tuple(Decile(float(sample.confidence[part].mean()), float(sample.error[part].mean())) for part in parts)


def _centred_ranks(values: NDArray[np.float32]) -> Numbers:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    ranks = (last - 0.5 * (count - 1.0))[place]
    return np.asarray(ranks - ranks.mean(), dtype=np.float64) if len(values) else ranks
