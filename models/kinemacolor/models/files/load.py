"""A network with the weights of a file: the authors' own, or one that was imported before."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from kinemacolor.models.computable import refuse_uncomputable
from kinemacolor.models.errors import CheckpointError, MachineError
from kinemacolor.models.files.caffe_eccv16 import eccv16_tensors
from kinemacolor.models.files.caffe_file import is_caffe_file, read_caffe_file
from kinemacolor.models.files.matconvnet import is_matlab_file, read_vgg19
from kinemacolor.models.files.tf_checkpoint import bundle_files, is_tf_checkpoint, read_variables
from kinemacolor.models.files.tf_names import tensors_in_scope
from kinemacolor.models.files.torch_file import is_torch_file, read_tensors
from kinemacolor.models.official import OFFICIAL, OfficialNetwork, official_network

__all__ = ["is_web_page", "load_network", "read_weights", "sha256_of_file", "sha256_of_weights"]

_HEAD_BYTES = 512
_CHUNK_BYTES = 1 << 20
_NAMES_SHOWN = 3
_LINE_CHARACTERS = 1000
_UTF8_MARK = b"\xef\xbb\xbf"
_DAMAGE = (SafetensorError, ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)
"""What the library says of a file of safetensors, of kinds of numbers that it or torch has not, too."""


def load_network(name: str, path: Path) -> nn.Module:
    """One of the networks of `official.OFFICIAL` with weights, ready for inference.

    Args:
        name: One of them, `eccv16` for instance.
        path: The authors' file (`.pth`; of `eccv16` also `.caffemodel`, of `favc` a checkpoint of TensorFlow, of
            `vgg19` `.mat`) or a safetensors file of the same tensors. Nothing in it is executed.

    Returns:
        The network in eval mode, float32, on the CPU; its class says what it takes and gives.

    Raises:
        UnknownModelError: There is no network of that name.
        CheckpointError: The file is missing, damaged, no weights file, or another network's; the text says what it is.
    """
    official = official_network(name)
    tensors = read_weights(official, path)
    # Laid out without memory, then given the file's own tensors: a large network is there once, not three times.
    with torch.device("meta"):
        network = _network(official, tensors)
    left_out = {
        key: torch.zeros_like(like, device="cpu") for key, like in network.state_dict().items() if key not in tensors
    }
    network.load_state_dict({**left_out, **tensors}, assign=True)
    return network.eval().requires_grad_(False)


def read_weights(official: OfficialNetwork, path: Path) -> dict[str, Tensor]:
    """The tensors of a file that the network uses, checked.

    Raises:
        CheckpointError: As of `load_network`; of its kind `MachineError` if the file is not to blame.
    """
    try:
        found = _read(official, path)
        used = {key: value for key, value in found.items() if not key.endswith(official.ignored or ("\\0",))}
        _check(used, official)
    except OSError as error:
        raise MachineError(f"{path.name}: expected a weights file, found none: {error.strerror}") from error
    except CheckpointError as error:
        raise type(error)(_one_line(f"{path.name}: {error}")) from error
    return used


def sha256_of_file(path: Path) -> str:
    """Lower case hexadecimal.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_weights(path: Path) -> str:
    """As `sha256_of_file`; of a checkpoint of TensorFlow that of its index and its numbers, one after the other.

    Of half a checkpoint it is that of the half: `read_weights` says better what is missing.

    Raises:
        OSError: It cannot be read.
    """
    files = bundle_files(path)
    if files is None:
        return sha256_of_file(path)
    digest = hashlib.sha256()
    for part in filter(Path.is_file, files):
        with part.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()


def is_web_page(path: Path) -> bool:
    """Whether a file begins as HTML does: what servers give in place of a file.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES).removeprefix(_UTF8_MARK)
    # A text has no zeros; the eight bytes of length before the header of safetensors have, and may begin like a page.
    return head.lstrip()[:1] == b"<" and b"\0" not in head


def _read(official: OfficialNetwork, path: Path) -> dict[str, Tensor]:
    if is_tf_checkpoint(path):
        return _read_tf(official, path)
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        raise CheckpointError("expected a weights file, found an empty one")
    if is_web_page(path):
        raise CheckpointError("expected a weights file, found a web page: the download gave a page instead of the file")
    if is_matlab_file(head):
        return read_vgg19(path, frozenset(key.rpartition(".")[0] for key in _layout(official_network("vgg19"), {})))
    if is_torch_file(head) and not _is_safetensors(head):
        return read_tensors(path)
    if head.lstrip().startswith((b"name:", b"layer")):
        raise CheckpointError(
            "expected a weights file, found a description of a Caffe network (prototxt) without weights"
        )
    if is_caffe_file(head) and not _is_safetensors(head):
        return eccv16_tensors(read_caffe_file(path))
    try:
        return load_safetensors(path.read_bytes())
    except _DAMAGE as error:
        raise CheckpointError(f"expected a file of torch.save, safetensors or Caffe, found another: {error}") from error


def _read_tf(official: OfficialNetwork, path: Path) -> dict[str, Tensor]:
    if not official.tf_scope:
        raise CheckpointError(f"expected the weights of {official.name}, found a checkpoint of TensorFlow")
    variables = read_variables(path, lambda name: name.endswith(("/weights", "/biases")))
    return tensors_in_scope(variables, official.tf_scope, _layout(official, {}))


def _is_safetensors(head: bytes) -> bool:
    """Eight bytes of length, then a header in JSON; the length may begin like a Caffe model, or like a pickle."""
    return head[8:9] == b"{"


def _one_line(text: str) -> str:
    """Names in it are the file's, and may hold anything."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text[: _LINE_CHARACTERS + 1])
    return shown if len(text) <= _LINE_CHARACTERS else f"{shown[:_LINE_CHARACTERS]}..."


def _check(found: Mapping[str, Tensor], official: OfficialNetwork) -> None:
    expected = _layout(official, found)
    missing = [key for key in expected.keys() - found.keys() if not key.endswith(official.optional)]
    surplus = found.keys() - expected.keys()
    wrong = [key for key in expected.keys() & found.keys() if found[key].shape != expected[key].shape]
    if missing or surplus or wrong:
        raise CheckpointError(f"expected the weights of {official.name}, found {_what(found, official)}")
    for key, value in found.items():
        if value.dtype != expected[key].dtype:
            raise CheckpointError(f"{key}: expected numbers of {expected[key].dtype}, found {value.dtype}")
    refuse_uncomputable(found)


def _network(official: OfficialNetwork, found: Mapping[str, Tensor]) -> nn.Module:
    return official.make() if official.like is None else official.like(found)


def _layout(official: OfficialNetwork, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The network's tensors, without memory; if it has several sizes, of that of the file."""
    with torch.device("meta"):
        return dict(_network(official, found).state_dict())


def _what(found: Mapping[str, Tensor], official: OfficialNetwork) -> str:
    """Another network's name (several may have one layout, one may hold all of another), or how the file differs."""
    expected = _layout(official, found)
    layouts = {other.name: _layout(other, found) for other in OFFICIAL.values()}
    fitting = {name: len(one) for name, one in layouts.items() if _is_of(found, one) and not _are_alike(expected, one)}
    if fitting and not _is_of(found, expected):
        return f"those of {' or '.join(name for name, size in fitting.items() if size == max(fitting.values()))}"
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


def _are_alike(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return _is_of(one, other) and _is_of(other, one)


def _is_of(found: Mapping[str, Tensor], layout: Mapping[str, Tensor]) -> bool:
    return all(key in found and found[key].shape == layout[key].shape for key in layout if key.endswith(".weight"))


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMES_SHOWN]) + (", ..." if len(names) > _NAMES_SHOWN else "")
