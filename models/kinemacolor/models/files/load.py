"""A network with the weights of a file: the authors' own, or one that was imported before."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.files.caffe_eccv16 import eccv16_tensors
from kinemacolor.models.files.caffe_file import is_caffe_file, read_caffe_file
from kinemacolor.models.files.torch_file import is_torch_file, read_tensors
from kinemacolor.models.official import OFFICIAL, OfficialNetwork, official_network

__all__ = ["is_web_page", "load_network", "read_weights", "sha256_of_file"]

_HEAD_BYTES = 512
_NAMES_SHOWN = 3


def load_network(name: str, path: Path) -> nn.Module:
    """One of the networks of `official.OFFICIAL` with weights, ready for inference.

    Args:
        name: `eccv16`, `siggraph17`, `zhao` (of any width), `lai`, `ddcolor-t` or `ddcolor-l`.
        path: The authors' file (`.pth`; of `eccv16` also `.caffemodel`) or a safetensors file of the same tensors.
            Nothing in it is executed.

    Returns:
        The network in eval mode, float32, on the CPU; its class says what it takes and gives.

    Raises:
        UnknownModelError: There is no network of that name.
        CheckpointError: The file is missing, damaged, no weights file, or another network's; the text says what it is.
    """
    official = official_network(name)
    tensors = read_weights(official, path)
    network = _network(official, tensors)
    network.load_state_dict({**network.state_dict(), **tensors})
    return network.eval().requires_grad_(False)


def read_weights(official: OfficialNetwork, path: Path) -> dict[str, Tensor]:
    """The tensors of a file that the network uses, checked.

    Raises:
        CheckpointError: As of `load_network`.
    """
    try:
        found = _read(path)
    except OSError as error:
        raise CheckpointError(f"{path.name}: expected a weights file, found none: {error.strerror}") from error
    except CheckpointError as error:
        raise CheckpointError(f"{path.name}: {error}") from error
    used = {key: value for key, value in found.items() if not key.endswith(official.ignored or ("\\0",))}
    _check(path.name, used, official)
    return used


def sha256_of_file(path: Path) -> str:
    """Lower case hexadecimal.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_web_page(path: Path) -> bool:
    """Whether a file begins as HTML does: what servers give in place of a file.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES).lstrip()[:1] == b"<"


def _read(path: Path) -> dict[str, Tensor]:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        raise CheckpointError("expected a weights file, found an empty one")
    if is_web_page(path):
        raise CheckpointError("expected a weights file, found a web page: the download gave a page instead of the file")
    if is_torch_file(head):
        return read_tensors(path)
    if head.lstrip().startswith((b"name:", b"layer")):
        raise CheckpointError(
            "expected a weights file, found a description of a Caffe network (prototxt) without weights"
        )
    if is_caffe_file(head) and not _is_safetensors(head):
        return eccv16_tensors(read_caffe_file(path))
    try:
        return load_safetensors(path.read_bytes())
    except SafetensorError as error:
        raise CheckpointError(f"expected a file of torch.save, safetensors or Caffe, found another: {error}") from error


def _is_safetensors(head: bytes) -> bool:
    """Eight bytes of length, then a header in JSON; the length may begin like a Caffe model."""
    return head[8:9] == b"{"


def _check(name: str, found: Mapping[str, Tensor], official: OfficialNetwork) -> None:
    expected = _layout(official, found)
    missing = [key for key in expected.keys() - found.keys() if not key.endswith(official.optional)]
    surplus = found.keys() - expected.keys()
    wrong = [key for key in expected.keys() & found.keys() if found[key].shape != expected[key].shape]
    if missing or surplus or wrong:
        raise CheckpointError(f"{name}: expected the weights of {official.name}, found {_what(found, official)}")
    for key, value in found.items():
        if value.dtype != expected[key].dtype:
            raise CheckpointError(f"{name}: {key}: expected numbers of {expected[key].dtype}, found {value.dtype}")
        if not torch.isfinite(value).all():
            raise CheckpointError(f"{name}: {key}: expected finite numbers, found NaN or infinity")


def _network(official: OfficialNetwork, found: Mapping[str, Tensor]) -> nn.Module:
    return official.make() if official.like is None else official.like(found)


def _layout(official: OfficialNetwork, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The network's tensors, without memory; if it has several sizes, of that of the file."""
    with torch.device("meta"):
        return dict(_network(official, found).state_dict())


def _what(found: Mapping[str, Tensor], official: OfficialNetwork) -> str:
    """Another network's name, or how the file differs."""
    fitting = [other for other in OFFICIAL.values() if other.name != official.name and _is_of(found, other)]
    if fitting:  # a network may hold all of another one
        return f"those of {max(fitting, key=lambda other: len(_layout(other, found))).name}"
    expected = _layout(official, found)
    missing = sorted(key for key in expected.keys() - found.keys() if not key.endswith(official.optional))
    surplus = sorted(found.keys() - expected.keys())
    wrong = [
        f"{key} of shape {tuple(found[key].shape)} instead of {tuple(expected[key].shape)}"
        for key in sorted(expected.keys() & found.keys())
        if found[key].shape != expected[key].shape
    ]
    parts = (
        (f"{len(missing)} missing", missing),
        (f"{len(surplus)} unknown", surplus),
        (f"{len(wrong)} others", wrong),
    )
    return "; ".join(f"{what} ({_some(names)})" for what, names in parts if names)


def _is_of(found: Mapping[str, Tensor], other: OfficialNetwork) -> bool:
    layout = _layout(other, found)
    return all(key in found and found[key].shape == layout[key].shape for key in layout if key.endswith(".weight"))


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMES_SHOWN]) + (", ..." if len(names) > _NAMES_SHOWN else "")
