"""The models `favc` and `favc-image`, of files that the user has imported: network, VGG19 and refinement."""

import hashlib
from collections.abc import Sequence

import torch

from kinemacolor.models.api import Colorizer, ModelSpec
from kinemacolor.models.composed import ComposedColorizer
from kinemacolor.models.errors import CheckpointError, ModelError, NotInstalledError
from kinemacolor.models.favc_frames import FavcFrames
from kinemacolor.models.library import Card, installed_card, load_installed
from kinemacolor.models.networks.favc import (
    IMAGE_MULTIPLE,
    MULTIPLE,
    VARIANTS,
    FavcColour,
    FavcImage,
    FavcPainter,
    FavcRefine,
)
from kinemacolor.models.official import official_network
from kinemacolor.models.steadying import NoSteadying, Steadying

__all__ = ["REFINE", "favc_image_spec", "favc_spec", "load_favc", "load_favc_image"]

REFINE = "refine"
"""Name of `favc`'s own temporal network."""
_COLOUR, _IMAGE, _REFINE_FILE, _VGG = "favc", "favc-image", "favc-refine", "vgg19"


def favc_spec(*, refined: bool = True) -> ModelSpec:
    """What `favc` is, with its refinement or each frame alone."""
    files = (_COLOUR, _VGG, _REFINE_FILE) if refined else (_COLOUR, _VGG)
    temporal, what = (REFINE, ", refined along optical flow") if refined else ("none", "")
    return _spec(_COLOUR, files, temporal, what, MULTIPLE, VARIANTS)


def favc_image_spec() -> ModelSpec:
    """What `favc-image` is."""
    return _spec(_IMAGE, (_IMAGE, _VGG), "none", "; each frame alone", IMAGE_MULTIPLE, 1)


def load_favc(device: torch.device, *, refined: bool = True) -> Colorizer:
    """Make `favc` ready, with its refinement or each frame alone.

    Raises:
        NotInstalledError: A file is missing.
        CheckpointError: One is damaged.
        ModelError: The refinement needs OpenCV, which is not there.
    """
    spec = favc_spec(refined=refined)
    _refuse_missing(_COLOUR, (_COLOUR, _VGG, _REFINE_FILE) if refined else (_COLOUR, _VGG))
    steadying = _refinement(device) if refined else NoSteadying()
    frames = FavcFrames.on(device, _painter(_COLOUR), MULTIPLE)
    return _unchanged(spec, favc_spec(refined=refined), frames, steadying, device)


def load_favc_image(device: torch.device) -> Colorizer:
    """Make `favc-image` ready.

    Raises:
        NotInstalledError: A file is missing.
        CheckpointError: One is damaged.
    """
    spec = favc_image_spec()
    _refuse_missing(_IMAGE, (_IMAGE, _VGG))
    frames = FavcFrames.on(device, _painter(_IMAGE), IMAGE_MULTIPLE)
    return _unchanged(spec, favc_image_spec(), frames, NoSteadying(), device)


def _spec(name: str, files: Sequence[str], temporal: str, what: str, multiple_of: int, variants: int) -> ModelSpec:
    official = official_network(name)
    try:
        cards, damage = [installed_card(file) for file in files], ""
    except CheckpointError:  # its text is said when this model is asked for; the others are none the worse
        cards, damage = [None], "; its installed weights are damaged"
    return ModelSpec(
        name=name,
        frame=name,
        temporal=temporal,
        description=f"{official.description}{what}{damage}",
        weights_sha256=_sha256(cards),
        licence=official.licence,
        terms=official.terms,
        multiple_of=multiple_of,
        dtypes=(torch.float32,),
        variants=variants,
    )


def _sha256(cards: Sequence[Card | None]) -> str:
    """Of the hashes of all files; empty if one is missing."""
    found = [card.sha256 for card in cards if card is not None]
    return hashlib.sha256("+".join(found).encode()).hexdigest() if len(found) == len(cards) else ""


def _refuse_missing(name: str, files: Sequence[str]) -> None:
    missing = [file for file in files if installed_card(file) is None]
    if missing:
        raise NotInstalledError(
            f"{name} needs {', '.join(missing)}, not installed; kinemacolor models get {name} says where to find them"
        )


def _painter(name: str) -> FavcPainter:
    network, vgg = load_installed(name), load_installed(_VGG)
    if not isinstance(network, (FavcColour, FavcImage)):
        raise TypeError(f"expected a colour network, found {type(network).__name__}")
    return FavcPainter(vgg, network)


def _refinement(device: torch.device) -> Steadying:
    try:
        from kinemacolor.models.refining import RefineSteadying  # OpenCV, for the flow: nothing else needs it here
    except ImportError as error:
        raise ModelError("the refinement of favc needs OpenCV: pip install 'kinemacolor[favc]'") from error
    network = load_installed(_REFINE_FILE)
    if not isinstance(network, FavcRefine):
        raise TypeError(f"expected a refinement network, found {type(network).__name__}")
    return RefineSteadying(network, device)


def _unchanged(
    before: ModelSpec, after: ModelSpec, frames: FavcFrames, steadying: Steadying, device: torch.device
) -> Colorizer:
    if after != before:
        raise CheckpointError(f"{before.name}: other weights were imported while these were loaded; try again")
    return ComposedColorizer(before, frames, steadying, device)
