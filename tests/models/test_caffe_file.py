"""The authors' Caffe model becomes eccv16; files are written by the protobuf library, which the reader does not use."""

import math
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from torch import Tensor

from kinemacolor.models.bins import published_bins
from kinemacolor.models.command import main
from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.files import caffe_file
from kinemacolor.models.files.caffe_eccv16 import eccv16_tensors
from kinemacolor.models.files.caffe_file import read_caffe_file
from kinemacolor.models.files.load import load_network, read_weights
from kinemacolor.models.library import load_installed
from kinemacolor.models.networks.eccv16 import Eccv16
from kinemacolor.models.official import official_network

Blobs = Mapping[str, list[np.ndarray]]

# ---- a writer of Caffe models: the part of caffe.proto that matters here ----

_STRING, _INT32, _INT64, _FLOAT, _DOUBLE, _MESSAGE, _ENUM = 9, 5, 3, 2, 1, 11, 5
SCHEMA: dict[str, list[tuple[str, int, int, bool, str]]] = {  # name, number, type, repeated, message
    "BlobShape": [("dim", 1, _INT64, True, "")],
    "BlobProto": [
        *((name, number, _INT32, False, "") for number, name in enumerate(("num", "channels", "height", "width"), 1)),
        ("data", 5, _FLOAT, True, ""),
        ("diff", 6, _FLOAT, True, ""),
        ("shape", 7, _MESSAGE, False, "BlobShape"),
        ("double_data", 8, _DOUBLE, True, ""),
    ],
    "ParamSpec": [("lr_mult", 3, _FLOAT, False, "")],
    "LayerParameter": [
        ("name", 1, _STRING, False, ""),
        ("type", 2, _STRING, False, ""),
        ("bottom", 3, _STRING, True, ""),
        ("param", 6, _MESSAGE, True, "ParamSpec"),
        ("blobs", 7, _MESSAGE, True, "BlobProto"),
        ("phase", 10, _ENUM, False, ""),
    ],
    "V1LayerParameter": [
        ("bottom", 2, _STRING, True, ""),
        ("name", 4, _STRING, False, ""),
        ("type", 5, _ENUM, False, ""),
        ("blobs", 6, _MESSAGE, True, "BlobProto"),
    ],
    "NetParameter": [
        ("name", 1, _STRING, False, ""),
        ("layers", 2, _MESSAGE, True, "V1LayerParameter"),
        ("layer", 100, _MESSAGE, True, "LayerParameter"),
    ],
}


def messages() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="caffe.proto", package="caffe", syntax="proto2")
    for name, fields in SCHEMA.items():
        message = file.message_type.add(name=name)
        for field, number, kind, repeated, of in fields:
            made = message.field.add(name=field, number=number, type=kind, label=3 if repeated else 1)
            if of:
                made.type_name = f".caffe.{of}"
            made.options.packed = repeated and kind in (_INT64, _FLOAT, _DOUBLE)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("caffe.NetParameter"))


NetParameter = messages()


def fill(blob: Any, numbers: np.ndarray, form: str) -> None:
    if form == "old shape":
        sides = (1,) * (4 - numbers.ndim) + numbers.shape
        blob.num, blob.channels, blob.height, blob.width = sides
    else:
        blob.shape.dim.extend(numbers.shape)
    (blob.double_data if form == "double" else blob.data).extend(numbers.ravel())


def write(path: Path, blobs: Blobs, form: str = "usual", name: str = "LtoAB") -> Path:
    """`form`: usual; old shape (of the first Caffe, in V1 layers); double; gradients (kept with the numbers)."""
    net = NetParameter(name=name)
    for layer, parts in blobs.items():
        made = net.layers.add(name=layer, type=4) if form == "old shape" else net.layer.add(name=layer, type="Layer")
        made.bottom.append("data_l")
        if form != "old shape":
            made.phase = 1
            made.param.add(lr_mult=0.5)
        for numbers in parts:
            blob = made.blobs.add()
            fill(blob, numbers, form)
            if form == "gradients":
                blob.diff.extend(np.full(numbers.size, 7.0))
    path.write_bytes(net.SerializeToString())
    return path


# ---- the network, as models/colorization_deploy_v2.prototxt of the authors has it ----

CONVOLUTIONS = (2, 2, 3, 3, 3, 3, 3)
DILATION = {5: 2, 6: 2}
STRIDED = ("conv1_2", "conv2_2", "conv3_3")


def seeded_blobs(width: int) -> dict[str, list[np.ndarray]]:
    """Numbers that keep activations alive, for all layers of the deploy description that have some."""
    rng = np.random.default_rng(16)

    def layer(out: int, into: int, side: int, inputs: float) -> list[np.ndarray]:
        weight = rng.standard_normal((out, into, side, side), dtype=np.float32) * np.float32(math.sqrt(2 / inputs))
        return [weight, rng.normal(0, 0.1, out).astype(np.float32)]

    blobs, channels = {}, 1
    for block, count in enumerate(CONVOLUTIONS, 1):
        out = width * min(2 ** (block - 1), 8)
        for number in range(1, count + 1):
            name = "bw_conv1_1" if (block, number) == (1, 1) else f"conv{block}_{number}"
            blobs[name] = layer(out, channels, 3, 9 * channels * (2500 if channels == 1 else 1))
            channels = out
        factor = np.float32(rng.uniform(500, 1000))
        sums = [factor * rng.uniform(low, high, out).astype(np.float32) for low, high in ((0, 0.6), (0.5, 1.5))]
        blobs[f"conv{block}_{count}norm"] = [*sums, np.array([factor])]
    deep, middle = channels, 4 * width
    blobs["conv8_1"] = [
        rng.standard_normal((deep, middle, 4, 4), dtype=np.float32) * np.float32(math.sqrt(2 / (4 * deep))),
        rng.normal(0, 0.1, middle).astype(np.float32),
    ]
    for name in ("conv8_2", "conv8_3"):
        blobs[name] = layer(middle, middle, 3, 9 * middle)
    blobs["conv8_313"] = layer(313, middle, 1, middle)
    blobs["class8_ab"] = [np.zeros((2, 313, 1, 1), np.float32), np.zeros(2, np.float32)]
    return blobs


def caffe(blobs: Blobs, lightness: np.ndarray, scale: float = 2.606) -> np.ndarray:
    """What Caffe computes: (H, W) of L* to a*, b* at a quarter of the size, in double precision."""
    x = torch.from_numpy(lightness[None, None].astype(np.float64)) - 50
    double = {name: [torch.from_numpy(part.astype(np.float64)) for part in parts] for name, parts in blobs.items()}
    for block, count in enumerate(CONVOLUTIONS, 1):
        gap = DILATION.get(block, 1)
        for number in range(1, count + 1):
            name = f"conv{block}_{number}"
            weight, bias = double.get(name) or double[f"bw_{name}"]
            x = F.conv2d(x, weight, bias, 2 if name in STRIDED else 1, gap, gap).clamp_min(0)
        mean, variance, factor = double[f"conv{block}_{count}norm"]
        shape = (1, -1, 1, 1)
        x = (x - (mean / factor).view(shape)) / torch.sqrt((variance / factor).view(shape) + 1e-5)
    x = deconvolution(x, *double["conv8_1"]).clamp_min(0)
    for name in ("conv8_2", "conv8_3"):
        x = F.conv2d(x, *double[name], padding=1).clamp_min(0)
    share = torch.softmax(F.conv2d(x, *double["conv8_313"]) * scale, dim=1)
    table = published_bins().double()  # a program of the authors puts it into class8_ab
    return torch.einsum("bqhw,qc->bchw", share, table).numpy()


def deconvolution(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Of 4 x 4, stride 2, pad 1: every input adds its kernel to the output, as Caffe's col2im does."""
    height, width = x.shape[-2:]
    wide = torch.zeros(1, weight.shape[1], 2 * height + 2, 2 * width + 2, dtype=x.dtype)
    for row in range(4):
        for column in range(4):
            part = torch.einsum("bihw,io->bohw", x, weight[:, :, row, column])
            wide[..., row : row + 2 * height : 2, column : column + 2 * width : 2] += part
    return wide[..., 1:-1, 1:-1] + bias.view(1, -1, 1, 1)


def largest_error(network: Eccv16, blobs: Blobs, scale: float = 2.606) -> float:
    """Between our network and Caffe, as a part of the colours' spread."""
    lightness = np.random.default_rng(3).uniform(0, 100, (32, 48))
    expected = torch.from_numpy(caffe(blobs, lightness, scale))
    assert float(expected.std()) > 3  # a comparison of numbers that differ
    with torch.no_grad():
        found = network(torch.from_numpy(lightness)[None, None].float())
    enlarged = F.interpolate(expected, scale_factor=4.0, mode="bilinear", align_corners=False)
    return float((found - enlarged).abs().max() / expected.std())


TOLERANCE = 1e-3
"""float32 through 22 layers against float64; the traps below are at least fifty times that."""


@pytest.fixture(scope="module")
def blobs() -> dict[str, list[np.ndarray]]:
    return seeded_blobs(4)


@pytest.fixture(scope="module")
def narrow(blobs: Blobs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("caffe") / "narrow.caffemodel", blobs)


NARROW = replace(official_network("eccv16"), make=lambda: Eccv16(width=4))


def network_of(path: Path) -> Eccv16:
    network = Eccv16(width=4)
    network.load_state_dict({**network.state_dict(), **read_weights(NARROW, path)})
    return network.eval()


# ---- what it gives ----


@pytest.mark.parametrize("form", ["usual", "old shape", "double", "gradients"])
def test_a_converted_network_computes_what_caffe_does(tmp_path: Path, blobs: Blobs, form: str) -> None:
    assert largest_error(network_of(write(tmp_path / "a.caffemodel", blobs, form)), blobs) < TOLERANCE


def test_the_whole_network_is_imported_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KINEMACOLOR_MODELS", str(tmp_path / "models"))
    whole = seeded_blobs(64)
    path = write(tmp_path / "colorization_release_v2.caffemodel", whole)
    assert main(["import", "eccv16", "--from", str(path)]) == 0
    assert "colorization_release_v2.caffemodel" in capsys.readouterr().out
    network = load_installed("eccv16")
    assert isinstance(network, Eccv16)
    assert largest_error(network, whole) < TOLERANCE
    with pytest.raises(CheckpointError, match="expected the weights of siggraph17, found those of eccv16"):
        load_network("siggraph17", path)


def test_a_scale_in_the_file_counts(tmp_path: Path, blobs: Blobs) -> None:
    for scale in (np.full(313, 1.5, np.float32), np.array([1.5], np.float32)):
        path = write(tmp_path / "a.caffemodel", {**blobs, "conv8_313_rh": [scale]})
        assert largest_error(network_of(path), blobs, scale=1.5) < TOLERANCE


def test_layers_of_the_training_are_passed_over(tmp_path: Path, blobs: Blobs) -> None:
    more = {"data_l_meansub": [np.ones(1), np.full(1, -50.0)], "data_ab_ss": [np.ones((2, 1, 1, 1)), np.zeros(2)]}
    assert largest_error(network_of(write(tmp_path / "a.caffemodel", {**blobs, **more})), blobs) < TOLERANCE


def test_a_norm_that_has_seen_nothing_divides_by_nothing(tmp_path: Path, blobs: Blobs) -> None:
    fresh = {**blobs, "conv4_3norm": [np.zeros(32), np.zeros(32), np.zeros(1)]}
    tensors = eccv16_tensors(read_caffe_file(write(tmp_path / "a.caffemodel", fresh)))
    assert not tensors["model4.6.running_var"].any()


# ---- each difference of the two releases would be noticed ----


def unscaled_lightness(network: Eccv16) -> None:
    network.model1[0].weight /= 100


def sums_for_means(network: Eccv16) -> None:
    for name, value in network.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            value *= 700


def no_temperature(network: Eccv16) -> None:
    for parameter in network.model8[-1].parameters():
        parameter /= 2.606


def axes_of_a_convolution(network: Eccv16) -> None:
    weight = network.model8[0].weight
    weight.copy_(weight.flip(2).flip(3))


def table_in_the_file(network: Eccv16) -> None:
    network.model_out.weight.zero_()


@pytest.mark.parametrize(
    "trap", [unscaled_lightness, sums_for_means, no_temperature, axes_of_a_convolution, table_in_the_file]
)
def test_a_trap_is_noticed(narrow: Path, blobs: Blobs, trap: Callable[[Eccv16], None]) -> None:
    network = network_of(narrow)
    with torch.no_grad():
        trap(network)
    assert largest_error(network, blobs) > 50 * TOLERANCE


# ---- what is refused ----


def refused(path: Path, message: str) -> None:
    with pytest.raises(CheckpointError, match=f"^{re.escape(path.name)}: .*{re.escape(message)}"):
        read_weights(NARROW, path)


def test_other_networks_and_missing_layers_are_named(tmp_path: Path, blobs: Blobs) -> None:
    path = tmp_path / "a.caffemodel"
    other = {name: [np.ones((2, 1, 3, 3)), np.ones(2)] for name in ("conv1", "fc6", "fc7", "fc8")}
    refused(write(path, other, name="CaffeNet"), "found that of CaffeNet (conv1, fc6, fc7, ...)")
    refused(write(path, other, "old shape", name=""), "found that of a network without a name")
    refused(write(path, {}), "found a file without layers that have numbers")
    lacking = {name: parts for name, parts in blobs.items() if name not in ("conv8_2", "conv3_3norm")}
    refused(write(path, lacking), "found 2 missing (conv3_3norm, conv8_2)")


@pytest.mark.parametrize(
    ("layer", "parts", "message"),
    [
        ("conv5_1", [np.ones((32, 32, 3, 3))], "conv5_1: expected 2 blobs, found 1"),
        ("conv5_1", [np.ones((32, 32, 3, 5)), np.ones(32)], "model5.0.weight of shape (32, 32, 3, 5) instead of"),
        ("conv5_1", [np.ones((32, 288)), np.ones(32)], "conv5_1: expected weights of four axes, found shape (32, 288)"),
        ("conv5_1", [np.ones((32, 32, 3, 3)), np.full(32, np.nan)], "model5.0.bias: expected finite numbers"),
        ("conv1_2norm", [np.ones(4), np.ones(4), np.ones(4)], "conv1_2norm: expected one number that divides"),
        ("conv8_313", [np.ones((313, 16, 1, 1)), np.ones(4)], "found 4 and 1"),
        ("conv8_313_rh", [np.ones(7)], "found 313 and 7"),
    ],
)
def test_blobs_that_do_not_fit_are_refused(
    tmp_path: Path, blobs: Blobs, layer: str, parts: list[np.ndarray], message: str
) -> None:
    refused(write(tmp_path / "a.caffemodel", {**blobs, layer: parts}), message)


def test_a_blob_of_another_size_than_it_says_is_refused(tmp_path: Path) -> None:
    net = NetParameter(name="LtoAB")
    blob = net.layer.add(name="conv1").blobs.add()
    blob.shape.dim.extend([2, -1])
    blob.data.extend([1.0, 2.0])
    (tmp_path / "a.caffemodel").write_bytes(net.SerializeToString())
    refused(tmp_path / "a.caffemodel", "conv1: expected numbers for a blob of shape (2, 18446744073709551615), found 2")


def test_two_layers_of_one_name_are_refused(tmp_path: Path) -> None:
    net = NetParameter(name="LtoAB")
    for _ in range(2):
        fill(net.layer.add(name="conv1").blobs.add(), np.ones(2), "usual")
    (tmp_path / "a.caffemodel").write_bytes(net.SerializeToString())
    refused(tmp_path / "a.caffemodel", "expected a Caffe model with one layer conv1, found two")


def test_a_file_that_is_cut_off_is_refused_wherever_it_ends(tmp_path: Path, narrow: Path) -> None:
    data, path = narrow.read_bytes(), tmp_path / "a.caffemodel"
    for end in (3, 9, 40, len(data) // 3, len(data) - 1):
        path.write_bytes(data[:end])
        with pytest.raises(CheckpointError, match=r"^a\.caffemodel: .*(cut off|without layers)"):
            read_weights(NARROW, path)


def test_damaged_files_are_refused_or_read_and_nothing_else(tmp_path: Path) -> None:
    path, rng = tmp_path / "a.caffemodel", random.Random(5)
    whole = write(path, {name: [np.ones((2, 3)), np.ones(2)] for name in ("conv1_2", "conv2_1")}).read_bytes()
    for _ in range(2000):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(2, len(data))] = rng.randrange(256)
        path.write_bytes(data)
        with pytest.raises(CheckpointError, match=r"^a\.caffemodel: "):  # at best they are another network's
            read_weights(NARROW, path)


def test_what_is_too_large_is_not_read(tmp_path: Path, narrow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caffe_file, "_FILE_LIMIT_BYTES", 1000)
    refused(narrow, f"expected a Caffe model of at most 1000 bytes, found {narrow.stat().st_size}")


def test_the_description_is_not_the_weights(tmp_path: Path) -> None:
    path = tmp_path / "colorization_deploy_v2.prototxt"
    path.write_text('name: "LtoAB"\n\nlayer {\n  name: "data_l"\n}\n')
    refused(path, "found a description of a Caffe network (prototxt) without weights")


def test_numbers_one_by_one_are_refused() -> None:
    unpacked = b"\x0a\x01x" + b"".join(b"\x2d\x00\x00\x80\x3f" for _ in range(2000))
    with pytest.raises(CheckpointError, match="expected packed numbers"):
        caffe_file._blob("conv1", memoryview(unpacked[3:]))
