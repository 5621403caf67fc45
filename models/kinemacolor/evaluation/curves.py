"""Curves by which settings of the frame network are chosen.

The size it looks at, the strength of rebalancing that is divided out (beta), the temperature, the saturation. Measured
without memory: all are the frame network's own.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.evaluation.errors import EvaluationUsageError
from kinemacolor.evaluation.measure import Truth, show
from kinemacolor.evaluation.metrics import ciede2000, colourfulness
from kinemacolor.evaluation.rows import resize_lightness
from kinemacolor.models.api import Colorizer
from kinemacolor.models.kinema_colorizer import KinemaColorizer
from kinemacolor.models.networks.kinema import DecodeSettings
from kinemacolor.models.spatial import crop, pad_to_multiple

__all__ = ["CURVES", "measure_curve"]

CURVES: Mapping[str, tuple[float, ...]] = {
    "short-side": (192, 224, 256, 288),
    "beta": (0.0, 0.25, 0.5, 0.75, 0.9, 1.0),
    "temperature": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0),
    "saturation": (1.0, 1.3, 1.6, 1.9, 2.1, 2.4, 2.8),
}


@dataclass(frozen=True, slots=True)
class _Point:
    model: Colorizer
    short_side_px: int | None


def measure_curve(name: str, model: Colorizer, truths: Sequence[Truth]) -> dict[str, dict[str, float]]:
    """Figures at each value of a setting, means over clips.

    Args:
        name: One of `CURVES`.
        model: A kinema; its other settings stay.
        truths: Clips; they are looked at in their own size, unless the size is what the curve is of.

    Raises:
        EvaluationUsageError: The model has no such setting.
    """
    return {f"{value:g}": _measure(_point(name, value, model), truths) for value in CURVES[name]}


def _point(name: str, value: float, model: Colorizer) -> _Point:
    if name == "short-side":
        return _Point(model, int(value))
    if not isinstance(model, KinemaColorizer):
        raise EvaluationUsageError(f"--curve {name}: expected the model kinema, found {model.spec.name}")
    changed: dict[str, Any] = {name: value}
    decode: DecodeSettings = replace(model.decode_settings, **changed)
    return _Point(model.with_decode(decode), None)


def _measure(point: _Point, truths: Sequence[Truth]) -> dict[str, float]:
    figures = np.array([_measure_clip(point, truth) for truth in truths])
    heads = ("CIEDE2000", "colourfulness", "its error", "truth's", "core ms a frame")
    return dict(zip(heads, figures.mean(axis=0).tolist(), strict=True))


def _measure_clip(point: _Point, truth: Truth) -> tuple[float, ...]:
    ab, seconds = _colours(point, truth.clip.lightness)
    found = torch.cat((truth.lab[:, :1], ab), dim=1)
    difference = ciede2000(*(np.asarray(lab.movedim(1, -1).double().numpy()) for lab in (truth.lab, found)))
    colours = np.array([colourfulness(frame) for frame in show(truth, ab)])
    error = np.abs(colours - truth.colourfulness).mean()
    means = (difference.mean(), colours.mean(), error, truth.colourfulness.mean())
    return (*(float(mean) for mean in means), 1000.0 * seconds / len(ab))


def _colours(point: _Point, lightness: Tensor) -> tuple[Tensor, float]:
    side = point.short_side_px
    seen = lightness if side is None else resize_lightness(lightness, side)
    padded, padding = pad_to_multiple(seen, point.model.spec.multiple_of)
    point.model.propose(padded[:1].to(point.model.device))  # the first call of a size is slower
    started = time.process_time()  # of all cores: a busy machine does not change it much
    planes = [crop(point.model.propose(frame.unsqueeze(0).to(point.model.device))[0].ab, padding) for frame in padded]
    seconds = time.process_time() - started
    ab = torch.stack(planes).cpu()
    size = lightness.shape[-2:]
    return ab if ab.shape[-2:] == size else F.interpolate(ab, size, mode="bicubic", antialias=True), seconds
