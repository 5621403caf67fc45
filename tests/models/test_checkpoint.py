from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from kinemacolor.models.checkpoint import load_weights, save_weights, sha256_of_parameters
from kinemacolor.models.errors import CheckpointError


class Small(nn.Module):
    def __init__(self, width: int = 3, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.layer = nn.Linear(2, width)


def test_round_trip_in_half_precision(tmp_path: Path) -> None:
    written, read = Small(seed=1), Small(seed=2)
    digest = save_weights(tmp_path / "w.safetensors", written)
    assert load_weights(tmp_path / "w.safetensors", read) == digest
    assert read.layer.weight.dtype == torch.float32
    assert torch.equal(read.layer.weight, written.layer.weight.half().float())


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"expected a weights file none\.safetensors, found none"):
        load_weights(tmp_path / "none.safetensors", Small())


@pytest.mark.parametrize("keep", [0, 4, 40, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, Small())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="expected a safetensors file"):
        load_weights(path, Small())


def test_a_pickle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    torch.save(Small().state_dict(), path)
    with pytest.raises(CheckpointError, match="expected a safetensors file"):
        load_weights(path, Small())


def test_another_networks_names_are_refused(tmp_path: Path) -> None:
    save_file({"layer.weight": torch.zeros(3, 2), "head.bias": torch.zeros(3)}, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match=r"1 missing \(layer\.bias\), 1 unexpected \(head\.bias\)"):
        load_weights(tmp_path / "w.safetensors", Small())


def test_other_shapes_are_refused(tmp_path: Path) -> None:
    save_weights(tmp_path / "w.safetensors", Small(width=4))
    with pytest.raises(CheckpointError, match=r"expected shape \(3,?.*found \(4"):
        load_weights(tmp_path / "w.safetensors", Small())


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused_and_change_nothing(tmp_path: Path, bad: float) -> None:
    broken, read = Small(), Small(seed=3)
    before = read.layer.weight.clone()
    with torch.no_grad():
        broken.layer.bias[1] = bad
    save_weights(tmp_path / "w.safetensors", broken)
    with pytest.raises(CheckpointError, match=r"layer\.bias: expected finite numbers"):
        load_weights(tmp_path / "w.safetensors", read)
    assert torch.equal(read.layer.weight, before)


def test_identity_of_parameters_depends_on_values_and_names() -> None:
    values = {"a": torch.ones(2), "b": torch.zeros(1)}
    assert sha256_of_parameters(values) == sha256_of_parameters(dict(reversed(values.items())))
    assert sha256_of_parameters(values) != sha256_of_parameters({**values, "b": torch.full((1,), 1e-7)})
    assert sha256_of_parameters(values) != sha256_of_parameters({"a": torch.ones(2), "c": torch.zeros(1)})
