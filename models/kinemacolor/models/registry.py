"""Which models there are, and how one is made ready.

Nothing is kept between calls: a table of names and builders, no registration at import.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType

import torch

from kinemacolor.models.api import Colorizer, ModelSpec
from kinemacolor.models.checkpoint import load_weights
from kinemacolor.models.errors import CheckpointError, ModelError, UnknownModelError
from kinemacolor.models.kinema_colorizer import KINEMA_DTYPES, KinemaColorizer, KinemaWeights
from kinemacolor.models.networks.kinema import STRIDE_IN, DecodeSettings
from kinemacolor.models.networks.tiny import TinyColorizer
from kinemacolor.models.temporal import TemporalSettings

__all__ = ["DEFAULT_MODEL", "list_models", "load_model"]

DEFAULT_MODEL = "kinema"
"""The model that is used when none is named."""

_KINEMA_DESCRIPTION = "recurrent colorizer of this project: MobileNetV2 trunk, ab bins, colour carried by matching"
_KINEMA_FILE = "kinema"


@dataclass(frozen=True, slots=True)
class _Entry:
    spec: Callable[[], ModelSpec]
    load: Callable[[torch.device, torch.dtype], Colorizer]


def list_models() -> tuple[ModelSpec, ...]:
    """What each model is, the default first; reads the cards, not the weights.

    Raises:
        CheckpointError: A card in the package is missing or damaged.
    """
    return tuple(entry.spec() for entry in _entries().values())


def load_model(
    name: str,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    threads: int | None = None,
) -> Colorizer:
    """Make a model ready to run.

    Args:
        name: One of the names of `list_models`.
        device: Where it shall run.
        dtype: Dtype of the frame network; None takes the model's reference dtype.
        threads: Threads of a CPU operation, of the whole process (torch has no finer setting); None leaves them.

    Raises:
        UnknownModelError: There is no model of that name.
        CheckpointError: Its weights file is missing, damaged or another network's.
        ModelError: The model was not checked in that dtype.
        ValueError: `threads` is below 1.
    """
    entry = _entries().get(name)
    if entry is None:
        raise UnknownModelError(f"no model {name!r}; there are: {', '.join(_entries())}")
    dtypes = entry.spec().dtypes
    if dtype is not None and dtype not in dtypes:
        raise ModelError(f"{name}: expected one of the dtypes {', '.join(map(str, dtypes))}, found {dtype}")
    if threads is not None:
        _set_threads(threads)
    return entry.load(torch.device(device), dtype or dtypes[0])


def _entries() -> Mapping[str, _Entry]:
    return MappingProxyType(
        {
            "kinema": _Entry(_kinema_spec, _load_kinema),
            "tiny": _Entry(lambda: TinyColorizer().spec, lambda device, _: TinyColorizer(device)),
        }
    )


def _set_threads(threads: int) -> None:
    if threads < 1:
        raise ValueError(f"expected at least 1 thread, found {threads}")
    torch.set_num_threads(threads)


def _kinema_spec() -> ModelSpec:
    card = _card()
    return ModelSpec(
        name="kinema",
        description=_KINEMA_DESCRIPTION,
        weights_sha256=card["sha256"],
        licence=card["licence"],
        multiple_of=STRIDE_IN,
        dtypes=KINEMA_DTYPES,
    )


def _card() -> dict[str, str]:
    """The texts of the card beside the weights."""
    try:
        card = json.loads((_weights_folder() / f"{_KINEMA_FILE}.json").read_text(encoding="utf-8"))
        return {key: str(card[key]) for key in ("sha256", "licence")}
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"expected the model card {_KINEMA_FILE}.json in the package: {error!r}") from error


def _weights_folder() -> Path:
    return Path(str(resources.files("kinemacolor.models") / "weights"))


def _load_kinema(device: torch.device, dtype: torch.dtype) -> Colorizer:
    spec = _kinema_spec()
    weights = KinemaWeights()
    found = load_weights(_weights_folder() / f"{_KINEMA_FILE}.safetensors", weights)
    if found != spec.weights_sha256:
        raise CheckpointError(f"kinema.safetensors: expected SHA-256 {spec.weights_sha256}, found {found}")
    return KinemaColorizer(weights, spec, device, dtype, decode=DecodeSettings(), temporal=TemporalSettings())
