"""Which models there are, and how one is made ready.

Nothing is kept between calls: a table of names and builders, no registration at import.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from types import MappingProxyType

import torch
from torch import nn

from kinemacolor.models.api import Colorizer, ModelSpec, said_once
from kinemacolor.models.checkpoint import load_weights
from kinemacolor.models.composed import ComposedColorizer
from kinemacolor.models.deoldify_picture import RENDER_UNIT_PX
from kinemacolor.models.errors import CheckpointError, ModelError, UnknownModelError
from kinemacolor.models.favc_models import FAVC, FAVC_IMAGE, FAVC_REDUCED, REFINE, FavcFiles, favc_spec, load_favc
from kinemacolor.models.frames import PlainFrames
from kinemacolor.models.grey_input import GreyInput
from kinemacolor.models.kinema_colorizer import KINEMA_DTYPES, VARIANTS, KinemaColorizer, KinemaWeights
from kinemacolor.models.library import installed_card, load_installed
from kinemacolor.models.networks import ddcolor
from kinemacolor.models.networks.kinema import STRIDE_IN, DecodeSettings
from kinemacolor.models.networks.lai import Lai
from kinemacolor.models.networks.normed_convs import fold_norms
from kinemacolor.models.networks.tiny import TinyColorizer
from kinemacolor.models.official import official_network
from kinemacolor.models.painted_chroma import PaintedChroma
from kinemacolor.models.small_look import SmallLook
from kinemacolor.models.steadying import LaiSteadying, MemorySteadying, NoSteadying, Steadying
from kinemacolor.models.temporal import TemporalSettings

__all__ = ["DEFAULT_MODEL", "canonical_name", "describe_model", "list_models", "load_families", "load_model"]

DEFAULT_MODEL = "kinema"
"""The model that is used when none is named."""

_KINEMA_DESCRIPTION = "recurrent colorizer of this project: MobileNetV2 trunk, ab bins, colour carried by matching"
_KINEMA_FILE, _LAI_FILE = "kinema", "lai"
_KINEMA_DECODE = DecodeSettings(gain=1.07)
"""With the memory's averaging, 85 % of the truth's colourfulness on the clips of docs/models/kinema.md."""
_ZHANG, _ZHANG_REDUCED = ("eccv16", "siggraph17", "zhao"), ("eccv16-reduced", "zhao-reduced")
_ZHANG_MULTIPLE = 8
_DDCOLOR = ("ddcolor-t", "ddcolor-l", "ddcolor-reduced")
_DEOLDIFY = ("deoldify-video", "deoldify-stable", "deoldify-artistic")
_DEOLDIFY_REDUCED, _REDUCED_LOOK_PX = "deoldify-reduced", 96
"""Trained on crops of 64 and 96 pixels; of larger pictures they have the colours wrong all over (docs/training.md)."""

_TEMPORAL_MARK = "+"
"""Between the names of a frame network and of a temporal network: `eccv16+lai`."""


@dataclass(frozen=True, slots=True)
class _Card:
    """What the registry reads of a model card."""

    sha256: str
    licence: str
    terms: str


_NO_WEIGHTS = _Card("none", "", "")


@dataclass(frozen=True, slots=True)
class _Entry:
    """A frame network, as it is used if no temporal network is named."""

    spec: Callable[[], ModelSpec]
    load: Callable[[torch.device, torch.dtype], Colorizer]
    own: str
    """Name of the temporal network that it is used with if none is named."""
    others: tuple[str, ...] = ()
    """Temporal networks that it goes with besides."""
    alone: "_Alone | None" = None
    """The frame network without its own temporal one, where that has weights which may be missing; else as above."""


@dataclass(frozen=True, slots=True)
class _Alone:
    """A frame network, for other temporal networks."""

    spec: Callable[[], ModelSpec]
    load: Callable[[torch.device, torch.dtype], Colorizer]


@dataclass(frozen=True, slots=True)
class _Temporal:
    """A temporal network: its weights' hash, licence and terms, and how it is made."""

    description: str
    card: Callable[[], _Card]
    make: Callable[[torch.device], Steadying]
    is_there: Callable[[], bool] = lambda: True
    """Whether its weights are in the package."""


def list_models() -> tuple[ModelSpec, ...]:
    """What each model is, the default first; reads the cards, not the weights. Without weights: an empty hash.

    Raises:
        CheckpointError: A card is missing or damaged.
    """
    return tuple(describe_model(name) for name in _names())


def _names() -> Iterator[str]:
    """Frame networks as they are meant to be used, then with other temporal networks."""
    for frame, entry in _entries().items():
        yield frame
        yield from (f"{frame}{_TEMPORAL_MARK}{other}" for other in entry.others if _TEMPORALS[other].is_there())


def canonical_name(name: str, default: str = DEFAULT_MODEL) -> str:
    """The name under which `list_models` has a model, if it has it.

    Args:
        name: As a user may say it: empty is the default, `+lai` the default's frame network with that temporal network,
            `kinema+memory` is `kinema`.
        default: What an empty name means.
    """
    frame, mark, temporal = name.partition(_TEMPORAL_MARK)
    frame = frame or default.partition(_TEMPORAL_MARK)[0]
    entry = _entries().get(frame)
    if not name:
        return default
    return frame if not mark or (entry is not None and temporal == entry.own) else f"{frame}{mark}{temporal}"


def describe_model(name: str) -> ModelSpec:
    """What a model is, by the name that `load_model` takes.

    Raises:
        UnknownModelError: There is no model of that name.
        CheckpointError: As `list_models`.
    """
    name = canonical_name(name)
    frame, mark, temporal = name.partition(_TEMPORAL_MARK)
    entry = _entries().get(frame)
    if entry is None:
        raise UnknownModelError(f"no model {frame!r}; there are: {', '.join(_entries())}")
    spec = entry.alone.spec() if mark and entry.alone is not None else entry.spec()
    if not mark:
        return spec
    if temporal not in entry.others or not _TEMPORALS[temporal].is_there():
        own = [each for each in _names() if each.partition(_TEMPORAL_MARK)[0] == frame]
        raise UnknownModelError(f"no model {name!r}; there are: {', '.join(own)}")
    card = _TEMPORALS[temporal].card()
    both = f"{spec.weights_sha256}{_TEMPORAL_MARK}{card.sha256}"
    return replace(
        spec,
        name=name,
        temporal=temporal,
        description=f"{frame}, {_TEMPORALS[temporal].description}",
        weights_sha256=hashlib.sha256(both.encode()).hexdigest() if spec.weights_sha256 else "",
        licence=said_once(spec.licence, card.licence),
        terms=said_once(spec.terms, card.terms),
        takes_references=temporal == "memory",
        takes_hints=False,
    )


def load_model(
    name: str,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    threads: int | None = None,
) -> Colorizer:
    """Make a model ready to run.

    Args:
        name: One of the names of `list_models`; with `+none`, `+lai` or `+memory` behind it, its frames with that
            temporal network. `canonical_name` says which ways of saying it there are.
        device: Where it shall run.
        dtype: Dtype of the frame network; None takes the model's reference dtype.
        threads: Threads of a CPU operation, of the whole process (torch has no finer setting); None leaves them.

    Raises:
        UnknownModelError: There is no model of that name.
        CheckpointError: Its weights are not installed, damaged or another network's.
        ModelError: The model was not checked in that dtype.
        ValueError: `threads` is below 1.
    """
    name, spec = canonical_name(name), describe_model(name)
    if dtype is not None and dtype not in spec.dtypes:
        raise ModelError(f"{name}: expected one of the dtypes {', '.join(map(str, spec.dtypes))}, found {dtype}")
    if threads is not None:
        _set_threads(threads)
    frame, mark, temporal = name.partition(_TEMPORAL_MARK)
    where, chosen = torch.device(device), dtype or spec.dtypes[0]
    model = _load_frame(frame, where, chosen, alone=bool(mark))
    if not mark:
        return model
    return ComposedColorizer(spec, model, _TEMPORALS[temporal].make(where), where, chosen)


def load_families(names: Sequence[str], device: torch.device | str = "cpu") -> tuple[tuple[Colorizer, ...], ...]:
    """Make several models ready, each of their networks loaded once, in its reference dtype.

    Args:
        names: As `load_model` takes them, each once.
        device: Where they shall run.

    Returns:
        The models by frame network, in the order of the names. Those of one family share it: what `propose` of any of
        them says of a frame, `step` of each of them goes on from.

    Raises:
        UnknownModelError: There is no model of a name.
        CheckpointError: Weights are not installed, damaged or another network's.
    """
    where, temporals = torch.device(device), dict[str, Steadying]()
    families: dict[str, list[ModelSpec]] = {}
    for spec in [describe_model(name) for name in names]:
        families.setdefault(spec.frame, []).append(spec)
        if spec.name != spec.frame and spec.temporal not in temporals:
            temporals[spec.temporal] = _TEMPORALS[spec.temporal].make(where)
    return tuple(_load_family(specs, temporals, where) for specs in families.values())


def _load_family(
    specs: Sequence[ModelSpec], temporals: Mapping[str, Steadying], where: torch.device
) -> tuple[Colorizer, ...]:
    frame = specs[0].frame
    alone = all(spec.name != frame for spec in specs)
    own = _load_frame(frame, where, specs[0].dtypes[0], alone=alone)
    return tuple(
        own if spec.name == frame else ComposedColorizer(spec, own, temporals[spec.temporal], where, own.dtype)
        for spec in specs
    )


def _load_frame(name: str, where: torch.device, dtype: torch.dtype, *, alone: bool) -> Colorizer:
    entry = _entries()[name]
    return entry.alone.load(where, dtype) if alone and entry.alone is not None else entry.load(where, dtype)


def _entries() -> Mapping[str, _Entry]:
    return MappingProxyType(
        {
            "kinema": _Entry(_kinema_spec, _load_kinema, "memory", ("none", "lai")),
            **{name: _official_entry(name) for name in _ZHANG},
            **{name: _official_entry(name, taking_lightness=_small_zhang_frames) for name in _ZHANG_REDUCED},
            **{name: _official_entry(name, ddcolor.MULTIPLE, _ddcolor_frames) for name in _DDCOLOR},
            **{name: _official_entry(name, RENDER_UNIT_PX, _deoldify_frames) for name in _DEOLDIFY},
            _DEOLDIFY_REDUCED: _official_entry(_DEOLDIFY_REDUCED, RENDER_UNIT_PX, _small_deoldify_frames),
            **{files.colour: _favc_entry(files) for files in (FAVC, FAVC_IMAGE, FAVC_REDUCED)},
            "tiny": _Entry(lambda: TinyColorizer().spec, lambda device, _: TinyColorizer(device), "tiny"),
        }
    )


def _set_threads(threads: int) -> None:
    if threads < 1:
        raise ValueError(f"expected at least 1 thread, found {threads}")
    torch.set_num_threads(threads)


# ---- networks of others, with weights that the user has imported ----


def _ddcolor_frames(network: nn.Module) -> nn.Module:
    return GreyInput(fold_norms(network))


def _deoldify_frames(network: nn.Module) -> nn.Module:
    return GreyInput(PaintedChroma(fold_norms(network)))


def _small_deoldify_frames(network: nn.Module) -> nn.Module:
    return SmallLook(_deoldify_frames(network), _REDUCED_LOOK_PX, RENDER_UNIT_PX)


def _small_zhang_frames(network: nn.Module) -> nn.Module:
    return SmallLook(network, _REDUCED_LOOK_PX, _ZHANG_MULTIPLE)


def _official_entry(
    name: str, multiple_of: int = _ZHANG_MULTIPLE, taking_lightness: Callable[[nn.Module], nn.Module] = lambda n: n
) -> _Entry:
    official = official_network(name)

    def spec() -> ModelSpec:
        try:
            card = installed_card(name)
            note = card.note if card is not None else ""
            more, terms = (f"; {note}", f"{official.terms} These: {note}.") if note else ("", official.terms)
        except CheckpointError:  # its text is said when this model is asked for; the others are none the worse
            card, more, terms = None, "; its installed weights are damaged", official.terms
        return ModelSpec(
            name=name,
            frame=name,
            temporal="none",
            description=f"{official.description}{more}",
            weights_sha256=card.sha256 if card is not None else "",
            licence=official.licence,
            terms=terms,
            multiple_of=multiple_of,
            dtypes=(torch.float32,),
        )

    def load(device: torch.device, _: torch.dtype) -> Colorizer:
        described = spec()
        frames = PlainFrames.on(device, lambda: taking_lightness(load_installed(name)), multiple_of)
        if spec() != described:
            raise CheckpointError(f"{name}: other weights were imported while these were loaded; try again")
        return ComposedColorizer(described, frames, NoSteadying(), device)

    return _Entry(spec, load, "none", ("memory", "lai"))


def _favc_entry(files: FavcFiles) -> _Entry:
    def spec() -> ModelSpec:
        return favc_spec(files, refined=bool(files.refine))

    def load(device: torch.device, _: torch.dtype) -> Colorizer:
        return load_favc(files, device, refined=bool(files.refine))

    if not files.refine:
        return _Entry(spec, load, "none", ("memory", "lai"))

    def load_alone(device: torch.device, _: torch.dtype) -> Colorizer:
        return load_favc(files, device, refined=False)

    alone = _Alone(lambda: favc_spec(files, refined=False), load_alone)
    return _Entry(spec, load, REFINE, ("none", "memory", "lai"), alone)


# ---- what is in the package ----


def _kinema_spec() -> ModelSpec:
    card = _card(_KINEMA_FILE)
    return ModelSpec(
        name="kinema",
        frame="kinema",
        temporal="memory",
        description=_KINEMA_DESCRIPTION,
        weights_sha256=card.sha256,
        licence=card.licence,
        terms=card.terms,
        multiple_of=STRIDE_IN,
        dtypes=KINEMA_DTYPES,
        takes_references=True,
        takes_hints=True,
        has_confidence=True,
        variants=len(VARIANTS),
    )


def _card(name: str) -> _Card:
    """The card beside the weights."""
    try:
        card = json.loads((_weights_folder() / f"{name}.json").read_text(encoding="utf-8"))
        return _Card(**{key: str(card[key]) for key in ("sha256", "licence", "terms")})
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"expected the model card {name}.json in the package: {error!r}") from error


def _weights_folder() -> Path:
    return Path(str(resources.files("kinemacolor.models") / "weights"))


def _kinema_weights() -> KinemaWeights:
    weights = KinemaWeights()
    _load_packaged(_KINEMA_FILE, weights)
    return weights


def _load_packaged(name: str, network: nn.Module) -> None:
    expected, found = _card(name).sha256, load_weights(_weights_folder() / f"{name}.safetensors", network)
    if found != expected:
        raise CheckpointError(f"{name}.safetensors: expected SHA-256 {expected}, found {found}")


def _load_kinema(device: torch.device, dtype: torch.dtype) -> Colorizer:
    return KinemaColorizer(
        _kinema_weights(), _kinema_spec(), device, dtype, decode=_KINEMA_DECODE, temporal=TemporalSettings()
    )


def _make_memory(device: torch.device) -> Steadying:
    return MemorySteadying(_kinema_weights().shot, device, TemporalSettings())


def _make_lai(device: torch.device) -> Steadying:
    network = Lai()
    _load_packaged(_LAI_FILE, network)
    return LaiSteadying(network, device)


_TEMPORALS: Mapping[str, _Temporal] = MappingProxyType(
    {
        "none": _Temporal("each frame alone", lambda: _NO_WEIGHTS, lambda device: NoSteadying()),
        "lai": _Temporal(
            "steadied by the recurrent network of Lai et al.",
            lambda: _card(_LAI_FILE),
            _make_lai,
            lambda: (_weights_folder() / f"{_LAI_FILE}.json").is_file(),
        ),
        "memory": _Temporal("steadied by the memory of kinema", lambda: _card(_KINEMA_FILE), _make_memory),
    }
)
