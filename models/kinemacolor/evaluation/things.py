"""Things that stand whole in known photos, with their outlines: what the trial of hints cuts out."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.evaluation.errors import EvaluationInputError

__all__ = ["Thing", "find_things"]

_OUTLINES = "things.json"


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing in one photo."""

    number: int
    """Among all outlined things, from 0: whichever photos are there, a thing keeps its colour and its way."""
    of: int
    """How many are outlined."""
    photo: Path
    outline: tuple[tuple[int, int], ...]
    """Corners x, y in pixels of the photo, in turn."""

    def mask(self, height: int, width: int) -> NDArray[np.uint8]:
        """(height, width) of the photo: 1 inside of the outline, else 0."""
        plane = np.zeros((height, width), np.uint8)
        cv2.fillPoly(plane, [np.array(self.outline, np.int32)], (1,))
        return plane


def find_things(photos: Sequence[Path]) -> tuple[Thing, ...]:
    """The outlined things of those photos that have one; a photo is known by its name and its bytes.

    Raises:
        EvaluationInputError: A photo cannot be read.
    """
    by_name = {path.name: path for path in photos}
    outlines = _outlines()
    return tuple(
        Thing(number, len(outlines), by_name[entry["photo"]], tuple((x, y) for x, y in entry["outline"]))
        for number, entry in enumerate(outlines)
        if entry["photo"] in by_name and _sha256(by_name[entry["photo"]]) == entry["sha256"]
    )


def _outlines() -> list[dict[str, Any]]:
    text = (resources.files("kinemacolor.evaluation") / _OUTLINES).read_text(encoding="utf-8")
    listed: list[dict[str, Any]] = json.loads(text)["things"]
    return listed


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise EvaluationInputError(f"{path}: {error.strerror or error}") from error
