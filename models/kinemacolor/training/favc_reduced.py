"""What `python -m kinemacolor.training.favc --export` wrote, as a colorizer; the renderer does not know it by name."""

import json
from pathlib import Path

import torch

from kinemacolor.models.api import Colorizer, ModelSpec
from kinemacolor.models.checkpoint import load_weights
from kinemacolor.models.composed import ComposedColorizer
from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.favc_frames import FavcFrames
from kinemacolor.models.networks.favc import MULTIPLE, VARIANTS, FavcColour, FavcPainter, FavcRefine
from kinemacolor.models.networks.mobilenet_v2 import MobileNetV2Encoder
from kinemacolor.models.refining import RefineSteadying
from kinemacolor.models.steadying import NoSteadying, Steadying
from kinemacolor.training.favc_trunk import TRUNK_CHANNELS, MobileTrunk

__all__ = ["load_reduced", "load_reduced_frames", "load_reduced_refinement"]

_CPU = torch.device("cpu")
_MULTIPLE = 2 * MULTIPLE
"""The encoder goes down to 1/32."""


def load_reduced(folder: Path, encoder: MobileNetV2Encoder, *, refined: bool = True) -> Colorizer:
    """Make the networks of a folder ready, on the CPU.

    Args:
        folder: With `favc-colour-reduced.safetensors`, the other of the refinement, and their cards.
        encoder: What they were trained on, with weights.
        refined: With the refinement; else each frame alone.

    Raises:
        CheckpointError: A file or card is missing or damaged.
    """
    frames, digest = load_reduced_frames(folder, encoder)
    steadying: Steadying = NoSteadying()
    if refined:
        steadying, more = load_reduced_refinement(folder)
        digest = f"{digest}+{more}"
    spec = ModelSpec(
        name="favc-reduced",
        frame="favc-reduced",
        temporal="refine" if refined else "none",
        description="favc at reduced width on features of MobileNetV2",
        weights_sha256=digest,
        licence="CC-BY-NC-4.0",
        terms="",
        multiple_of=_MULTIPLE,
        dtypes=(torch.float32,),
        variants=VARIANTS,
    )
    return ComposedColorizer(spec, frames, steadying, _CPU)


def load_reduced_frames(folder: Path, encoder: MobileNetV2Encoder) -> tuple[FavcFrames, str]:
    """The colour network alone, and the SHA-256 of its file; errors as of `load_reduced`."""
    network = FavcColour(TRUNK_CHANNELS, _width(folder, "colour"))
    digest = load_weights(folder / "favc-colour-reduced.safetensors", network)
    return FavcFrames.on(_CPU, FavcPainter(MobileTrunk(encoder), network), _MULTIPLE), digest


def load_reduced_refinement(folder: Path) -> tuple[RefineSteadying, str]:
    """The refinement alone, and the SHA-256 of its file; errors as of `load_reduced`."""
    network = FavcRefine(_width(folder, "refine"))
    digest = load_weights(folder / "favc-refine-reduced.safetensors", network)
    return RefineSteadying(network, _CPU), digest


def _width(folder: Path, stage: str) -> int:
    path = folder / f"favc-{stage}-reduced.json"
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["training"]["recipe"]["width"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: expected the card of exported weights, found none or damage") from error
