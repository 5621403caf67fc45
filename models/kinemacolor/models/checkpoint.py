"""Network weights on disk: safetensors only, checked against the network before anything is used.

A file is refused, with what was expected and what was found, if it is missing, damaged, belongs to another network
(names or shapes) or holds numbers that nothing can be computed with. Pickles are never opened.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from kinemacolor.models.computable import refuse_uncomputable
from kinemacolor.models.errors import CheckpointError

__all__ = ["load_weights", "save_weights", "sha256_of_parameters"]

_NAMES_SHOWN = 3


def save_weights(path: Path, module: nn.Module, dtype: torch.dtype = torch.float16) -> str:
    """Write the state of a network.

    Args:
        path: File to write.
        module: The network; every tensor of its state is written contiguously, integers as they are, others in `dtype`.
        dtype: Stored dtype; half precision costs less than one 8-bit code of colour (see the model card).

    Returns:
        SHA-256 of the file, lower case hexadecimal.
    """
    tensors = {
        key: value.detach().to("cpu", dtype if value.is_floating_point() else value.dtype).contiguous()
        for key, value in module.state_dict().items()
    }
    data = to_safetensors(tensors)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def load_weights(path: Path, module: nn.Module) -> str:
    """Read a file that `save_weights` wrote into a network of the same kind; the network stays as it was on error.

    Args:
        path: File to read.
        module: The network; tensors are converted to its dtype.

    Returns:
        SHA-256 of the file, lower case hexadecimal.

    Raises:
        CheckpointError: The file is missing, damaged, of another network, or holds numbers that nothing can be computed
            with.
    """
    data = _read(path)
    try:
        tensors = load_safetensors(data)
    except SafetensorError as error:
        raise CheckpointError(f"{path.name}: expected a safetensors file, found {len(data)} bytes: {error}") from error
    _check(path.name, tensors, module.state_dict())
    module.load_state_dict(tensors)
    return hashlib.sha256(data).hexdigest()


def sha256_of_parameters(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, shapes and float32 values in the order of the names: the identity of a seeded network."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().to("cpu", torch.float32).contiguous()
        digest.update(f"{name}{tuple(value.shape)}".encode())
        digest.update(value.numpy().astype("<f4").tobytes())
    return digest.hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"expected a weights file {path.name}, found none: {error.strerror}") from error


def _check(name: str, found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    missing, surplus = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    if missing or surplus:
        raise CheckpointError(
            f"{name}: expected the tensors of this network, found {_some('missing', missing)}, "
            f"{_some('unexpected', surplus)}"
        )
    for key, tensor in found.items():
        if tensor.shape != expected[key].shape:
            raise CheckpointError(
                f"{name}: {key}: expected shape {tuple(expected[key].shape)}, found {tuple(tensor.shape)}"
            )
        if tensor.is_floating_point() != expected[key].is_floating_point():
            raise CheckpointError(f"{name}: {key}: expected {expected[key].dtype} or the like, found {tensor.dtype}")
    try:
        refuse_uncomputable({key: tensor.float() for key, tensor in found.items()})
    except CheckpointError as error:
        raise CheckpointError(f"{name}: {error}") from error


def _some(what: str, names: list[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN]) + (", ..." if len(names) > _NAMES_SHOWN else "")
    return f"{len(names)} {what}" + (f" ({shown})" if names else "")
