"""Export a run's frame network: `python -m kinemacolor.training.export_kinema --run DIR --out FOLDER`.

Folds batch norm, stores half precision safetensors and writes the model card beside it. Figures are added by
`kinemacolor.evaluation.measure --card`.
"""

import argparse
import json
import logging
from pathlib import Path
from typing import Any

import torch

from kinemacolor.models.checkpoint import save_weights
from kinemacolor.models.networks.kinema import KinemaNet, fold_batch_norm

__all__ = ["LICENCE", "SOURCES", "export", "main"]

_log = logging.getLogger(__name__)

LICENCE = "CC-BY-NC-4.0"
"""Terms of the weights: a part of the training pictures has non-commercial, research-only or unclear terms."""

TERMS = (
    "The weights were trained on photos from research data sets, a part of which has non-commercial, research-only "
    "or unclear terms; use them for research and for private, non-commercial work. The code has a licence of its own."
)

SOURCES = (
    "trunk: ImageNet MobileNetV2 of google-coral/test_data (Apache-2.0)",
    "Flickr8k (research and education, non-commercial), from RlNZLER/Image-Text-Matching, quantumnaan/sic_translator",
    (
        "SUN scene database (research), from Yorkbenno, akshay993 and colegulino "
        "/Spatial-Pyramid-Matching-for-Scene-Classification, marvinbai/CMU-16720, "
        "nhantd/CMU16720-Scene-Classification, mishra39/16720_ComputerVision"
    ),
    "scene photos from several sets (none stated), from andre3racks/scene-classification",
    "house fronts and interiors (asks for a citation: Ahmed and Moustafa 2016), from emanhamed/Houses-dataset",
    (
        "cat and dog pictures (Asirra and others; none stated), from chanakya2734/Image-classification-using-CNN, "
        "Chuck-man/laba5"
    ),
    "Clothing Co-Parsing (Apache-2.0), from bearpaw/clothing-co-parsing",
    "PASCAL VOC 2007 (Flickr terms), from BernieChen96/ImageClassification",
    "faces from the web (MIT stated), from chandrikadeb7/Face-Mask-Detection",
    (
        "ImageNet samples (non-commercial research and education), from EliSchwartz/imagenet-sample-images, "
        "zhangtao7750/syn"
    ),
    "sky and weather (unclear), from ndb796/weather_dataset",
    "Stanford Cars (non-commercial research), from fmejbah/car_dataset1",
    "BSDS500, training and validation part (non-commercial research and education), from BIDS/BSDS500",
    "raccoons from the web (MIT stated), from datitran/raccoon_dataset",
    "PolyU real-world noisy images (academic use), from csjunxu/PolyU-Real-World-Noisy-Images-Dataset",
    (
        "landscapes (Unsplash, CC0, CC BY-SA), from linuxdeepin/deepin-wallpapers, pop-os/wallpapers, "
        "elementary/wallpapers"
    ),
)
"""Where the training pictures came from, with the terms that are stated or known."""


def export(run: Path, out: Path) -> Path:
    """Write `kinema.safetensors` and `kinema.json`.

    Args:
        run: Folder of the run, with `run.pt` and `recipe.json`.
        out: Folder to write into; made if missing.

    Returns:
        Path of the card.

    Raises:
        FileNotFoundError: The run has no checkpoint.
    """
    content: dict[str, Any] = torch.load(run / "run.pt", weights_only=True)
    net = KinemaNet(norm=True)
    net.load_state_dict(content["net"])
    out.mkdir(parents=True, exist_ok=True)
    weights = out / "kinema.safetensors"
    digest = save_weights(weights, fold_batch_norm(net.eval()))
    card = {
        "name": "kinema",
        "file": weights.name,
        "bytes": weights.stat().st_size,
        "sha256": digest,
        "licence": LICENCE,
        "terms": TERMS,
        "training": {
            "steps": content["step"],
            "minutes": round(content["minutes"], 1),
            "recipe": json.loads((run / "recipe.json").read_text(encoding="utf-8")),
            "sources": SOURCES,
        },
        "figures": {},
    }
    path = out / "kinema.json"
    path.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    _log.info("step %d exported, %d bytes, sha256 %s", content["step"], card["bytes"], digest)
    return path


def main() -> None:
    """Read the arguments and export."""
    parser = argparse.ArgumentParser(description="Export the frame network of a run.")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run")
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights and the card")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    export(arguments.run, arguments.out)


if __name__ == "__main__":
    main()
