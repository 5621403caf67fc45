"""Fault 27: a damaged weights file of any kind is refused in one way, or gives finite numbers of the right shapes."""

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from drive import drive
from mutate import Mutator
from safetensors.torch import save as to_safetensors
from torch import nn

from kinemacolor.models.checkpoint import load_weights
from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.files.pickled import read_pickle
from kinemacolor.models.files.torch_file import read_tensors

FAULT = pytest.mark.fault(27, "malicious snapshot or weights file")
Note = Callable[[str, object], None]


def network() -> nn.Module:
    torch.manual_seed(27)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))


def state() -> OrderedDict[str, torch.Tensor]:
    return OrderedDict(network().state_dict())


def saved(what: object, is_zip: bool) -> bytes:
    file = io.BytesIO()
    torch.save(what, file, _use_new_zipfile_serialization=is_zip)
    return file.getvalue()


class Attack:
    """What would make a file where it is opened in the usual way."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.trace), "w")


def refusal(error: CheckpointError) -> str:
    assert "\n" not in str(error).strip()
    return "refused"


@FAULT
@pytest.mark.timeout(7200)
def test_no_bytes_break_the_reader_of_our_own_weights(tmp_path: Path, record_property: Note) -> None:
    path, module = tmp_path / "weights.safetensors", network()
    shapes = {name: tensor.shape for name, tensor in module.state_dict().items()}

    def read(data: bytes) -> str:
        path.write_bytes(data)
        try:
            load_weights(path, module)
        except CheckpointError as error:
            return refusal(error)
        now = module.state_dict()
        assert {name: tensor.shape for name, tensor in now.items()} == shapes
        assert all(torch.isfinite(tensor.float()).all() for tensor in now.values())
        return "taken"

    corpus = [to_safetensors(dict(state())), to_safetensors({k: v.half() for k, v in state().items()})]
    record_property("figure", f"safetensors: {drive(Mutator(corpus, seed=1), read)}")


@FAULT
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "former"])
def test_no_bytes_break_the_reader_of_torch_files(tmp_path: Path, is_zip: bool, record_property: Note) -> None:
    path, trace = tmp_path / "weights.pth", tmp_path / "trace"

    def read(data: bytes) -> str:
        path.write_bytes(data)
        try:
            tensors = read_tensors(path)
        except CheckpointError as error:
            return refusal(error)
        assert sum(tensor.nbytes for tensor in tensors.values()) <= 64 * len(data)
        return "taken"

    corpus = [
        saved(state(), is_zip),
        saved({"model": state(), "epoch": 3, "opt": [slice(1, 2)]}, is_zip),
        saved({"model": state(), "attack": Attack(trace)}, is_zip),
    ]
    name = "zip" if is_zip else "former torch files"
    record_property("figure", f"{name}: {drive(Mutator(corpus, seed=2 + is_zip), read)}")
    assert not trace.exists()


@FAULT
@pytest.mark.timeout(7200)
def test_no_bytes_break_the_reader_of_pickles(tmp_path: Path, record_property: Note) -> None:
    trace = tmp_path / "trace"

    def read(data: bytes) -> str:
        try:
            read_pickle(io.BytesIO(data))
        except CheckpointError as error:
            return refusal(error)
        return "taken"

    things: list[object] = [{"a": [1, 2.5, "x", b"y", (1,), {2}], "n": None}, Attack(trace), OrderedDict(a=slice(1))]
    corpus = [pickle.dumps(thing, protocol) for thing in things for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    record_property("figure", f"pickles: {drive(Mutator(corpus, seed=4), read)}")
    assert not trace.exists()
