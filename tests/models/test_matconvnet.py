"""VGG19 comes out of the MATLAB file of its authors; other files and damage are said in one line."""

import random
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import loadmat, savemat
from scipy.sparse import csc_array

from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.files.load import read_weights
from kinemacolor.models.files.matconvnet import read_vgg19
from kinemacolor.models.files.matlab import Cells, read_variable
from kinemacolor.models.networks.vgg19 import VGG19_CONVOLUTIONS, Vgg19
from kinemacolor.models.official import official_network

NAMES = frozenset(
    f"conv{block}_{number}" for block, count in enumerate(VGG19_CONVOLUTIONS, 1) for number in range(1, count + 1)
)


def write_vgg19(path: Path, state: dict[str, torch.Tensor], **more: object) -> None:
    """As MatConvNet lays it out: a row of cells, one structure each."""
    names = [
        name for block in range(1, 6) for name in (*sorted(n for n in NAMES if n[4] == str(block)), f"pool{block}")
    ]
    layers = np.empty((1, len(names) + 1), dtype=object)
    for place, name in enumerate([*names, "fc6"]):
        weights = np.empty((1, 2), dtype=object)
        weights[0, 0] = weights[0, 1] = np.zeros((0, 0), np.float32)
        if f"{name}.weight" in state:
            weights[0, 0] = state[f"{name}.weight"].permute(2, 3, 1, 0).numpy()
            weights[0, 1] = state[f"{name}.bias"].numpy().reshape(-1, 1)
        layers[0, place] = {"name": name, "type": "conv", "weights": weights, "pad": np.ones((1, 4))}
    savemat(path, {"layers": layers, **more})


@pytest.fixture(scope="module")
def small() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return dict(Vgg19(2).state_dict())


def test_the_convolutions_come_out_as_they_went_in(tmp_path: Path, small: dict[str, torch.Tensor]) -> None:
    write_vgg19(tmp_path / "vgg.mat", small, meta=np.ones(3))
    found = read_vgg19(tmp_path / "vgg.mat", NAMES)
    assert found.keys() == small.keys()
    assert all(torch.equal(found[key], value) for key, value in small.items())


def test_a_narrow_one_is_no_vgg19(tmp_path: Path, small: dict[str, torch.Tensor]) -> None:
    write_vgg19(tmp_path / "vgg.mat", small)
    with pytest.raises(CheckpointError, match=r"vgg\.mat: expected the weights of vgg19, found 28 others"):
        read_weights(official_network("vgg19"), tmp_path / "vgg.mat")
    with pytest.raises(CheckpointError, match="expected the weights of favc, found"):
        read_weights(official_network("favc"), tmp_path / "vgg.mat")


def test_other_files_of_matlab_are_refused(tmp_path: Path, small: dict[str, torch.Tensor]) -> None:
    path = tmp_path / "vgg.mat"
    for content, message in (
        ({"x": np.ones(3)}, "with the cells `layers`, found none"),
        ({"layers": np.ones(3)}, "with the cells `layers`, found none"),
        ({"layers": np.array([["conv1_1"]], dtype=object)}, "expected the layers of VGG19"),
    ):
        savemat(path, content)
        with pytest.raises(CheckpointError, match=message):
            read_vgg19(path, NAMES)
    write_vgg19(path, small | {"conv1_1.weight": torch.ones(2, 3, 3, 3, dtype=torch.int32)})
    with pytest.raises(CheckpointError, match="conv1_1: expected numbers of 4 axes, found int32"):
        read_vgg19(path, NAMES)
    path.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512, b" "))
    with pytest.raises(CheckpointError, match=r"vgg\.mat: expected a MATLAB file of the fifth format"):
        read_weights(official_network("vgg19"), path)


def test_a_cut_or_damaged_file_is_one_line(tmp_path: Path, small: dict[str, torch.Tensor]) -> None:
    path = tmp_path / "vgg.mat"
    write_vgg19(path, small)
    whole, chance = path.read_bytes(), random.Random(2)
    for length in [0, 1, 100, 127, 128, 129, 136, *(chance.randrange(len(whole)) for _ in range(40))]:
        path.write_bytes(whole[:length])
        one_line(path, must_fail=True)
    for _ in range(150):
        data = bytearray(whole)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(bytes(data))
        one_line(path, must_fail=False)  # the format has no checksums: numbers may have changed, the layout is checked


def one_line(path: Path, *, must_fail: bool) -> None:
    said, found = "", {}
    try:
        found = read_vgg19(path, NAMES)
    except CheckpointError as error:
        said = str(error)
    assert len(said.splitlines()) == (0 if found else 1)
    assert not must_fail or len(found) < 2 * len(NAMES)


@pytest.mark.parametrize("packed", [False, True])
def test_what_a_second_reader_finds_in_a_file_is_found(tmp_path: Path, packed: bool) -> None:
    chance = np.random.default_rng(3)
    cells = np.empty((2, 2), dtype=object)
    cells[0, 0], cells[1, 0] = {"a": "grün", "bb": np.array([[]])}, chance.standard_normal((2, 3, 4)).astype("f4")
    cells[0, 1], cells[1, 1] = np.arange(6, dtype=np.int16), np.array([[1 + 2j]])
    kept = {"first": np.ones(3), "x": cells, "sparse": csc_array(np.eye(3))}
    savemat(tmp_path / "a.mat", kept, do_compression=packed)
    data = (tmp_path / "a.mat").read_bytes()
    found, expected = read_variable(data, "x"), loadmat(tmp_path / "a.mat")["x"].T.reshape(-1)  # by columns
    assert isinstance(found, Cells)
    record, numbers, row, imaginary = found.items
    assert isinstance(record, dict)
    assert record["a"] == "grün"
    for one, other in ((record["bb"], expected[0]["bb"][0, 0]), (numbers, expected[1]), (row, expected[2])):
        assert isinstance(one, np.ndarray)
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
    assert np.array_equal(np.asarray(imaginary), [[1.0]])
    assert read_variable(data, "sparse") is None
    assert read_variable(data, "y") is None


def test_whole_numbers_that_matlab_keeps_as_bytes_are_floats(tmp_path: Path) -> None:
    """MATLAB does so with doubles and singles; scipy writes none, so a file of bytes is given the class of singles."""
    savemat(tmp_path / "a.mat", {"x": np.arange(8, dtype=np.uint8)})
    data = bytearray((tmp_path / "a.mat").read_bytes())
    assert data[144] == 9, "the class of bytes"
    data[144] = 7
    found = read_variable(bytes(data), "x")
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.float32
    assert found.tolist() == [list(range(8))]


BOMB = zlib.compress(bytes(200 << 20))


def nested(depth: int) -> bytes:
    """Cells in cells."""
    body = b""
    for _ in range(depth):
        head = struct.pack("<IIII", 6, 8, 1, 0) + struct.pack("<IIii", 5, 8, 1, 1) + struct.pack("<II", 1, 0)
        body = struct.pack("<II", 14, len(head) + len(body)) + head + body
    return body


def with_head(body: bytes) -> bytes:
    return b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM" + body


def cells_of(rows: int, columns: int) -> bytes:
    head = struct.pack("<IIII", 6, 8, 1, 0) + struct.pack("<IIii", 5, 8, rows, columns)
    head += struct.pack("<II", 1, 6) + b"layers\0\0"
    return struct.pack("<II", 14, len(head)) + head


@pytest.mark.parametrize(
    "body",
    [
        nested(20_000),
        cells_of(1, 1 << 28),
        cells_of((1 << 31) - 1, 1 << 10),
        cells_of(-1, -1),
        cells_of(1, 1 << 20) + b"\x0e\0\0\0\0\0\0\0" * 200_000,
        struct.pack("<II", 15, 0xFFFFFFF0),
        struct.pack("<II", 15, len(BOMB)) + BOMB,
    ],
    ids=["deep", "many cells", "too many cells", "negative", "more than it has", "longer than it is", "bomb"],
)
def test_a_file_that_claims_more_than_it_has_takes_no_memory(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "vgg.mat"
    path.write_bytes(with_head(body))
    del body
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError):
            read_vgg19(path, NAMES)
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()
