"""The blobs of the authors' Caffe model as tensors of `eccv16`.

The two releases compute the same, with their numbers in other places (richzhang/colorization, branch caffe,
models/colorization_deploy_v2.prototxt):

* The Caffe network takes L* - 50, the other (L* - 50) / 100: the first layer's weights are multiplied by 100.
* A BatchNorm of Caffe keeps sums: mean and variance are to be divided by its third blob. It has no scale and no shift.
* The layer `conv8_313_rh` multiplies the scores by 2.606. The other release has that in the last layer's numbers.
* The authors' programs put the table of bins into `class8_ab`, whatever the file has there. The table counts in units
  of a*, b*; the other release multiplies by 110 afterwards.

Layers that the deploy description does not name, such as those of the training, are passed over, as Caffe does.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from kinemacolor.models.bins import published_bins
from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.files.caffe_file import CaffeFile
from kinemacolor.models.networks.eccv16 import FOLDED_TEMPERATURE
from kinemacolor.models.networks.zhang_layers import AB_UNIT, LIGHTNESS_UNIT

__all__ = ["eccv16_tensors"]

_CONVOLUTIONS = (2, 2, 3, 3, 3, 3, 3, 3)
"""Of the blocks 1 to 8; the first of block 8 is a deconvolution, whose blob lies as torch's does."""
_NORMED = 7
"""Blocks that end in a BatchNorm."""
_NAMES_SHOWN = 3


def eccv16_tensors(file: CaffeFile) -> dict[str, Tensor]:
    """Convert.

    Returns:
        Tensors by the names of the authors' PyTorch file; their shapes are not checked.

    Raises:
        CheckpointError: Layers are missing, or blobs of one.
    """
    _refuse_others(file)
    tensors: dict[str, Tensor] = {}
    for layer, key in _weighted().items():
        weight, bias = _blobs(file, layer, 2)
        if weight.ndim != 4:
            raise CheckpointError(f"{layer}: expected weights of four axes, found shape {tuple(weight.shape)}")
        tensors[f"{key}.weight"], tensors[f"{key}.bias"] = weight, _flat(bias)
    for layer, key in _norms().items():
        mean, variance, count = (_flat(blob) for blob in _blobs(file, layer, 3))
        factor = _one_over(layer, count)
        tensors[f"{key}.running_mean"], tensors[f"{key}.running_var"] = mean * factor, variance * factor
        tensors[f"{key}.weight"], tensors[f"{key}.bias"] = torch.ones_like(mean), torch.zeros_like(mean)
    tensors["model1.0.weight"] = tensors["model1.0.weight"] * LIGHTNESS_UNIT
    _fold_temperature(file, tensors)
    tensors["model_out.weight"] = (published_bins() / AB_UNIT).t()[:, :, None, None].contiguous()
    return tensors


def _weighted() -> dict[str, str]:
    """Layers with weight and bias, and their keys."""
    names = {
        f"conv{block}_{number}": f"model{block}.{2 * (number - 1)}"
        for block, count in enumerate(_CONVOLUTIONS, start=1)
        for number in range(1, count + 1)
    }
    names["bw_conv1_1"] = names.pop("conv1_1")  # renamed so that a model for colour is not loaded into it
    names["conv8_313"] = "model8.6"
    return names


def _norms() -> dict[str, str]:
    last = dict(enumerate(_CONVOLUTIONS[:_NORMED], start=1))
    return {f"conv{block}_{count}norm": f"model{block}.{2 * count}" for block, count in last.items()}


def _refuse_others(file: CaffeFile) -> None:
    needed = _weighted().keys() | _norms().keys()
    missing = sorted(needed - file.layers.keys())
    if len(missing) > len(needed) / 2:
        what = f"that of {file.name or 'a network without a name'} ({_some(sorted(file.layers))})"
        raise CheckpointError(f"expected the Caffe model of eccv16, found {what}")
    if missing:
        raise CheckpointError(
            f"expected the layers of eccv16 in the Caffe model, found {len(missing)} missing ({_some(missing)})"
        )


def _blobs(file: CaffeFile, layer: str, count: int) -> list[Tensor]:
    found = file.layers[layer]
    if len(found) != count:
        raise CheckpointError(f"{layer}: expected {count} blobs, found {len(found)}")
    return found


def _flat(blob: Tensor) -> Tensor:
    """A row of numbers; before Caffe had shapes of any length it was (1, 1, 1, C)."""
    return blob.flatten()


def _one_over(layer: str, count: Tensor) -> float:
    if count.numel() != 1:
        raise CheckpointError(f"{layer}: expected one number that divides the sums, found {count.numel()}")
    return 1 / float(count) if float(count) else 0.0  # as Caffe: a norm that has seen nothing has sums of nothing


def _fold_temperature(file: CaffeFile, tensors: dict[str, Tensor]) -> None:
    given: Sequence[Tensor] = file.layers.get("conv8_313_rh", ())
    scale = _flat(given[0]) if given else torch.tensor([1 / FOLDED_TEMPERATURE])
    weight, bias = tensors["model8.6.weight"], tensors["model8.6.bias"]
    if len(bias) != len(weight) or len(scale) not in (1, len(weight)):
        raise CheckpointError(
            f"conv8_313: expected a bias and a scale for each of {len(weight)} scores, "
            f"found {len(bias)} and {len(scale)}"
        )
    tensors["model8.6.weight"], tensors["model8.6.bias"] = weight * scale.view(-1, 1, 1, 1), bias * scale


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMES_SHOWN]) + (", ..." if len(names) > _NAMES_SHOWN else "")
