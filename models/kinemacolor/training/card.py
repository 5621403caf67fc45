"""Trained weights with the card that says what they are; `kinemacolor evaluate DIR --card FILE` adds figures."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from kinemacolor.models.checkpoint import save_weights
from kinemacolor.training.terms import LICENCE, SOURCES, TERMS

__all__ = ["write_weights"]

_log = logging.getLogger(__name__)


def write_weights(
    out: Path,
    name: str,
    network: nn.Module,
    run: Path,
    content: Mapping[str, Any],
    dtype: torch.dtype = torch.float16,
    **more: object,
) -> Path:
    """Write `NAME.safetensors`, and `NAME.json`.

    Args:
        out: Folder to write into; made if missing.
        name: Of the network.
        network: With its weights.
        run: Folder of the run, with `recipe.json`.
        content: Of the run's checkpoint.
        dtype: Of the file; `kinemacolor models import` takes float32.
        more: Whatever else is to be known of the training.

    Returns:
        Path of the card.
    """
    out.mkdir(parents=True, exist_ok=True)
    weights = out / f"{name}.safetensors"
    digest = save_weights(weights, network, dtype)
    card = {
        "name": name,
        "file": weights.name,
        "bytes": weights.stat().st_size,
        "sha256": digest,
        "licence": LICENCE,
        "terms": TERMS,
        "training": {
            "steps": content["step"],
            "minutes": round(content["minutes"], 1),
            "recipe": json.loads((run / "recipe.json").read_text(encoding="utf-8")),
            **more,
            "sources": SOURCES,
        },
        "figures": {},
    }
    path = out / f"{name}.json"
    path.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    _log.info("step %d exported, %d bytes, sha256 %s", content["step"], card["bytes"], digest)
    return path
