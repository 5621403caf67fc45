"""Photos with a class for each pixel, and crops of them in which the labels lie where the network answers."""

import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kinemacolor.training.errors import RecipeError
from kinemacolor.training.photos import CropSettings, Picture, as_codes, draw_square, scaled

__all__ = ["IGNORED", "Flip", "Labelled", "Labels", "centre_labelled", "label_pictures", "sample_labelled"]

Labels = NDArray[np.uint8]
"""(H, W), a class for each pixel."""
Flip = Literal["picture", "batch"]
"""What is mirrored together: each picture by its own draw, or all of a batch."""
IGNORED = 255
"""A pixel that has no class: the border of a thing in VOC. It costs nothing and teaches nothing."""
_LOG_EVERY = 200

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A photo and its classes, of the same size."""

    picture: Picture
    labels: Labels


def sample_labelled(
    examples: Sequence[Labelled], settings: CropSettings, rng: np.random.Generator, flip: Flip = "picture"
) -> tuple[Tensor, Tensor]:
    """Random square crops, scaled and mirrored, picture and labels alike.

    Returns:
        (count, 3, side, side) float32 sRGB codes in [0, 1], and (count, side, side) int64 classes or `IGNORED`.
    """
    side, whole = settings.side_px, rng.random() < 0.5
    batch = np.empty((settings.count, side, side, 3), dtype=np.uint8)
    labels = np.empty((settings.count, side, side), dtype=np.uint8)
    for index, choice in enumerate(rng.integers(len(examples), size=settings.count)):
        example = examples[choice]
        square = draw_square(example.picture, settings.smallest, rng)
        own = rng.random() < 0.5
        way = -1 if (own if flip == "picture" else whole) else 1
        batch[index] = scaled(example.picture[square], side)[:, ::way]
        labels[index] = _reduced(example.labels[square], side)[:, ::way]
    return _as_tensors(batch, labels)


def centre_labelled(examples: Sequence[Labelled], side_px: int) -> tuple[Tensor, Tensor]:
    """The largest square in the middle of each photo, scaled: the same at every call; as `sample_labelled`."""
    batch = np.empty((len(examples), side_px, side_px, 3), dtype=np.uint8)
    labels = np.empty((len(examples), side_px, side_px), dtype=np.uint8)
    for index, example in enumerate(examples):
        side = min(example.labels.shape)
        top, left = ((whole - side) // 2 for whole in example.labels.shape)
        square = (slice(top, top + side), slice(left, left + side))
        batch[index] = scaled(example.picture[square], side_px)
        labels[index] = _reduced(example.labels[square], side_px)
    return _as_tensors(batch, labels)


def label_pictures(
    pictures: Sequence[Picture], folder: Path, teacher: Callable[[], Callable[[Picture], Labels]]
) -> list[Labelled]:
    """Photos with labels by a teacher, who is asked once for each photo: the answers lie in a folder.

    Args:
        pictures: The photos.
        folder: Of the answers, a PNG each, named by a hash of the photo; made if missing.
        teacher: Makes the teacher ready; called if an answer is missing.

    Raises:
        RecipeError: An answer in the folder is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{_name(picture)}.png" for picture in pictures]
    asked = [index for index, path in enumerate(paths) if not path.is_file()]
    ask = teacher() if asked else None
    for count, index in enumerate(asked):
        if ask is not None:
            _keep(paths[index], ask(pictures[index]))
        if count % _LOG_EVERY == 0:
            _log.info("labels: %d of %d photos", count, len(asked))
    return [Labelled(picture, _read(path, picture)) for picture, path in zip(pictures, paths, strict=True)]


def _name(picture: Picture) -> str:
    shape = repr(picture.shape[:2]).encode()
    return hashlib.sha256(shape + np.ascontiguousarray(picture).tobytes()).hexdigest()[:24]


def _keep(path: Path, labels: Labels) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(cv2.imencode(".png", labels)[1].tobytes())
    os.replace(part, path)


def _read(path: Path, picture: Picture) -> Labels:
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if found is None or found.shape != picture.shape[:2] or found.dtype != np.uint8:
        raise RecipeError(f"{path}: expected labels {picture.shape[:2]}, found damage; delete it")
    return np.asarray(found, dtype=np.uint8)


def _reduced(labels: Labels, side_px: int) -> Labels:
    if labels.shape[0] == side_px:
        return labels
    return np.asarray(cv2.resize(labels, (side_px, side_px), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def _as_tensors(batch: NDArray[np.uint8], labels: Labels) -> tuple[Tensor, Tensor]:
    return as_codes(batch), torch.from_numpy(labels).long()
