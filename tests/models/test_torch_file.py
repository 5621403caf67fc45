"""Files of torch.save are read without executing anything, whatever else is in them."""

import argparse
import collections
import datetime
import functools
import io
import os
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.files.pickled import Made, Symbol, read_pickle
from kinemacolor.models.files.torch_file import read_tensors

FORMS = [pytest.param(True, id="zip"), pytest.param(False, id="former")]
DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.uint8, torch.bool]


def state() -> OrderedDict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    whole = torch.randn(4, 6, generator=generator)
    return OrderedDict(
        [
            ("layer.weight", torch.randn(3, 2, 3, 3, generator=generator)),
            ("layer.bias", torch.nn.Parameter(torch.randn(3, generator=generator))),
            ("view", whole[1:3, ::2]),
            ("turned", whole.T),
            ("empty", torch.zeros(0, 4)),
            ("count", torch.tensor(7)),
            *((f"of {dtype}", torch.arange(5).to(dtype)) for dtype in DTYPES),
        ]
    )


def saved(path: Path, what: object, is_zip: bool = True) -> Path:
    torch.save(what, path, _use_new_zipfile_serialization=is_zip)
    return path


def same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> bool:
    return found.keys() == expected.keys() and all(
        found[key].dtype == value.dtype and torch.equal(found[key], value) for key, value in expected.items()
    )


@pytest.mark.parametrize("is_zip", FORMS)
@pytest.mark.parametrize("key", [None, "model", "state_dict", "params"])
def test_every_tensor_comes_back(tmp_path: Path, is_zip: bool, key: str | None) -> None:
    what = state() if key is None else {"epoch": 3, key: state()}
    assert same(read_tensors(saved(tmp_path / "a.pth", what, is_zip)), state())


class Schedule:
    """Something of a training run that no reader knows."""

    def __init__(self) -> None:
        self.step = 3


def fastai_like(monkeypatch: pytest.MonkeyPatch) -> object:
    """As fastai 1 leaves it beside the tensors: a wrapper with a partial that would make an optimiser."""
    module = types.ModuleType("fastai.callback")
    monkeypatch.setitem(sys.modules, "fastai", types.ModuleType("fastai"))
    wrapper = type("OptimWrapper", (), {"__module__": "fastai.callback"})
    monkeypatch.setattr(module, "OptimWrapper", wrapper, raising=False)
    monkeypatch.setitem(sys.modules, "fastai.callback", module)
    made = wrapper()
    vars(made).update(opt_func=functools.partial(torch.optim.Adam, betas=(0.0, 0.99)), lr=slice(1e-5, 1e-3))
    return made


@pytest.mark.parametrize("is_zip", FORMS)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_an_optimiser_and_objects_beside_the_tensors_are_passed_over(
    tmp_path: Path, is_zip: bool, protocol: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = torch.nn.Linear(3, 2)
    optimiser = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    what = {
        "model": network.state_dict(),
        "opt": [optimiser.state_dict(), optimiser, torch.optim.lr_scheduler.StepLR(optimiser, 3)],
        "wrapped": fastai_like(monkeypatch),
        "numbers": [np.float64(0.5), np.arange(4.0), np.dtype("int8"), 3 + 4j, b"bytes", {1}, frozenset({2})],
        "more": [slice(1, 2), argparse.Namespace(lr=1), Path("a"), collections.defaultdict(list), torch.Size([2])],
        "torch": [torch.device("cpu"), torch.float16, torch.__version__, torch.nn.Linear(1, 1)],
        "named, never called": [Schedule, os.system],
    }
    torch.save(what, tmp_path / "a.pth", pickle_protocol=protocol, _use_new_zipfile_serialization=is_zip)
    found = read_tensors(tmp_path / "a.pth")
    assert same(found, dict(network.state_dict()))
    found["weight"].add_(1)  # its own memory


@pytest.mark.parametrize("is_zip", FORMS)
def test_what_is_not_known_to_be_harmless_is_refused_by_its_name(tmp_path: Path, is_zip: bool) -> None:
    path = saved(tmp_path / "a.pth", {"model": state(), "more": Schedule()}, is_zip)
    with pytest.raises(
        CheckpointError, match=rf"one that would run {__name__}\.Schedule .*save its tensors alone"
    ) as caught:
        read_tensors(path)
    assert "torch.save(network.state_dict(), FILE)" in str(caught.value)


class Attack:
    def __init__(self, call: object, *arguments: object) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call, self.arguments


@pytest.mark.fault(27, "malicious snapshot or weights file")
@pytest.mark.parametrize("is_zip", FORMS)
@pytest.mark.parametrize(
    "attack",
    [(os.system, "touch {}"), (eval, "open('{}', 'w')"), (os.mkdir, "{}"), (getattr, "a", "b"), (open, "{}", "w")],
    ids=["system", "eval", "mkdir", "getattr", "open"],
)
def test_a_file_that_would_run_code_runs_none_and_is_refused(
    tmp_path: Path, is_zip: bool, attack: tuple[object, ...]
) -> None:
    trace = tmp_path / "trace"
    call, *arguments = attack
    bad = Attack(call, *(str(argument).format(trace) for argument in arguments))
    path = saved(tmp_path / "a.pth", {"model": state(), "opt": bad}, is_zip)
    with pytest.raises(CheckpointError, match="one that would run"):
        read_tensors(path)
    assert not trace.exists()


_SYSTEM = b"cos\nsystem\n(S'true'\ntR"


@pytest.mark.fault(27, "malicious snapshot or weights file")
@pytest.mark.parametrize(
    "pickled",
    [
        _SYSTEM + b"0}.",  # its result is thrown away
        b"}(" + _SYSTEM + b"I1\nu.",  # it is a key
        b"cfunctools\npartial\n(cos\nsystem\nS'true'\ntR(tR0}.",  # through a partial
        b"\x80\x04\x8c\x13torch.serialization\x8c\tos.system\x93(\x8c\x04truetR0}.",  # through another module
        b"\x80\x02" + _SYSTEM + b"Q0}.",  # it names a storage
        b"\x80\x04ctorch\nTensor\n)}(S'a'\n" + _SYSTEM + b"u\x920}.",  # it is a keyword's value
        b"(S'true'\nios\nsystem\n0}.",
        b"ccProfile\nrun\n(S'1'\ntR0}.",
        b"ctorch.nn.functional\nhandle_torch_function\n(tR0}.",  # a function in a package of classes
        b"ctorch.nn\nparallel.os.system\n(S'true'\ntR0}.",
        b"cfastai.datasets\nuntar_data\n(S'http://x'\ntR0}.",
        b"cnumpy.testing\nrunstring\n(S'1'\n}tR0}.",
        b"ctorch.storage\n_load_from_bytes\n(S'1'\ntR0}.",  # a pickle within the pickle
        b"cfastaix\nThing\n(tR0}.",
        b"ccopyreg\n_reconstructor\n(csubprocess\nPopen\ncbuiltins\nobject\nNtR0}.",
        b"c__main__\nNet\n)\x81}b0}.",
        b"cbuiltins\nset\ncos\nsystem\n(0(S'true'\ntR0}.",  # POP takes the mark: what is called is not `set`
        b"cargparse\nNamespace\n)R}S'append'\ncos\nsystem\nsbS'true'\na0}.",  # its state has the method that appends
        b"ccollections\nOrderedDict\n)R}S'append'\nccodecs\nencode\nsbS'true'\na0}.",
        b"cargparse\nNamespace\n)RI1\nNs0}.",
        b"cargparse\nNamespace\n)R}q\x00b0h\x00S'a'\ncos\nsystem\ns0}.",  # put there later
        b"cargparse\nNamespace\n)R}S'a'\ncfunctools\npartial\n(cos\nsystem\ntRsb0}.",
        b"ccopyreg\n_reconstructor\n(cargparse\nNamespace\nctimeit\nTimer\nS'true'\ntR0}.",  # its base
        b"ccopyreg\n_reconstructor\n(cargparse\nNamespace\n(tNtR0}.",
    ],
    ids=[
        "popped",
        "key",
        "partial",
        "dotted",
        "persistent",
        "keyword",
        "inst",
        "profiler",
        "function",
        "through",
        "download",
        "numpy",
        "nested",
        "prefix",
        "copyreg",
        "object",
        "mark",
        "append",
        "append to a dict",
        "items of no dict",
        "state",
        "partial in a state",
        "base",
        "base that is no name",
    ],
)
def test_a_call_is_refused_wherever_its_result_goes(tmp_path: Path, pickled: bytes) -> None:
    path = saved(tmp_path / "a.pth", state(), True)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, pickled if name.endswith("data.pkl") else data)
    with pytest.raises(CheckpointError, match="one that would run"):
        read_tensors(path)


def test_a_state_of_a_class_is_refused() -> None:
    state_of_all = b"cargparse\nNamespace\nN}S'__init__'\ncos\nsystem\ns\x86b0}."
    with pytest.raises(CheckpointError, match="changes what it has not made"):
        read_pickle(io.BytesIO(state_of_all))


@pytest.mark.parametrize("is_zip", FORMS)
def test_what_training_leaves_beside_the_tensors_is_passed_over(tmp_path: Path, is_zip: bool) -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    weight.note = 1  # type: ignore[attr-defined]
    more = [torch.amp.GradScaler("cpu"), datetime.datetime.now(datetime.UTC), range(3), collections.deque([1])]
    path = saved(tmp_path / "a.pth", {"model": {"weight": weight}, "more": more}, is_zip)
    assert same(read_tensors(path), {"weight": torch.ones(2)})


@pytest.mark.parametrize("is_zip", FORMS)
@pytest.mark.parametrize("part", [0.2, 0.6, 0.9, 0.999])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, is_zip: bool, part: float) -> None:
    path = saved(tmp_path / "a.pth", {"weight": torch.randn(300, 300)}, is_zip)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(CheckpointError):
        read_tensors(path)


@pytest.mark.parametrize("is_zip", FORMS)
def test_bits_that_are_flipped_never_do_more_than_change_numbers(tmp_path: Path, is_zip: bool) -> None:
    path = saved(tmp_path / "a.pth", state(), is_zip)
    data = path.read_bytes()
    generator = torch.Generator().manual_seed(2)
    for _ in range(100):
        broken = bytearray(data)
        place = int(torch.randint(len(data), (), generator=generator))
        broken[place] ^= 1 << int(torch.randint(8, (), generator=generator))
        path.write_bytes(bytes(broken))
        try:
            found = read_tensors(path)
        except CheckpointError:
            continue
        assert all(tensor.numel() <= 100 for tensor in found.values())


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ([1, 2], "expected a state dict, found list"),
        ({"epoch": 3}, "without tensors by name"),
        (torch.nn.Linear(2, 2), r"found an object of torch.nn.modules.linear.Linear; .*torch.save\(network.state_dict"),
    ],
)
@pytest.mark.parametrize("is_zip", FORMS)
def test_what_has_no_tensors_by_name_is_named(tmp_path: Path, what: object, message: str, is_zip: bool) -> None:
    with pytest.raises(CheckpointError, match=message):
        read_tensors(saved(tmp_path / "a.pth", what, is_zip))


def test_a_tensor_beyond_its_storage_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pth", {"weight": torch.zeros(7, 5)})
    target = tmp_path / "b.pth"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as out:
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename.endswith("data.pkl"):
                data = data.replace(b"K\x07K\x05\x86", b"K\x77K\x05\x86")
            out.writestr(entry.filename, data)
    with pytest.raises(CheckpointError, match="within its storage"):
        read_tensors(target)


def test_other_files_are_named(tmp_path: Path) -> None:
    plain = tmp_path / "a.pth"
    plain.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(CheckpointError, match="found another pickle"):
        read_tensors(plain)
    with zipfile.ZipFile(tmp_path / "b.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(CheckpointError, match=r"without its data\.pkl"):
        read_tensors(tmp_path / "b.pth")
    plain.write_bytes(struct.pack("<4q", *range(4)))
    with pytest.raises(CheckpointError, match="none"):
        read_tensors(plain)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_of_data_gives_the_data(protocol: int) -> None:
    data = {
        "a": [1, -2, 3.5, None, True],
        "b": (1, (2,), ()),
        "c": "grün",
        "d": 1 << 90,
        5: b"bytes" if protocol > 2 else "",
    }
    assert read_pickle(io.BytesIO(pickle.dumps(data, protocol))) == data


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_call_in_a_pickle_stays_a_note(protocol: int) -> None:
    made = read_pickle(io.BytesIO(pickle.dumps(Attack(os.getpid), protocol)))
    assert isinstance(made, Made)
    assert made.of == Symbol("posix", "getpid")
