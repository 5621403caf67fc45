"""What the training of `zhao` asks of the classes of pixels, and how well they are found."""

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.training.labelled import IGNORED

__all__ = ["class_loss", "class_shares", "confusion", "mean_iou"]


def class_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy, mean over the places that have a class; 0 if none has.

    Args:
        logits: (B, C, h, w).
        labels: (B, h, w) int64, classes or `IGNORED`.

    Returns:
        Scalar float32, in nats.
    """
    total = F.cross_entropy(logits.float(), labels, ignore_index=IGNORED, reduction="sum")
    return total / (labels != IGNORED).sum().clamp_min(1)


def class_shares(labels: Tensor, classes: int) -> Tensor:
    """How often each class occurs, (classes,) float32 with sum 1; one place more of each, so that none is 0."""
    counts = torch.bincount(labels[labels != IGNORED].flatten(), minlength=classes).float() + 1.0
    return counts / counts.sum()


def confusion(logits: Tensor, labels: Tensor) -> Tensor:
    """(C, C) int64 counts of places; rows: their class, columns: the likeliest class by the network."""
    classes, known = logits.shape[1], labels != IGNORED
    pairs = labels[known] * classes + logits.argmax(dim=1)[known]
    return torch.bincount(pairs, minlength=classes**2).view(classes, classes)


def mean_iou(counts: Tensor) -> float:
    """Intersection over union of each class that occurs in the labels, their mean, in [0, 1].

    Args:
        counts: Of `confusion`.
    """
    hit, truth, found = counts.diagonal().double(), counts.sum(dim=1).double(), counts.sum(dim=0).double()
    there = truth > 0
    union = truth + found - hit
    return float((hit[there] / union[there]).mean()) if bool(there.any()) else 0.0
