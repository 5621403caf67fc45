"""The data of a plan: checked against the recipe's hashes, read, and split into training and held-out pictures."""

import csv
import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kinemacolor.training.clips import read_clips
from kinemacolor.training.cut_outs import CutOut
from kinemacolor.training.errors import RecipeError
from kinemacolor.training.photos import Picture, is_held_out, read_photos
from kinemacolor.training.recipe import ClipSource, EncoderSource, PhotoSource, Plan

__all__ = ["TrainingData", "check_file", "read_data", "read_trunk"]

_SHEET_PICTURES = 8
_FRAMES_APART = 4


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What the workers share."""

    small: list[Picture]
    large: list[Picture]
    held_out: list[Picture]
    """A few pictures that no step sees; the sharper ones if there are any."""
    trunk: dict[str, Tensor] | None
    clips: list[NDArray[np.uint8]]
    """(T, H, W, 3) sRGB each; empty if the recipe names none."""
    cut_outs: Sequence[CutOut] = ()
    """Things in the photos, if the recipe has hints on them."""

    @property
    def frames(self) -> list[Picture]:
        """Single frames of the clips, not the same picture again and again."""
        return [frame for clip in self.clips for frame in clip[::_FRAMES_APART]]


def read_data(plan: Plan, folder: Path, limit: int | None = None, held_out: int = _SHEET_PICTURES) -> TrainingData:
    """Check and read.

    Args:
        plan: The recipe.
        folder: The data folder.
        limit: Read at most that many photos of each kind, for quick runs.
        held_out: How many held-out pictures are wanted.

    Raises:
        RecipeError: A file is missing or is not the one that the recipe was made for.
    """
    sources = [source for source in (plan.small_photos, plan.large_photos) if source is not None]
    tars = [_tars(source, folder / source.folder) for source in sources]
    trunk = read_trunk(plan.encoder, folder) if plan.encoder is not None else None
    one_in = plan.held_out_one_in
    sets = [read_photos(paths, limit, lambda name: not is_held_out(name, one_in)) for paths in tars]
    if not sets[0]:
        raise RecipeError(f"{folder / sources[0].folder}: expected colourful photos, found none")
    kept = read_photos(tars[-1], 4 * held_out, lambda name: is_held_out(name, one_in))
    clips = _read_clips(plan.clips, folder, limit) if plan.clips is not None else []
    return TrainingData(sets[0], sets[1] if len(sets) > 1 else [], kept[:held_out], trunk, clips)


def _read_clips(source: ClipSource, folder: Path, limit: int | None) -> list[NDArray[np.uint8]]:
    one_in = source.held_out_one_in
    clips = read_clips(_tars(source, folder / source.folder), limit, lambda name: not is_held_out(name, one_in))
    if not clips:
        raise RecipeError(f"{folder / source.folder}: expected clips, found none")
    return clips


def _tars(source: PhotoSource, folder: Path) -> list[Path]:
    tars = sorted(folder.glob(source.tars))
    if not tars:
        raise RecipeError(f"no tars {source.tars} in {folder}; name the data folder with --data or KINEMACOLOR_DATA")
    if source.manifest is not None:
        manifest = folder / source.manifest
        if source.manifest_sha256 is not None:
            check_file(manifest, source.manifest_sha256)
        missing = sorted(_listed_tars(manifest) - {path.name for path in tars})
        if missing:
            raise RecipeError(f"{folder}: the manifest lists tars that are not there: {', '.join(missing)}")
    return tars


def _listed_tars(manifest: Path) -> set[str]:
    data = manifest.read_bytes()
    text = (gzip.decompress(data) if manifest.suffix == ".gz" else data).decode("utf-8")
    return {row["tar"] for row in csv.DictReader(text.splitlines())}


def read_trunk(source: EncoderSource, folder: Path) -> dict[str, Tensor]:
    """Check and read the pretrained trunk, as `MobileNetV2Encoder.load_dequantised` takes it.

    Raises:
        RecipeError: The file is missing or is not the one that the recipe was made for.
    """
    path = folder / source.file
    check_file(path, source.sha256)
    state: dict[str, Tensor] = torch.load(path, weights_only=True)["state"]
    return state


def check_file(path: Path, sha256: str) -> None:
    """Make sure that a file is the one that a recipe was made for.

    Raises:
        RecipeError: It is missing, or another.
    """
    if not path.is_file():
        raise RecipeError(f"no file {path}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise RecipeError(f"{path}: expected SHA-256 {sha256}, found {found}")
