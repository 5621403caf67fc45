"""A snapshot as bytes: a safetensors file whose header says whose state it is, and whose checksum covers both.

Nothing in it can run code. A file is refused whole if any field is not the expected one, if it is cut short, or if any
bit is another: a wrong state would give wrong colours without a word, a refused one costs some frames again.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as to_safetensors
from torch import Tensor

from kinemacolor.wire.frame import FrameNumber

FORMAT = "kinemacolor snapshot 2"
MAX_FILE_BYTES = 64 << 20
"""Far above any state; a file that lies about its size must not fill the memory."""

_LUMA = "luma"
_STATE = "state."
_CHECKSUM = "sha256"


class SnapshotRefusedError(Exception):
    """The file is not the snapshot that was expected; the text says in which way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotHeader:
    """Whose state it is. All of it must be equal for the snapshot to be used."""

    clip_key: str
    next_frame: FrameNumber
    """One more than the last frame that the state has seen."""
    shot_start: FrameNumber
    model: str
    weights_sha256: str
    dependency: str
    """The dependency hash of the shot."""
    device_class: str
    width_px: int
    height_px: int
    transfer: int

    def fields(self) -> dict[str, str]:
        """As safetensors metadata."""
        return {"format": FORMAT, **{name: str(value) for name, value in asdict(self).items()}}


@dataclass(frozen=True, slots=True)
class SnapshotContent:
    """What is saved."""

    tensors: Mapping[str, Tensor]
    """On the CPU; empty at a shot start."""
    luma: bytes
    """Of the last frame that the state has seen: the next one is compared with it. Empty at a shot start."""


def encode(header: SnapshotHeader, content: SnapshotContent) -> bytes:
    """The bytes of a snapshot file."""
    tensors = {_STATE + name: tensor.contiguous() for name, tensor in content.tensors.items()}
    if content.luma:
        tensors[_LUMA] = torch.frombuffer(bytearray(content.luma), dtype=torch.uint8)
    fields = header.fields()
    return to_safetensors(tensors, metadata={**fields, _CHECKSUM: _checksum(fields, tensors)})


def decode(data: bytes, expected: SnapshotHeader) -> SnapshotContent:
    """The content of a snapshot file.

    Raises:
        SnapshotRefusedError: it is damaged, or another's.
    """
    fields, tensors = _parse(data)
    checksum = fields.pop(_CHECKSUM, "")
    for name, value in expected.fields().items():
        if fields.get(name) != value:
            raise SnapshotRefusedError(f"{name}: expected {value}, found {fields.get(name)}")
    if checksum != _checksum(fields, tensors):
        raise SnapshotRefusedError("its checksum does not fit its content")
    luma = tensors.pop(_LUMA, None)
    state = {name.removeprefix(_STATE): tensor for name, tensor in tensors.items()}
    return SnapshotContent(state, b"" if luma is None else luma.numpy().tobytes())


def _parse(data: bytes) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        tensors = load_safetensors(data)
        header_bytes = int.from_bytes(data[:8], "little")
        fields = json.loads(data[8 : 8 + header_bytes])["__metadata__"]
    except (SafetensorError, ValueError, KeyError) as error:
        raise SnapshotRefusedError(f"it is no whole safetensors file ({len(data)} bytes)") from error
    return dict(fields), tensors


def _checksum(fields: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over the header's fields and each tensor's name, type, shape and bytes."""
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(json.dumps([name, str(tensor.dtype), tuple(tensor.shape)]).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
