"""Which frame networks are combined with which temporal networks, and what the registry calls them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kinemacolor.comparison.errors import ComparisonUsageError
from kinemacolor.models.api import ModelSpec
from kinemacolor.models.errors import UnknownModelError
from kinemacolor.models.registry import DEFAULT_MODEL, describe_model, list_models

__all__ = ["TEMPORALS", "Combination", "combine"]

TEMPORALS = ("none", "lai", "memory")
"""Temporal networks in the order in which they are shown."""

_MARK = "+"
_OWN = {"kinema": "memory", "eccv16": "none", "siggraph17": "none"}
"""The temporal network of a frame network's plain name."""
_ALONE = "tiny"  # a test network with a memory of its own, which goes with no temporal network


@dataclass(frozen=True, slots=True)
class Combination:
    """A frame network with a temporal network."""

    frame: str
    temporal: str
    """Empty: the frame network goes with none, and has its own way."""
    spec: ModelSpec
    """Of the registry's model of both; its name is what `load_families` takes."""

    @property
    def title(self) -> str:
        """What it is called here: FRAME+TEMPORAL always, so that names can be compared."""
        return f"{self.frame}{_MARK}{self.temporal}" if self.temporal else self.frame


def combine(frames: Sequence[str] | None, temporals: Sequence[str] | None) -> tuple[Combination, ...]:
    """Every frame network with every temporal network, the frame networks one after the other.

    Args:
        frames: Names of frame networks, or of combinations, which are taken as they are; None: `kinema` and those of
            others whose weights are installed.
        temporals: Names of temporal networks; None: for each frame network those that there are.

    Raises:
        ComparisonUsageError: A name or a combination does not exist, or comes twice.
        UnknownModelError: There is no such frame network.
        CheckpointError: A card of weights is damaged.
    """
    unknown = [name for name in temporals or () if name not in TEMPORALS]
    if unknown:
        raise ComparisonUsageError(f"no temporal network {unknown[0]!r}; there are: {', '.join(TEMPORALS)}")
    wanted = tuple(both for name in frames or _usable() for both in _with_temporals(name, temporals))
    titles = [one.title for one in wanted]
    twice = sorted({title for title in titles if titles.count(title) > 1})
    if twice:
        raise ComparisonUsageError(f"{twice[0]} is asked for twice")
    return wanted


def _usable() -> Iterator[str]:
    specs = {spec.name: spec for spec in list_models()}
    return (name for name in (DEFAULT_MODEL, *_OWN) if name in specs and specs.pop(name).weights_sha256)


def _with_temporals(name: str, temporals: Sequence[str] | None) -> Iterator[Combination]:
    frame, mark, temporal = name.partition(_MARK)
    if mark:
        yield _existing(frame, temporal)
    elif frame == _ALONE:
        yield Combination(frame, "", describe_model(frame))
    elif temporals is not None:
        yield from (_existing(frame, one) for one in temporals)
    else:
        describe_model(frame)  # a wrong name is not the same as one without temporal networks
        yield from (found for one in TEMPORALS if (found := _find(frame, one)) is not None)


def _existing(frame: str, temporal: str) -> Combination:
    describe_model(frame)
    found = _find(frame, temporal)
    if found is None:
        there = ", ".join(f"{frame}{_MARK}{one}" for one in TEMPORALS if _find(frame, one) is not None)
        raise ComparisonUsageError(
            f"there is no combination {frame}{_MARK}{temporal}; of {frame} there are: {there or frame}"
        )
    return found


def _find(frame: str, temporal: str) -> Combination | None:
    name = frame if _OWN.get(frame) == temporal else f"{frame}{_MARK}{temporal}"
    try:
        return Combination(frame, temporal, describe_model(name))
    except UnknownModelError:
        return None
