"""When a GAN has given what it has to give: the "inflection point" of NoGAN as a rule.

Antic's README asks to stop where the critic has passed on the colours and begins to pass on faults, and to find that
point by looking at checkpoints. Here a figure of held-out pictures is looked at instead; lower is better. The point is
the look after which so many others brought nothing better.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["StopRule", "best_look", "inflection"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRule:
    """How patient to be.

    Raises:
        ValueError: A number is out of its range.
    """

    patience: int = 6
    """Looks without a better figure after which the training stops, at least 1."""
    margin: float = 0.01
    """Share of the best figure by which another must be lower to count as better, in [0, 1): figures are noisy."""

    def __post_init__(self) -> None:
        if self.patience < 1:
            raise ValueError(f"expected a patience of at least 1 look, found {self.patience}")
        if not 0.0 <= self.margin < 1.0:
            raise ValueError(f"expected a margin in [0, 1), found {self.margin:g}")


def best_look(figures: Sequence[float], rule: StopRule) -> int:
    """Which look, from 0, none after it was better than.

    Args:
        figures: One of each look, lower is better; at least one.
        rule: What counts as better.
    """
    best = 0
    for look, figure in enumerate(figures):
        # Of a picture that is no picture nothing is known: whatever follows is better.
        if figure < figures[best] * (1.0 - rule.margin) or math.isnan(figures[best]) > math.isnan(figure):
            best = look
    return best


def inflection(figures: Sequence[float], rule: StopRule) -> int | None:
    """The look to go back to, if it is time to stop.

    Args:
        figures: One of each look so far, lower is better.
        rule: How patient to be.

    Returns:
        The best look, from 0, or None: go on.
    """
    if not figures:
        return None
    best = best_look(figures, rule)
    return best if len(figures) - 1 - best >= rule.patience else None
