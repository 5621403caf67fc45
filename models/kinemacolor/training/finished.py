"""The networks of a run's checkpoints, as they are used: averaged weights, batch norm folded."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from kinemacolor.models.kinema_colorizer import KinemaWeights
from kinemacolor.models.networks.kinema import KinemaNet, fold_batch_norm
from kinemacolor.training.errors import RecipeError
from kinemacolor.training.start import PARTS, Start, read_start

__all__ = ["LABELS", "START_FILE", "load_checkpoint", "load_run", "load_start", "load_weights_of", "parts_of"]

START_FILE = "start.safetensors"
"""The weights that a run began with, inside its folder."""
LABELS = "labels"
"""Folder of what the segmenter says of the photos, inside the run's."""


def load_checkpoint(run: Path) -> dict[str, Any]:
    """The content of a run's checkpoint.

    Raises:
        FileNotFoundError: The run has none.
    """
    content: dict[str, Any] = torch.load(run / "run.pt", map_location="cpu", weights_only=True)
    return content


def load_run(run: Path) -> KinemaNet:
    """The frame network of a run, folded."""
    net = KinemaNet(norm=True)
    net.load_state_dict(load_checkpoint(run)["average"])
    return fold_batch_norm(net.eval())


def load_start(run: Path) -> Start | None:
    """What a run began with; None: not with weights."""
    path = run / START_FILE
    return read_start(path) if path.exists() else None


def parts_of(run: Path) -> dict[str, str]:
    """Where each of `PARTS` of a run comes from: it was `trained`, is that of the `start`, or is `new`."""
    start = load_start(run)
    given = start.parts if start is not None else {}
    return {
        name: "trained" if (run / name / "run.pt").exists() else "start" if name in given else "new" for name in PARTS
    }


def load_weights_of(run: Path) -> KinemaWeights:
    """All networks of a run: each part as far as it was trained, else as the run began with it.

    Raises:
        RecipeError: A part was trained by a version whose network had another layout.
    """
    torch.manual_seed(0)  # a part that nobody has trained is the same at every call
    weights, start = KinemaWeights(load_run(run)), load_start(run)
    for name, origin in parts_of(run).items():
        if origin == "trained":
            _load(run / name, weights.get_submodule(name))
        elif origin == "start" and start is not None:
            weights.get_submodule(name).load_state_dict(start.parts[name])
    return weights.eval()


def _load(run: Path, part: nn.Module) -> None:
    try:
        part.load_state_dict(load_checkpoint(run)["average"])
    except RuntimeError as error:
        raise RecipeError(f"{run}: expected a {run.name} of this version, found another layout") from error
