"""Tensors out of a file of `torch.save`, in its present (zip) and its former form; nothing in the file is executed.

Layout (torch/serialization.py): the zip form has `NAME/data.pkl` and one file of raw numbers per storage,
`NAME/data/KEY`, never compressed. The former form is a row of pickles (a magic number, a protocol number, facts of the
machine, the object, the keys of the storages) and then the storages, each behind its length.

Files may carry optimisers and other objects beside the tensors; those are passed over. A file that would do
something to the machine if it were opened in the usual way is refused, though here it could do nothing.
"""

import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.files.pickled import Made, Persistent, Symbol, read_pickle

__all__ = ["is_torch_file", "read_tensors"]

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_PICKLE_LIMIT_BYTES = 64 << 20
_MAX_AXES = 8
_DTYPES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
_TENSOR_MAKERS = frozenset({Symbol("torch._utils", "_rebuild_tensor_v2"), Symbol("torch._utils", "_rebuild_tensor")})
_PARAMETER_MAKERS = frozenset({Symbol("torch._utils", "_rebuild_parameter"), Symbol("torch.nn.parameter", "Parameter")})
_CONTAINERS = ("model", "state_dict", "params", "params_ema")
"""Under which key files keep their tensors beside other things."""

_DANGEROUS_MODULES = frozenset(
    {
        "os",
        "posix",
        "nt",
        "io",
        "_io",
        "subprocess",
        "builtins",
        "__builtin__",
        "sys",
        "importlib",
        "runpy",
        "shutil",
        "socket",
    }
    | {"ctypes", "pty", "webbrowser", "code", "timeit", "pickle", "marshal", "asyncio", "multiprocessing", "torch.hub"}
    | {"cProfile", "profile", "pdb", "bdb", "trace", "doctest", "pydoc", "codeop", "ensurepip", "pip", "venv"}
)
_HARMLESS_BUILTINS = frozenset({"set", "frozenset", "slice", "complex", "bytearray", "list", "dict", "tuple", "object"})

Read = Callable[[str, int], bytes]
"""The raw bytes of a storage: its key, how many."""


@dataclass(frozen=True, slots=True)
class _Storage:
    """A piece of memory that tensors are views of."""

    key: str
    dtype: torch.dtype
    count: int


def is_torch_file(head: bytes) -> bool:
    """Whether a file that begins like this may be one of `torch.save`."""
    return head.startswith((b"PK\x03\x04", b"\x80"))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The state dict in a file.

    Returns:
        Tensors by name; each owns its memory.

    Raises:
        CheckpointError: There is none, or the file is damaged; the text says what was found.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        try:
            if zipfile.is_zipfile(file):
                with zipfile.ZipFile(file) as archive:
                    return _from_zip(archive)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, struct.error) as error:
            raise CheckpointError(f"expected a file of torch.save, found a damaged zip archive: {error}") from error
        file.seek(0)
        return _from_row(file, path.stat().st_size)


# ---- the two forms ----


def _from_zip(archive: zipfile.ZipFile) -> dict[str, Tensor]:
    pickles = [name for name in archive.namelist() if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1:
        raise CheckpointError("expected a file of torch.save, found a zip archive without its data.pkl")
    folder = pickles[0].removesuffix("data.pkl")
    if f"{folder}byteorder" in archive.namelist() and _read(archive, f"{folder}byteorder", 16) != b"little":
        raise CheckpointError("expected a little-endian file, found a big-endian one")
    described = read_pickle(BytesIO(_read(archive, pickles[0], _PICKLE_LIMIT_BYTES)), _refuse_if_dangerous)
    return _tensors(described, lambda key, size: _read(archive, f"{folder}data/{key}", size))


def _read(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    try:
        entry = archive.getinfo(name)
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > limit:
            raise CheckpointError(f"expected at most {limit} plain bytes in {name}, found {entry.file_size}")
        return archive.read(entry)
    except (KeyError, zipfile.BadZipFile, RuntimeError, EOFError, ValueError, OSError) as error:  # all of a bad archive
        raise CheckpointError(f"expected the numbers of {name}, found damage: {error}") from error


def _from_row(file: BinaryIO, size: int) -> dict[str, Tensor]:
    if read_pickle(file, _refuse_if_dangerous) != _MAGIC or read_pickle(file, _refuse_if_dangerous) != _PROTOCOL:
        raise CheckpointError("expected a file of torch.save, found another pickle")
    facts = read_pickle(file, _refuse_if_dangerous)
    if isinstance(facts, dict) and facts.get("little_endian") is False:
        raise CheckpointError("expected a little-endian file, found a big-endian one")
    described = read_pickle(file, _refuse_if_dangerous)
    keys = read_pickle(file, _refuse_if_dangerous)
    if not isinstance(keys, list):
        raise CheckpointError("expected a list of storages behind the state dict, found none")
    storages = {storage.key: storage for storage in _storages(described)}
    places: dict[str, int] = {}
    for key in map(str, keys):
        if key not in storages:
            raise CheckpointError(f"expected storages that the state dict uses, found {key}")
        (count,) = struct.unpack("<q", _exactly(file, 8))
        if count != storages[key].count:
            raise CheckpointError(f"storage {key}: expected {storages[key].count} numbers, found {count}")
        places[key] = file.tell()
        file.seek(count * storages[key].dtype.itemsize, 1)
        if file.tell() > size:
            raise CheckpointError(f"expected {file.tell()} bytes or more, found {size}: the file is cut off")

    def read(key: str, limit: int) -> bytes:
        if key not in places:
            raise CheckpointError(f"expected the numbers of storage {key}, found none")
        file.seek(places[key])
        return _exactly(file, limit)

    return _tensors(described, read)


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise CheckpointError(f"expected {count} bytes more, found {len(data)}: the file is cut off")
    return data


# ---- from the description to tensors ----


def _tensors(described: object, read: Read) -> dict[str, Tensor]:
    state = _state_dict(described)
    kept: dict[str, Tensor] = {}
    found: dict[str, Tensor] = {}
    for name, value in state.items():
        maker = _tensor_maker(value)
        if maker is not None:
            found[name] = _tensor(name, maker, read, kept)
    return found


def _state_dict(described: object) -> Mapping[str, object]:
    """The mapping whose values are tensors: the object itself, or what it keeps under a usual key."""
    items = _items(described)
    if items is None:
        what = str(described.of) if isinstance(described, Made) else type(described).__name__
        raise CheckpointError(f"expected a state dict, found {what}")
    for candidate in (items, *(_items(items.get(key)) for key in _CONTAINERS)):
        if candidate is not None and any(_tensor_maker(value) is not None for value in candidate.values()):
            return {str(key): value for key, value in candidate.items()}
    shown = ", ".join(str(key) for key in list(items)[:4])
    raise CheckpointError(f"expected a state dict, found a file without tensors by name ({shown})")


def _items(value: object) -> Mapping[object, object] | None:
    if isinstance(value, dict):
        return value
    is_dict = isinstance(value, Made) and value.of == Symbol("collections", "OrderedDict")
    return value.items if is_dict and isinstance(value, Made) else None


def _tensor_maker(value: object) -> Made | None:
    """The call that would have made a tensor."""
    if not isinstance(value, Made):
        return None
    if value.of in _PARAMETER_MAKERS and value.arguments:
        return _tensor_maker(value.arguments[0])
    return value if value.of in _TENSOR_MAKERS else None


def _storages(described: object) -> Iterator[_Storage]:
    """Of everything in the file, tensors of the optimiser included: in the former form all of them lie in a row."""
    return (_storage(part) for part in _parts(described) if isinstance(part, Persistent))


def _parts(described: object) -> Iterator[Made | Persistent]:
    """Everything in the description, however deep."""
    waiting, seen = [described], set[int]()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Persistent):
            yield value
        elif isinstance(value, Made):
            yield value
            waiting += [value.of, *value.arguments, value.state, *value.items.values(), *value.values]
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, (list, tuple)):
            waiting += value


def _refuse_if_dangerous(called: object) -> None:
    """A call, whatever becomes of its result; of what is called after a call (a partial), all that is in it."""
    named = [called, *(argument for made in _parts(called) if isinstance(made, Made) for argument in made.arguments)]
    for symbol in named:
        if isinstance(symbol, Symbol) and _is_dangerous(symbol):
            raise CheckpointError(f"expected a file of weights, found one that would run {symbol} where it is opened")


def _is_dangerous(symbol: Symbol) -> bool:
    """Also of names with dots, which go through a module to another one."""
    if symbol.module in ("builtins", "__builtin__") and symbol.name in _HARMLESS_BUILTINS:
        return False
    steps = (symbol.module.partition(".")[0], *symbol.name.split(".")[:-1])
    return symbol.module in _DANGEROUS_MODULES or any(step in _DANGEROUS_MODULES for step in steps)


def _storage(value: object) -> _Storage:
    match value:
        case Persistent(("storage", Symbol("torch", kind), key, _, int(count), *_)) if kind in _DTYPES and count >= 0:
            return _Storage(str(key), _DTYPES[kind], count)
    raise CheckpointError("expected a tensor with its numbers in this file, found one of another kind")


def _tensor(name: str, maker: Made, read: Read, kept: dict[str, Tensor]) -> Tensor:
    match maker.arguments:
        case (Persistent() as place, int(offset), tuple(size), tuple(stride), *_):
            storage = _storage(place)
        case _:
            raise CheckpointError(f"{name}: expected a plain tensor, found one that is made in another way")
    if not _fits(storage.count, offset, size, stride):
        raise CheckpointError(f"{name}: expected a tensor within its storage, found one beyond it")
    if storage.count == 0:
        return torch.empty(size, dtype=storage.dtype)
    if storage.key not in kept:
        raw = read(storage.key, storage.count * storage.dtype.itemsize)
        if len(raw) != storage.count * storage.dtype.itemsize:
            raise CheckpointError(f"{name}: expected {storage.count} numbers, found {len(raw)} bytes")
        kept[storage.key] = torch.frombuffer(bytearray(raw), dtype=storage.dtype)
    return kept[storage.key].as_strided(size, stride, offset).clone()


def _fits(count: int, offset: int, size: tuple[object, ...], stride: tuple[object, ...]) -> bool:
    sides = [side for side in size if isinstance(side, int) and side >= 0]
    steps = [step for step in stride if isinstance(step, int) and step >= 0]
    if not len(sides) == len(size) == len(steps) == len(stride) <= _MAX_AXES or offset < 0:
        return False
    if 0 in sides:
        return True
    total = 1
    for side in sides:
        total *= side
    last = offset + sum((side - 1) * step for side, step in zip(sides, steps, strict=True))
    return last < count and total <= count
