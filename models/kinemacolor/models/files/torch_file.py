"""Tensors out of a file of `torch.save`, in its present (zip) and its former form; nothing in the file is executed.

Layout (torch/serialization.py): the zip form has `NAME/data.pkl` and one file of raw numbers per storage,
`NAME/data/KEY`, never compressed. The former form is a row of pickles (a magic number, a protocol number, facts of the
machine, the object, the keys of the storages) and then the storages, each behind its length.

Files may carry optimisers and other known objects beside the tensors; those are passed over. A file that, opened in the
usual way, would call what is not known to be harmless is refused, though here it could do nothing.

Whatever a file says, no more is read or made than its own size allows.
"""

import math
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.files.known_calls import KNOWN
from kinemacolor.models.files.pickled import Made, Persistent, Symbol, parts_of, read_pickle
from kinemacolor.models.files.shapes import is_plain_shape

__all__ = ["is_torch_file", "read_tensors"]

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_PICKLE_LIMIT_BYTES = 64 << 20
_LARGEST_COUNT = 1 << 40
_TENSORS_PER_BYTE, _SPARE_BYTES = 4, 1 << 20
"""Tensors may share their numbers, as tied weights do, but not so that a small file becomes a large network."""
_NAMES_SHOWN = 4
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
_PARAMETER_MAKERS = frozenset(
    {
        Symbol("torch._utils", "_rebuild_parameter"),
        Symbol("torch._utils", "_rebuild_parameter_with_state"),
        Symbol("torch.nn.parameter", "Parameter"),
    }
)
_CONTAINERS = ("model", "state_dict", "params", "params_ema")
"""Under which key files keep their tensors beside other things."""

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
        size = path.stat().st_size
        try:
            if zipfile.is_zipfile(file):
                with zipfile.ZipFile(file) as archive:
                    return _from_zip(archive, size)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, struct.error) as error:
            raise CheckpointError(f"expected a file of torch.save, found a damaged zip archive: {error}") from error
        file.seek(0)
        return _from_row(file, size)


# ---- the two forms ----


def _from_zip(archive: zipfile.ZipFile, size: int) -> dict[str, Tensor]:
    pickles = [name for name in archive.namelist() if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1:
        raise CheckpointError("expected a file of torch.save, found a zip archive without its data.pkl")
    folder = pickles[0].removesuffix("data.pkl")
    if f"{folder}byteorder" in archive.namelist() and _read(archive, f"{folder}byteorder", 16) != b"little":
        raise CheckpointError("expected a little-endian file, found a big-endian one")
    pickled = _read(archive, pickles[0], min(_PICKLE_LIMIT_BYTES, size))
    described = read_pickle(BytesIO(pickled), KNOWN)
    return _tensors(described, lambda key, count: _read(archive, f"{folder}data/{key}", count), size)


def _read(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    try:
        entry = archive.getinfo(name)
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > limit:
            raise CheckpointError(f"expected at most {limit} plain bytes in {name}, found {entry.file_size}")
        return archive.read(entry)
    except (KeyError, zipfile.BadZipFile, RuntimeError, EOFError, ValueError, OSError) as error:  # all of a bad archive
        raise CheckpointError(f"expected the numbers of {name}, found damage: {error}") from error


def _from_row(file: BinaryIO, size: int) -> dict[str, Tensor]:
    if read_pickle(file, KNOWN) != _MAGIC or read_pickle(file, KNOWN) != _PROTOCOL:
        raise CheckpointError("expected a file of torch.save, found another pickle")
    facts = read_pickle(file, KNOWN)
    if isinstance(facts, dict) and facts.get("little_endian") is False:
        raise CheckpointError("expected a little-endian file, found a big-endian one")
    described = read_pickle(file, KNOWN)
    keys = read_pickle(file, KNOWN)
    if not isinstance(keys, list):
        raise CheckpointError("expected a list of storages behind the state dict, found none")
    storages = {storage.key: storage for storage in _storages(described)}
    places: dict[str, int] = {}
    for key in keys:
        if not isinstance(key, str) or key not in storages:
            raise CheckpointError("expected storages that the state dict uses, found another")
        (count,) = struct.unpack("<q", _exactly(file, 8))
        if count != storages[key].count:
            raise CheckpointError(f"storage {key}: expected {storages[key].count} numbers, found {count}")
        places[key] = file.tell()
        end = file.tell() + count * storages[key].dtype.itemsize
        if end > size:
            raise CheckpointError(f"expected {end} bytes or more, found {size}: the file is cut off")
        file.seek(end)

    def read(key: str, limit: int) -> bytes:
        if key not in places:
            raise CheckpointError(f"expected the numbers of storage {key}, found none")
        file.seek(places[key])
        return _exactly(file, limit)

    return _tensors(described, read, size)


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise CheckpointError(f"expected {count} bytes more, found {len(data)}: the file is cut off")
    return data


# ---- from the description to tensors ----


def _tensors(described: object, read: Read, size: int) -> dict[str, Tensor]:
    """Of the state dict in a description; `size`: bytes of the file, which bound what is made of it."""
    kept = _Kept(read, size)
    made = ((name, _tensor_maker(value)) for name, value in _state_dict(described).items())
    return {name: _tensor(name, maker, kept) for name, maker in made if maker is not None}


class _Kept:
    """Storages that were read, and how much may still be made of them."""

    def __init__(self, read: Read, size: int) -> None:
        self._read, self._storages = read, dict[str, Tensor]()
        self._unread, self._unmade = size, _TENSORS_PER_BYTE * size + _SPARE_BYTES

    def view(self, storage: _Storage, size: Sequence[int], stride: Sequence[int], offset: int) -> Tensor:
        """A tensor of its own memory."""
        self._unmade -= math.prod(size) * storage.dtype.itemsize
        if self._unmade < 0:
            raise CheckpointError(
                "expected tensors with numbers of their own, found far more than the file has numbers"
            )
        if 0 in size:
            return torch.empty(tuple(size), dtype=storage.dtype)
        return self._whole(storage).as_strided(tuple(size), tuple(stride), offset).clone()

    def _whole(self, storage: _Storage) -> Tensor:
        found = self._storages.get(storage.key)
        if found is None:
            count = storage.count * storage.dtype.itemsize
            self._unread -= count
            if self._unread < 0:
                raise CheckpointError(f"storage {storage.key}: expected {count} bytes, found a file that is too small")
            raw = self._read(storage.key, count)
            if len(raw) != count:
                raise CheckpointError(f"storage {storage.key}: expected {count} bytes, found {len(raw)}")
            found = self._storages[storage.key] = torch.frombuffer(bytearray(raw), dtype=storage.dtype)
        if found.dtype != storage.dtype or len(found) != storage.count:
            raise CheckpointError(f"storage {storage.key}: expected one kind of numbers in it, found two")
        return found


def _state_dict(described: object) -> Mapping[str, object]:
    """The mapping whose values are tensors: the object itself, or what it keeps under a usual key."""
    items = _items(described)
    if items is None:
        raise CheckpointError(f"expected a state dict, found {_kind(described)}")
    for candidate in (items, *(_items(items.get(key)) for key in _CONTAINERS)):
        if candidate is not None and any(
            isinstance(key, str) and _tensor_maker(value) is not None for key, value in candidate.items()
        ):
            return {key: value for key, value in candidate.items() if isinstance(key, str)}
    shown = ", ".join([key for key in items if isinstance(key, str)][:_NAMES_SHOWN])
    raise CheckpointError(f"expected a state dict, found a file without tensors by name ({shown})")


def _kind(described: object) -> str:
    if not isinstance(described, Made):
        return type(described).__name__
    match described.of:
        case Symbol() as name:
            pass
        case Persistent(("module", Symbol() as name, *_)):  # the former form, with the text of its source beside it
            pass
        case _:
            return "an object"
    return f"an object of {name}; save its tensors alone where it was made: torch.save(network.state_dict(), FILE)"


def _items(value: object) -> Mapping[object, object] | None:
    if isinstance(value, dict):
        return value
    is_dict = isinstance(value, Made) and _is_call_of(value, frozenset({Symbol("collections", "OrderedDict")}))
    return value.items if is_dict and isinstance(value, Made) else None


def _tensor_maker(value: object) -> Made | None:
    """The call that would have made a tensor; of a parameter that of what is in it."""
    while isinstance(value, Made) and _is_call_of(value, _PARAMETER_MAKERS) and value.arguments:
        value = value.arguments[0]
    return value if isinstance(value, Made) and _is_call_of(value, _TENSOR_MAKERS) else None


def _is_call_of(value: Made, makers: frozenset[Symbol]) -> bool:
    return isinstance(value.of, Symbol) and value.of in makers


def _storages(described: object) -> Iterator[_Storage]:
    """Of everything in the file, tensors of the optimiser included: in the former form all of them lie in a row."""
    return (_storage(part) for part in _persistents(described) if not _is_class(part))


def _is_class(part: Persistent) -> bool:
    """Of a network that was saved as an object: the former form keeps the text of its source with it."""
    return isinstance(part.key, tuple) and part.key[:1] == ("module",)


def _persistents(described: object) -> Iterator[Persistent]:
    """Those in the description, however deep."""
    waiting, seen = [described], set[int]()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Persistent):
            yield value
        else:
            waiting += parts_of(value)


def _storage(value: object) -> _Storage:
    match value:
        case Persistent(("storage", Symbol("torch", kind), str(key), _, int(count), *_)) if kind in _DTYPES:
            if type(count) is int and 0 <= count <= _LARGEST_COUNT:
                return _Storage(key, _DTYPES[kind], count)
    raise CheckpointError("expected a tensor with its numbers in this file, found one of another kind")


def _tensor(name: str, maker: Made, kept: _Kept) -> Tensor:
    match maker.arguments:
        case (Persistent() as place, int(offset), tuple(size), tuple(stride), *_):
            storage = _storage(place)
        case _:
            raise CheckpointError(f"{name}: expected a plain tensor, found one that is made in another way")
    # The steps, too: of a side of one or none they are not used, but must be countable.
    if type(offset) is not int or not is_plain_shape(size) or not all(is_plain_shape((step,)) for step in stride):
        raise CheckpointError(f"{name}: expected a tensor with sides that are numbers, found others")
    if not _fits(storage.count, offset, size, stride):
        raise CheckpointError(f"{name}: expected a tensor within its storage, found one beyond it")
    return kept.view(storage, size, stride, offset)


def _fits(count: int, offset: int, size: Sequence[int], stride: Sequence[int]) -> bool:
    if len(size) != len(stride) or not 0 <= offset <= _LARGEST_COUNT:
        return False
    if 0 in size:
        return True
    last = offset + sum((side - 1) * step for side, step in zip(size, stride, strict=True))
    return last < count and math.prod(size) <= count
