"""A data folder of made pictures and a recipe for it."""

import hashlib
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from kinemacolor.training import photo_data
from kinemacolor.training.recipe import read_recipe


def make_data(folder: Path, pictures: int = 12) -> None:
    """Blue above, green below, in a tar with its manifest."""
    rng = np.random.default_rng(0)
    (folder / "photos").mkdir(parents=True)
    with tarfile.open(folder / "photos" / "a.tar", "w") as tar:
        for index in range(pictures):
            picture = np.zeros((48, 64, 3))
            picture[:24], picture[24:] = (220, 140, 90), (40, 150, 60)  # BGR
            picture *= rng.uniform(0.7, 1.1, (48, 64, 1))
            data = cv2.imencode(".jpg", picture.clip(0, 255).astype(np.uint8))[1].tobytes()
            entry = tarfile.TarInfo(f"{index}.jpg")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    with tarfile.open(folder / "photos" / "clips.tgz", "w:gz") as tar:
        for clip in range(3):
            for frame in range(4):
                picture = np.full((48, 64, 3), (40 + 60 * clip, 150, 90), np.uint8)
                picture[10:30, 4 * frame : 4 * frame + 20] = (30, 60, 200)
                data = cv2.imencode(".jpg", picture)[1].tobytes()
                entry = tarfile.TarInfo(f"clip{clip}/{frame:05d}.jpg")
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
    rows = "".join(f"{index}.jpg,a.tar\n" for index in range(pictures))
    (folder / "photos" / "manifest.csv").write_text("name,tar\n" + rows)


def lay_out_for_kinema(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder whose photos `photo_data` takes for those of the recipe `kinema`; it has no encoder."""
    make_data(folder / "made", pictures=12)
    photos = folder / "data" / "train_photos"
    photos.parent.mkdir()
    (folder / "made" / "photos").rename(photos)
    (photos / "a.tar").rename(photos / "photos_00.tar.gz")  # tarfile looks at the bytes, not at the name
    plan = read_recipe("kinema")
    small = replace(plan.small_photos, manifest=None, manifest_sha256=None)
    made = replace(plan, small_photos=small, large_photos=None, encoder=None)
    monkeypatch.setattr(photo_data, "read_recipe", lambda name: made)
    monkeypatch.setattr(photo_data, "_HELD_OUT_ONE_IN", 3)
    return photos.parent


def make_recipe(
    folder: Path,
    *,
    numbers: dict[str, object] | None = None,
    watch: dict[str, object] | None = None,
    part_steps: dict[str, int] | None = None,
) -> Path:
    """A recipe by steps for `make_data(folder)`, for one worker and without an encoder; parts with their steps."""
    crops = {"count": 4, "side_px": 32}
    recipe = {
        "name": "made",
        "held_out_one_in": 4,
        "small_photos": {
            "folder": "photos",
            "tars": "*.tar",
            "manifest": "manifest.csv",
            "manifest_sha256": hashlib.sha256((folder / "photos" / "manifest.csv").read_bytes()).hexdigest(),
        },
        "numbers": {"steps": 10, "warm_up_steps": 2, "small": crops, "large": crops, "wide": crops, **(numbers or {})},
        "watch": {"workers": 1, "log_every_steps": 2, "checkpoint_minutes": 0, "early_steps": 0, **(watch or {})},
    }
    shots = {"count": 2, "motion": {"frames": 3, "side_px": 32, "strides": [1, 1]}}
    own = {"memory": shots, "recall": shots, "spread": {"small": crops, "large": crops, "wide": crops}}
    for name, steps in (part_steps or {}).items():
        recipe["clips"] = {"folder": "photos", "tars": "*.tgz", "held_out_one_in": 0}
        recipe[name] = {
            "numbers": {"steps": steps, "warm_up_steps": 1, **own[name]},
            "watch": {"workers": 1, "log_every_steps": 1, "checkpoint_minutes": 0, "early_steps": 0},
        }
    path = folder / "recipe.json"
    path.write_text(json.dumps(recipe))
    return path
