"""Which frame networks are combined with which temporal networks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kinemacolor.comparison.errors import ComparisonUsageError
from kinemacolor.models.api import ModelSpec
from kinemacolor.models.errors import UnknownModelError
from kinemacolor.models.official import OFFICIAL
from kinemacolor.models.registry import describe_model, list_models

__all__ = ["TEMPORALS", "Combination", "combine"]

TEMPORALS = ("none", "lai", "memory", "refine")
"""Temporal networks, in the order in which they are shown; the last goes with `favc` and `favc-reduced` alone."""

_MARK = "+"


@dataclass(frozen=True, slots=True)
class Combination:
    """A frame network with a temporal network."""

    spec: ModelSpec
    """Of the registry's model of both."""

    @property
    def title(self) -> str:
        """What it is called here: FRAME+TEMPORAL always, so that names can be compared."""
        return f"{self.spec.frame}{_MARK}{self.spec.temporal}" if _goes_with_others(self.spec) else self.spec.name

    @property
    def is_reduced(self) -> bool:
        """Whether it is the network of a paper at a size of this project, whose weights are not the authors'."""
        official = OFFICIAL.get(self.spec.frame)
        return official is not None and bool(official.trainer)

    @property
    def label(self) -> str:
        """What stands above its pictures, which may be seen without the page."""
        return f"{self.title} (trained here)" if self.is_reduced else self.title


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
    twice = [title for title in titles if titles.count(title) > 1]
    if twice:
        raise ComparisonUsageError(f"{twice[0]} is asked for twice")
    return wanted


def _usable() -> list[str]:
    """Frame networks with weights; not the test network, whose colours mean nothing."""
    specs = [spec for spec in list_models() if spec.name == spec.frame]
    return [spec.name for spec in specs if spec.weights_sha256 and _goes_with_others(spec)]


def _goes_with_others(spec: ModelSpec) -> bool:
    """False for a network whose memory is a part of it: it goes with no temporal network."""
    return spec.temporal in TEMPORALS


def _with_temporals(name: str, temporals: Sequence[str] | None) -> Iterator[Combination]:
    frame, mark, temporal = name.partition(_MARK)
    spec = describe_model(frame)
    if mark:
        yield _existing(frame, temporal)
    elif not _goes_with_others(spec):
        yield Combination(spec)
    elif temporals is not None:
        yield from (_existing(frame, one) for one in temporals)
    else:
        yield from (found for one in TEMPORALS if (found := _find(frame, one)) is not None)


def _existing(frame: str, temporal: str) -> Combination:
    found = _find(frame, temporal)
    if found is None:
        there = [one.title for one in _with_temporals(frame, None)]
        name = f"{frame}{_MARK}{temporal}"
        raise ComparisonUsageError(f"there is no combination {name}; of {frame} there are: {', '.join(there)}")
    return found


def _find(frame: str, temporal: str) -> Combination | None:
    try:
        return Combination(describe_model(f"{frame}{_MARK}{temporal}"))
    except UnknownModelError:
        return None
