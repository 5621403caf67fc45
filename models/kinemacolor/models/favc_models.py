"""The models `favc`, `favc-image` and `favc-reduced`, of files that the user has imported."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from kinemacolor.models.api import Colorizer, ModelSpec, said_once
from kinemacolor.models.composed import ComposedColorizer
from kinemacolor.models.errors import CheckpointError, MissingPackageError, NotInstalledError
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
from kinemacolor.models.networks.mobile_trunk import TRUNK_MULTIPLE
from kinemacolor.models.official import official_network
from kinemacolor.models.steadying import NoSteadying, Steadying

__all__ = ["FAVC", "FAVC_IMAGE", "FAVC_REDUCED", "REFINE", "FavcFiles", "favc_spec", "load_favc"]

REFINE = "refine"
"""Name of the temporal network that `favc` and `favc-reduced` have of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FavcFiles:
    """The files of a model, by the names under which they are imported."""

    colour: str
    """Of the colour network; the model's name, too."""
    features: str = ""
    """Of what it looks through; empty: that is in the file of the colour network."""
    refine: str = ""
    """Of the refinement; empty: there is none."""
    multiple_of: int
    variants: int = 1

    def needed(self, *, refined: bool) -> tuple[str, ...]:
        """Without which the model does not run."""
        return tuple(filter(None, (self.colour, self.features, self.refine if refined else "")))


FAVC = FavcFiles(colour="favc", features="vgg19", refine="favc-refine", multiple_of=MULTIPLE, variants=VARIANTS)
FAVC_IMAGE = FavcFiles(colour="favc-image", features="vgg19", multiple_of=IMAGE_MULTIPLE)
FAVC_REDUCED = FavcFiles(
    colour="favc-reduced", refine="favc-refine-reduced", multiple_of=TRUNK_MULTIPLE, variants=VARIANTS
)


def favc_spec(files: FavcFiles, *, refined: bool) -> ModelSpec:
    """What a model is, with its refinement or each frame alone."""
    official, *others = (official_network(file) for file in files.needed(refined=refined))
    try:
        cards, damage = [installed_card(file) for file in files.needed(refined=refined)], ""
    except CheckpointError:  # its text is said when this model is asked for; the others are none the worse
        cards, damage = [None], "; its installed weights are damaged"
    note = cards[0].note if cards[0] is not None else ""
    what = ", refined along optical flow" if refined else "; each frame alone"
    return ModelSpec(
        name=files.colour,
        frame=files.colour,
        temporal=REFINE if refined else "none",
        description=f"{official.description}{what}{note and '; '}{note}{damage}",
        weights_sha256=_sha256(cards),
        licence=said_once(official.licence, *(one.licence for one in others)),
        terms=said_once(f"{official.terms} These: {note}." if note else official.terms, *(one.terms for one in others)),
        multiple_of=files.multiple_of,
        dtypes=(torch.float32,),
        variants=files.variants,
    )


def load_favc(files: FavcFiles, device: torch.device, *, refined: bool) -> Colorizer:
    """Make a model ready, with its refinement or each frame alone.

    Raises:
        NotInstalledError: A file is missing.
        CheckpointError: One is damaged, or was imported anew meanwhile.
        MissingPackageError: The refinement needs OpenCV, which is not there.
    """
    spec = favc_spec(files, refined=refined)
    _refuse_missing(files.colour, files.needed(refined=refined))
    steadying = _refinement(files.refine, device) if refined else NoSteadying()
    frames = FavcFrames.on(device, _painter(files), files.multiple_of)
    if favc_spec(files, refined=refined) != spec:
        raise CheckpointError(f"{files.colour}: other weights were imported while these were loaded; try again")
    return ComposedColorizer(spec, frames, steadying, device)


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


def _painter(files: FavcFiles) -> FavcPainter:
    network = load_installed(files.colour)
    if isinstance(network, FavcPainter):
        return network
    if not isinstance(network, (FavcColour, FavcImage)):
        raise TypeError(f"expected a colour network, found {type(network).__name__}")
    return FavcPainter(load_installed(files.features), network)


def _refinement(name: str, device: torch.device) -> Steadying:
    try:
        from kinemacolor.models.refining import RefineSteadying  # OpenCV, for the flow: nothing else needs it here
    except ImportError as error:
        text = "the refinement of favc needs OpenCV: pip install 'kinemacolor[favc]'"
        raise MissingPackageError(text) from error
    network = load_installed(name)
    if not isinstance(network, FavcRefine):
        raise TypeError(f"expected a refinement network, found {type(network).__name__}")
    return RefineSteadying(network, device)
