"""The trunk against the list of operations that the decoded TFLite file has, executed one by one."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.networks.mobilenet_v2 import CONV_COUNT, TAP_CHANNELS, MobileNetV2Encoder, same_padding

# (stride, groups, clamp to 6) of c00 to c50 as the TFLite graph lists them, and after which convolution a sum with
# the result of which earlier one happens.
STRIDE_2 = {0, 4, 10, 19, 40}
RESIDUAL = {8: 5, 14: 11, 17: 14, 23: 20, 26: 23, 29: 26, 35: 32, 38: 35, 44: 41, 47: 44}
LINEAR = {2} | set(range(5, 51, 3))
TAPS = {2: 0, 8: 1, 17: 2, 38: 3, 50: 4}


def _weights(seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for index, conv in enumerate(MobileNetV2Encoder(3).convolutions()):
        fan_in = conv.weight[0].numel()
        state[f"c{index:02d}.weight"] = torch.randn(conv.weight.shape, generator=generator) * math.sqrt(2 / fan_in)
        state[f"c{index:02d}.bias"] = torch.rand(conv.out_channels, generator=generator)
    return state


def _pad_same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """TensorFlow's rule, written out for both axes."""
    amounts = []
    for length in (x.shape[-1], x.shape[-2]):
        total = max((math.ceil(length / stride) - 1) * stride + kernel - length, 0)
        amounts += [total // 2, total - total // 2]
    return F.pad(x, amounts)


def _execute(state: dict[str, Tensor], x: Tensor) -> list[Tensor]:
    results: dict[int, Tensor] = {}
    for index in range(CONV_COUNT):
        weight, bias = state[f"c{index:02d}.weight"], state[f"c{index:02d}.bias"]
        stride = 2 if index in STRIDE_2 else 1
        groups = x.shape[1] if weight.shape[1] == 1 else 1
        x = F.conv2d(_pad_same(x, weight.shape[-1], stride), weight, bias, stride, 0, 1, groups)
        if index not in LINEAR:
            x = x.clamp(0.0, 6.0)
        if index in RESIDUAL:
            x = x + results[RESIDUAL[index]]
        results[index] = x
    return [results[index] for index in TAPS]


@pytest.mark.parametrize("size", [(64, 64), (65, 47), (33, 62)])
def test_taps_equal_the_operations_one_by_one(size: tuple[int, int]) -> None:
    state = _weights()
    encoder = MobileNetV2Encoder(3)
    encoder.load_dequantised(state)
    x = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(2)) * 2 - 1
    with torch.inference_mode():
        found, expected = encoder(x), _execute(state, x)
    assert [tap.shape[1] for tap in found] == list(TAP_CHANNELS)
    for stride, tap, reference in zip((2, 4, 8, 16, 32), found, expected, strict=True):
        assert tap.shape[-2:] == tuple(math.ceil(side / stride) for side in size)
        torch.testing.assert_close(tap, reference, atol=1e-4, rtol=1e-4)


def test_one_grey_channel_equals_three() -> None:
    state = _weights()
    grey, colour = MobileNetV2Encoder(1), MobileNetV2Encoder(3)
    grey.load_dequantised(state)
    colour.load_dequantised(state)
    x = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        for a, b in zip(grey(x), colour(x.expand(1, 3, 32, 32)), strict=True):
            torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_clamps_of_the_file_bound_the_linear_layers() -> None:
    encoder = MobileNetV2Encoder(3)
    encoder.load_dequantised(_weights(), clamps=[(-0.5, 0.25)] * CONV_COUNT)
    with torch.inference_mode():
        tap = encoder(torch.ones(1, 3, 32, 32))[0]
    assert float(tap.min()) >= -0.5
    assert float(tap.max()) <= 0.25


@pytest.mark.parametrize(
    ("length", "stride", "expected"), [(8, 2, (0, 1)), (7, 2, (1, 1)), (8, 1, (1, 1)), (1, 2, (1, 1)), (1, 1, (1, 1))]
)
def test_same_padding(length: int, stride: int, expected: tuple[int, int]) -> None:
    assert same_padding(length, 3, stride) == expected


def test_a_missing_or_misshapen_tensor_is_named() -> None:
    state = _weights()
    del state["c07.bias"]
    with pytest.raises(CheckpointError, match=r"c07\.bias"):
        MobileNetV2Encoder(3).load_dequantised(state)
    state = _weights()
    state["c03.weight"] = torch.zeros(96, 17, 1, 1)
    with pytest.raises(CheckpointError, match=r"c03: expected shape \(96, 16, 1, 1\), found \(96, 17, 1, 1\)"):
        MobileNetV2Encoder(3).load_dequantised(state)


@pytest.mark.needs_data
def test_the_real_file_runs_as_its_own_list_of_operations_says(data_folder: Path) -> None:
    path = data_folder / "weights" / "mobilenet_v2_dequant.pth"
    content = torch.load(path, weights_only=True)
    operations = [operation for operation in content["ops"] if operation[0] in ("conv", "add")]
    clamps = [tuple((level - op[7][1]) * op[7][0] for level in (0, 255)) for op in operations if op[0] == "conv"]
    encoder = MobileNetV2Encoder(3)
    encoder.load_dequantised(content["state"], clamps[:CONV_COUNT])
    x = torch.rand(1, 3, 97, 64, generator=torch.Generator().manual_seed(4)) * 2 - 1
    tensors = {content["input_id"]: x}
    with torch.inference_mode():
        for operation in operations:
            if operation[1] == "c51":
                break  # the classifier's head
            if operation[0] == "add":
                tensors[operation[3]] = tensors[operation[1]] + tensors[operation[2]]
            else:
                _run_convolution(operation, content["state"], tensors)
        found = encoder(x)
    for tensor_id, tap in zip((60, 73, 93, 140, 166), found, strict=True):
        torch.testing.assert_close(tap, tensors[tensor_id], atol=2e-3, rtol=1e-3)


def _run_convolution(operation: tuple[Any, ...], state: dict[str, Tensor], tensors: dict[int, Tensor]) -> None:
    _, name, stride, groups, _, source, target, (scale, zero_point) = operation
    weight, bias = state[f"{name}.weight"].float(), state[f"{name}.bias"].float()
    y = F.conv2d(_pad_same(tensors[source], weight.shape[-1], stride), weight, bias, stride, 0, 1, groups)
    tensors[target] = y.clamp((0 - zero_point) * scale, (255 - zero_point) * scale)
