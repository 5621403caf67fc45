"""Export a run's frame network: `kinemacolor train --export RUN --out FOLDER`.

The same as `python -m kinemacolor.training.export_kinema --run RUN --out FOLDER`. Folds batch norm, stores half
precision safetensors and writes the model card and LICENSE-WEIGHTS beside it. Figures are added by
`kinemacolor evaluate DIR --card FILE`.
"""

import argparse
import json
import logging
from pathlib import Path
from typing import Any

from kinemacolor.models.kinema_colorizer import KinemaWeights
from kinemacolor.training.card import write_weights
from kinemacolor.training.finished import load_checkpoint, load_memory_run, load_run
from kinemacolor.training.launch import MEMORY_FOLDER
from kinemacolor.training.terms import licence_text

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
    """
    content = load_checkpoint(run)
    memory_run = run / MEMORY_FOLDER
    has_memory = (memory_run / "run.pt").exists()
    memory = load_memory_run(memory_run) if has_memory else None
    if memory is None:
        _log.warning("%s: no run of the memory; its weights are those of an untrained one", run)
    more = {**({"memory": _memory_part(memory_run)} if has_memory else {}), **_data_of(run)}
    path = write_weights(out, "kinema", KinemaWeights(load_run(run), memory), run, content, **more)
    (out / "LICENSE-WEIGHTS").write_text(licence_text(), encoding="utf-8")
    return path


def _memory_part(run: Path) -> dict[str, Any]:
    content = load_checkpoint(run)
    recipe = json.loads((run / "recipe.json").read_text(encoding="utf-8"))
    return {"steps": content["step"], "minutes": round(content["minutes"], 1), "recipe": recipe}


def _data_of(run: Path) -> dict[str, Any]:
    """Hashes of photos and encoder; a run without a recipe file has none."""
    path = run / "plan.json"
    plan: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    names = ("small_photos", "large_photos", "held_out_one_in", "encoder")
    clips = {"clips": plan["memory"]["clips"]} if plan.get("memory") else {}
    return {"data": {**{name: plan[name] for name in names}, **clips}} if plan else {}


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
