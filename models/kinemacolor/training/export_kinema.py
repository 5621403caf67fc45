"""Export a run's networks: `kinemacolor train --export RUN --out FOLDER`.

The same as `python -m kinemacolor.training.export_kinema --run RUN --out FOLDER`. Folds batch norm, stores half
precision safetensors and writes the model card and LICENSE-WEIGHTS beside it. Figures are added by
`kinemacolor evaluate DIR --card FILE`.
"""

import argparse
import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kinemacolor.training.card import write_weights
from kinemacolor.training.finished import LABELS, START_FILE, load_checkpoint, load_weights_of, parts_of
from kinemacolor.training.terms import licence_text
from kinemacolor.training.voc_segmenter import SEGMENTER_ORIGIN, SEGMENTER_SHA256

__all__ = ["export", "main"]

_log = logging.getLogger(__name__)


def export(run: Path, out: Path) -> Path:
    """Write `kinema.safetensors`, `kinema.json` and `LICENSE-WEIGHTS`.

    Args:
        run: Folder of the run, with `run.pt` and `recipe.json`.
        out: Folder to write into; made if missing.

    Returns:
        Path of the card.

    Raises:
        FileNotFoundError: The run has no checkpoint of its frame network.
        RecipeError: A part of the run has the layout of another version.
    """
    content, origins = load_checkpoint(run), parts_of(run)
    new = [name for name, origin in origins.items() if origin == "new"]
    if new:
        _log.warning("%s: nobody has trained %s; such weights are as they are made", run, ", ".join(new))
    trained = {name: _part(run / name) for name, origin in origins.items() if origin == "trained"}
    more = {**trained, **_start_of(run, origins), **_data_of(run), **_segmenter_of(run)}
    path = write_weights(out, "kinema", load_weights_of(run), run, content, **more)
    (out / "LICENSE-WEIGHTS").write_text(licence_text(), encoding="utf-8")
    return path


def _part(run: Path) -> dict[str, Any]:
    content = load_checkpoint(run)
    recipe = json.loads((run / "recipe.json").read_text(encoding="utf-8"))
    return {"steps": content["step"], "minutes": round(content["minutes"], 1), "recipe": recipe}


def _start_of(run: Path, origins: Mapping[str, str]) -> dict[str, Any]:
    """Which weights the run began with, and which parts are still as they were there."""
    path = run / START_FILE
    if not path.exists():
        return {}
    kept = [name for name, origin in origins.items() if origin == "start"]
    return {"start": {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "kept": kept}}


def _data_of(run: Path) -> dict[str, Any]:
    """Hashes of photos, clips and encoder; a run without a recipe file has none."""
    path = run / "plan.json"
    plan: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    names = ("small_photos", "large_photos", "held_out_one_in", "encoder", "clips")
    return {"data": {name: plan[name] for name in names if plan.get(name) is not None}} if plan else {}


def _segmenter_of(run: Path) -> dict[str, Any]:
    """The teacher that found the things that a run was trained on; its labels lie in the run's folder."""
    if not (run / LABELS).is_dir():
        return {}
    return {"segmenter": {"origin": SEGMENTER_ORIGIN, "sha256": SEGMENTER_SHA256}}


def main() -> None:
    """Read the arguments and export."""
    parser = argparse.ArgumentParser(description="Export the networks of a run.")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run")
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights and the card")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    export(arguments.run, arguments.out)


if __name__ == "__main__":
    main()
