"""VGG19 comes out of the MATLAB file of its authors; other files and damage are said in one line."""

import random
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.files.load import read_weights
from kinemacolor.models.files.matconvnet import read_vgg19
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


def test_without_scipy_it_is_said_what_to_install(
    tmp_path: Path, small: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_vgg19(tmp_path / "vgg.mat", small)
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(CheckpointError, match=r"expected scipy.*pip install 'kinemacolor\[favc\]'"):
        read_vgg19(tmp_path / "vgg.mat", NAMES)
