"""Whatever is in a file of weights: tensors come out or one line does, nothing is executed, memory is bounded."""

import io
import json
import pickle
import random
import resource
import struct
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save as to_safetensors
from scipy.io import savemat
from tests.models.tf_writer import HEADER, entry, field, number, table

from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.files import load
from kinemacolor.models.files.load import is_web_page, load_network, read_weights
from kinemacolor.models.files.torch_file import read_tensors
from kinemacolor.models.networks.sizes import zhao_like
from kinemacolor.models.official import OfficialNetwork, official_network

_SHARE = 1 << 20
_MOST_KILOBYTES = 200 << 10
"""By which the process may grow while it reads files of a few kilobytes."""


class Small(torch.nn.Module):
    """Named as a layer of each of the formats may be."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1_1 = torch.nn.Conv2d(2, 3, 3)
        self.norm = torch.nn.BatchNorm1d(3)


def small_state() -> dict[str, torch.Tensor]:
    torch.manual_seed(7)
    return dict(Small().state_dict())


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> OfficialNetwork:
    """A network of which a fuzzer makes thousands of files."""
    made = replace(official_network("eccv16"), name="small", make=Small, tf_scope="g_", optional=("",), like=None)
    monkeypatch.setattr(load, "OFFICIAL", {"small": made})
    monkeypatch.setattr(load, "official_network", lambda name: made)
    return made


# ---- nothing is executed ----

_FORBIDDEN = ("os.", "subprocess.", "shutil.", "socket.", "ctypes.", "pickle.", "compile", "webbrowser.")
_watch: list[str] | None = None


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _watch is not None and (event.startswith(_FORBIDDEN) or (event == "open" and "w" in str(arguments[1] or ""))):
        _watch.append(f"{event} {arguments}")


@pytest.fixture
def executed() -> Iterator[list[str]]:
    """What happens that no reader of data does."""
    if not hasattr(sys, "_kinemacolor_audited"):
        sys.addaudithook(_audit)
        sys._kinemacolor_audited = True  # type: ignore[attr-defined]
    global _watch
    found: list[str] = []
    yield found
    _watch = None


# ---- mutations ----

_NUMBERS = [0, 1, 2, 7, 127, 128, 255, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 40, (1 << 61), (1 << 63) - 1]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Some bytes otherwise: turned, doubled, left out, moved, cut off, or a number in their place."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 8))):
        place, length = chance.randrange(len(out) or 1), chance.choice((1, 2, 4, 8, 16, 64))
        match chance.randrange(7):
            case 0 if out:
                out[place] ^= 1 << chance.randrange(8)
            case 1:
                size = chance.choice((1, 2, 4, 8))
                out[place : place + size] = (chance.choice(_NUMBERS) & ((1 << 8 * size) - 1)).to_bytes(size, "little")
            case 2:
                del out[place : place + length]
            case 3:
                out[place:place] = out[place : place + length]
            case 4:
                other = chance.randrange(len(out) or 1)
                out[place : place + length] = out[other : other + length]
            case 5:
                out[place : place + 1] = bytes([chance.randrange(256)])
            case 6 if not chance.randrange(8):
                del out[place:]
    return bytes(out)


def mutated_json(value: object, chance: random.Random) -> object:
    """One part of it otherwise."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(sorted(value))
        return {**value, key: mutated_json(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.7:
        place = chance.randrange(len(value))
        return [*value[:place], mutated_json(value[place], chance), *value[place + 1 :]]
    kinds = ["F8_E4M3", "F8_E5M2", "F4", "F6_E2M3", "C64", "BF16", "U8", "BOOL", "I64", "F64", "X", ""]
    return chance.choice([-1, True, None, 1.5, {}, [], "a\nb", [0, 1 << 40], [[1]], *_NUMBERS, *kinds])


Make = Callable[[random.Random], bytes]


def torch_zip(chance: random.Random) -> bytes:
    """The pickle and its neighbours changed within a sound archive, or the archive."""
    out = io.BytesIO()
    torch.save({"model": OrderedDict(small_state()), "opt": [slice(1, 2)]}, out)
    if chance.random() < 0.3:
        return mutated(out.getvalue(), chance)
    parts = {}
    with zipfile.ZipFile(out) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    target = next(name for name in parts if name.endswith("data.pkl"))
    if chance.random() < 0.1:
        target = chance.choice(sorted(parts))
    parts[target] = mutated(parts[target], chance)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


def torch_former(chance: random.Random) -> bytes:
    out = io.BytesIO()
    torch.save({"model": OrderedDict(small_state())}, out, _use_new_zipfile_serialization=False)
    data = out.getvalue()
    end = data.rindex(b"\x80")  # the numbers are less interesting than what stands before them
    return mutated(data[: end + 60], chance) + data[end + 60 :]


def safetensors_file(chance: random.Random) -> bytes:
    data = to_safetensors(small_state())
    length = struct.unpack("<Q", data[:8])[0]
    if chance.random() < 0.3:
        return mutated(data[: 8 + length], chance) + data[8 + length :]
    header = json.loads(data[8 : 8 + length])
    for _ in range(chance.choice((1, 1, 2, 3))):
        changed = mutated_json(header, chance)
        header = changed if isinstance(changed, dict) else header
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def matlab_file(chance: random.Random) -> bytes:
    out, state = io.BytesIO(), small_state()
    weights = np.empty((1, 2), dtype=object)
    weights[0, 0] = state["conv1_1.weight"].permute(2, 3, 1, 0).numpy()
    weights[0, 1] = state["conv1_1.bias"].numpy().reshape(-1, 1)
    layers = np.empty((1, 1), dtype=object)
    layers[0, 0] = {"name": "conv1_1", "weights": weights}
    savemat(out, {"layers": layers}, do_compression=chance.random() < 0.1)
    data = out.getvalue()
    return data[:20] + mutated(data[20:], chance)


def caffe_file(chance: random.Random) -> bytes:
    blob = field(7, field(1, number(2) + number(3))) + field(5, bytes(24))
    layer = field(1, b"conv1_1") + field(7, blob) + field(7, blob)
    return b"\x0a" + mutated(field(1, b"net")[1:] + field(100, layer), chance)


FORMATS: Mapping[str, tuple[Make, int]] = {
    "zip": (torch_zip, 600),
    "former": (torch_former, 600),
    "safetensors": (safetensors_file, 1000),
    "matlab": (matlab_file, 600),
    "caffe": (caffe_file, 600),
}


def tf_checkpoint(prefix: Path, chance: random.Random | None) -> None:
    """Entries changed within a table whose checksums are right, or the table; None: sound."""
    numbers = np.arange(54, dtype="<f4").tobytes()
    entries = [entry((3, 3, 2, 3), 0, numbers), entry((3,), len(numbers), numbers[:12])]
    header = HEADER
    if chance is None:
        pass
    elif chance.random() < 0.8:
        entries[chance.randrange(2)] = mutated(chance.choice(entries), chance)
    else:
        header = mutated(HEADER, chance) + field(9, 1)
    index = table([(b"", header), (b"g_conv1_1/biases", entries[1]), (b"g_conv1_1/weights", entries[0])])
    if chance is not None and chance.random() < 0.3:
        index = mutated(index[:-8], chance) + index[-8:]
    prefix.with_name(f"{prefix.name}.index").write_bytes(index)
    prefix.with_name(f"{prefix.name}.data-00000-of-00001").write_bytes(numbers + numbers[:12])


def outcome(official: OfficialNetwork, path: Path, executed: list[str]) -> bool:
    """Whether tensors came out; anything but those and one line is a failure."""
    global _watch
    _watch = executed
    try:
        found = read_weights(official, path)
    except CheckpointError as error:
        said = str(error)
        assert said.startswith(f"{path.name}: ")
        assert said.isprintable()
        assert len(said) < 1100
        return False
    finally:
        _watch = None
    assert all(isinstance(value, torch.Tensor) for value in found.values())
    return True


def grown(before: int) -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


@pytest.mark.parametrize("form", FORMATS)
def test_a_damaged_file_is_read_or_refused_in_one_line(
    tmp_path: Path, small: OfficialNetwork, executed: list[str], form: str
) -> None:
    make, count = FORMATS[form]
    path, read = tmp_path / "a.weights", 0
    path.write_bytes(to_safetensors(small_state()))
    assert outcome(small, path, [])  # torch imports what it needs
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in range(count):
        path.write_bytes(make(random.Random(seed)))
        try:
            read += outcome(small, path, executed)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
    assert not executed
    assert grown(before) < _MOST_KILOBYTES
    assert read < count


def test_a_damaged_checkpoint_of_tensorflow_is_read_or_refused_in_one_line(
    tmp_path: Path, small: OfficialNetwork, executed: list[str]
) -> None:
    small = replace(small, make=lambda: torch.nn.ModuleDict({"conv1_1": torch.nn.Conv2d(2, 3, 3)}))
    tf_checkpoint(tmp_path / "m", None)
    assert outcome(small, tmp_path / "m.index", [])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in range(600):
        tf_checkpoint(tmp_path / "m", random.Random(seed))
        try:
            outcome(small, tmp_path / "m.index", executed)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
    assert not executed
    assert grown(before) < _MOST_KILOBYTES


# ---- files that somebody has made on purpose ----


class Storage:
    """A reference to the numbers of a file."""

    def __init__(self, key: object, count: object, kind: type = torch.FloatStorage) -> None:
        self.key = ("storage", kind, key, "cpu", count)


class Called:
    """What a pickle would call."""

    def __init__(self, call: object, *arguments: object) -> None:
        self.made = call, arguments

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.made  # type: ignore[return-value]


class Pickler(pickle.Pickler):
    def persistent_id(self, value: object) -> object:
        return value.key if isinstance(value, Storage) else None


def pickled(value: object) -> bytes:
    out = io.BytesIO()
    Pickler(out, 2).dump(value)
    return out.getvalue()


def tensor(storage: object, offset: object, size: object, stride: object) -> Called:
    return Called(torch._utils._rebuild_tensor_v2, storage, offset, size, stride, False, OrderedDict())


def archive(path: Path, data: bytes, **numbers: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("a/data.pkl", data)
        for key, value in numbers.items():
            out.writestr(f"a/data/{key[1:]}", value)
    return path


def laughs(levels: int) -> object:
    value: object = "ha"
    for _ in range(levels):
        value = (value, value)
    return value


def deep_parameter(depth: int) -> object:
    """Opcodes by hand: the pickler itself would recurse."""
    begin = b"ctorch.nn.parameter\nParameter\n(" * depth
    return b"\x80\x02}X\x01\x00\x00\x00a" + begin + b"N" + b"tR" * depth + b"s."


FOUR = Storage("0", 4)
HOSTILE = {
    "a true side": {"a": tensor(FOUR, 0, (True,), (1,))},
    "a negative side": {"a": tensor(FOUR, 0, (-1,), (1,))},
    "a side that is text": {"a": tensor(FOUR, 0, ("2",), (1,))},
    "a huge side": {"a": tensor(FOUR, 0, (1 << 70,), (1,))},
    "huge sides beside none": {"a": tensor(FOUR, 0, (0, 1 << 62, 1 << 62), (1, 1, 1))},
    "a huge step of one": {"a": tensor(FOUR, 0, (1,), (1 << 70,))},
    "a negative step": {"a": tensor(FOUR, 3, (2,), (-1,))},
    "more steps than sides": {"a": tensor(FOUR, 0, (1,), (1, 1))},
    "a huge offset of none": {"a": tensor(FOUR, 1 << 70, (0,), (1,))},
    "a true offset": {"a": tensor(FOUR, True, (1,), (1,))},
    "a huge storage": {"a": tensor(Storage("0", 1 << 61), 0, (1,), (1,))},
    "a true storage": {"a": tensor(Storage("0", True), 0, (1,), (1,))},
    "a storage larger than the file": {"a": tensor(Storage("0", 1 << 30), 0, (1,), (1,))},
    "a storage of two kinds": {
        "a": tensor(FOUR, 0, (4,), (1,)),
        "b": tensor(Storage("0", 2, torch.DoubleStorage), 0, (2,), (1,)),
        "c": tensor(Storage("0", 3), 0, (3,), (1,)),
    },
    "a key that is no text": {"a": tensor(Storage(laughs(40), 4), 0, (1,), (1,))},
    "a name with line ends": {"a\nb\x1b[31m": tensor(Storage("9", 4), 0, (1,), (1,))},
    "half a character": {"\ud800": tensor(Storage("9", 4), 0, (1,), (1,))},
    "a name of many digits": {10**5000: tensor(FOUR, 0, (1,), (1,)), "a": 1},
}


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "former"])
def test_a_pickle_that_lies_is_refused(tmp_path: Path, small: OfficialNetwork, what: str, is_zip: bool) -> None:
    path, data = tmp_path / "a.pth", pickled(HOSTILE[what])
    if is_zip:
        archive(path, data, _0=bytes(16))
    else:
        rows = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
        path.write_bytes(b"".join(map(pickled, rows)) + data + pickled(["0"]) + struct.pack("<q", 4) + bytes(16))
    with pytest.raises(CheckpointError) as caught:
        read_weights(small, path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("count", [1 << 61, (1 << 63) - 1, -1, 1 << 40])
def test_a_storage_of_the_former_form_that_is_longer_than_its_file_is_refused(tmp_path: Path, count: int) -> None:
    rows = [0x1950A86A20F9469CFC6C, 1001, {}, {"a": tensor(Storage("0", count), 0, (1,), (1,))}, ["0"]]
    (tmp_path / "a.pth").write_bytes(b"".join(map(pickled, rows)) + struct.pack("<q", count) + bytes(16))
    with pytest.raises(CheckpointError):
        read_tensors(tmp_path / "a.pth")


@pytest.mark.parametrize(
    "data",
    [
        deep_parameter(50_000),
        b"\x80\x02" + b"}" * 3_000_000 + b".",
        b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62) + b"a.",
        b"\x80\x04" + b"\x8c\x01a" + b"\x94h\x00\x86" * 60 + b"h\x00\x93.",  # a name that is tuples of tuples
    ],
    ids=["parameters in parameters", "many dicts", "a long text", "a name"],
)
def test_a_pickle_that_is_deep_or_long_is_refused(tmp_path: Path, data: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError):
        read_tensors(archive(tmp_path / "a.pth", data))
    assert grown(before) < 3 * _MOST_KILOBYTES


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def integer(value: int) -> bytes:
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8b" + struct.pack("<i", len(data)) + data


def called_by_reference(of_class: bytes) -> bytes:
    """A tensor's place is taken by a call of the former form's note of a class."""
    return b"\x80\x02}" + text("a") + text("module") + b"ctorch.nn\nLinear\n" + of_class + b"\x87Q)Rs."


_HASHED_ALIKE = (1 << 61) - 1


@pytest.mark.fault(27, "malicious snapshot or weights file")
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (called_by_reference(b"]"), "without tensors by name"),
        (called_by_reference(b")" + b"\x85" * 400_000), "nested at most"),
        (
            b"\x80\x02" + text("x" * 200_000) + b"q\x000cbuiltins\nset\nq\x010(" + b"h\x01h\x00R" * 20_000 + b"l.",
            "no tuple",
        ),
        (b"\x80\x02" + integer(1 << 32_000_000) + b"q\x000}" + b"h\x00Ns" * 300_000 + b".", "integers of at most"),
        (b"\x80\x02}(" + b"".join(integer(k * _HASHED_ALIKE) + b"N" for k in range(1, 200_000)) + b"u.", "keys"),
        (b"\x80\x02}(" + b"K\x01" * 100_000 + b"tq\x000" + b"h\x00Ns" * 300_000 + b".", "keys"),
        (b"N" + b"".join(b"p%d\n" % (k * _HASHED_ALIKE) for k in range(1, 200_000)) + b".", "counts what it keeps"),
    ],
    ids=[
        "a class of a list",
        "a deep class",
        "text as arguments",
        "a long key",
        "keys alike",
        "a tuple",
        "places alike",
    ],
)
def test_a_small_pickle_takes_little_memory_and_time(
    tmp_path: Path, small: OfficialNetwork, data: bytes, said: str
) -> None:
    archive(tmp_path / "a.pth", data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError, match=said):
        read_weights(small, tmp_path / "a.pth")
    assert grown(before) < 3 * _MOST_KILOBYTES


def test_a_dict_by_tensors_and_numbers_is_read(tmp_path: Path) -> None:
    keys = {torch.nn.Parameter(torch.ones(1)): 1, -3: 2, 1 << 40: 3, 0.5: 4, None: 5, (1, "a"): 6, torch.float32: 7}
    torch.save({"model": small_state(), "more": [keys, (1 << 127) + 1]}, tmp_path / "a.pth")
    assert read_tensors(tmp_path / "a.pth").keys() == small_state().keys()


def test_many_tensors_of_one_storage_do_not_multiply_it(tmp_path: Path) -> None:
    storage, count = Storage("0", _SHARE), 1000
    many = {f"n{place}": tensor(storage, 0, (_SHARE,), (1,)) for place in range(count)}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError, match="far more than the file has numbers"):
        read_tensors(archive(tmp_path / "a.pth", pickled(many), _0=bytes(4 * _SHARE)))
    assert grown(before) < _MOST_KILOBYTES


def raw_safetensors(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    "data",
    [
        *(
            raw_safetensors({"a": {"dtype": kind, "shape": [4], "data_offsets": [0, size]}}, bytes(size))
            for kind, size in (("F8_E4M3", 4), ("F8_E8M0", 4), ("F4", 2), ("F6_E2M3", 3), ("C64", 32), ("NEW", 4))
        ),
        raw_safetensors({"a": {"dtype": "F32", "shape": [0, 1 << 62, 1 << 62], "data_offsets": [0, 0]}}),
        raw_safetensors({"a": {"dtype": "F32", "shape": [1 << 63], "data_offsets": [0, 4]}}, bytes(4)),
        raw_safetensors({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, bytes(4)),
        raw_safetensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 1 << 40]}}, bytes(4)),
        raw_safetensors({"a\nb": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
        struct.pack("<Q", 1 << 62) + b"{}",
        raw_safetensors(b"{" * 100_000),
    ],
)
def test_a_header_of_safetensors_that_lies_is_refused(tmp_path: Path, small: OfficialNetwork, data: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(data)
    with pytest.raises(CheckpointError) as caught:
        read_weights(small, tmp_path / "a.safetensors")
    assert str(caught.value).startswith("a.safetensors: ")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("length", [0x3C, 0x3C00 + 0x3C, 0x3C0A])
def test_a_header_whose_length_begins_like_a_page_is_none(tmp_path: Path, length: int) -> None:
    header = json.dumps({"__metadata__": {"a": ""}}).encode().ljust(length)
    (tmp_path / "a").write_bytes(raw_safetensors(header))
    assert not is_web_page(tmp_path / "a")
    for page in (b"<html>", b"\xef\xbb\xbf<!DOCTYPE html>", b"\r\n <?xml"):
        (tmp_path / "a").write_bytes(page)
        assert is_web_page(tmp_path / "a")


@pytest.mark.parametrize("shape", [(), (0,), (1 << 30, 0)])
def test_a_file_whose_size_cannot_be_told_is_compared_with_the_paper_s(tmp_path: Path, shape: tuple[int, ...]) -> None:
    wrong = {"model1.0.weight": torch.zeros(shape), "segment9.4.weight": torch.zeros(shape)}
    with torch.device("meta"):
        assert sum(value.numel() for value in zhao_like(wrong).parameters()) == 36_862_592
    (tmp_path / "a.safetensors").write_bytes(to_safetensors(wrong))
    with pytest.raises(CheckpointError, match="expected the weights of zhao, found"):
        load_network("zhao", tmp_path / "a.safetensors")
