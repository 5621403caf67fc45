"""The parts of a run after the frame network, each with a folder of its own: memory, bank, spreading of hints."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from torch import Tensor

from kinemacolor.training.data import TrainingData
from kinemacolor.training.finished import load_checkpoint, load_run, load_weights_of
from kinemacolor.training.loop import TrainingLoop
from kinemacolor.training.memory_trainer import MemoryTrainer
from kinemacolor.training.recall_trainer import RecallTrainer
from kinemacolor.training.recipe import MemoryPlan, PartPlan, Plan, RecallPlan, SpreadPlan
from kinemacolor.training.spread_trainer import SpreadTrainer
from kinemacolor.training.start import Start

__all__ = ["Part", "Resources", "later_parts"]

P_co = TypeVar("P_co", bound=PartPlan, covariant=True)


@dataclass(frozen=True, slots=True)
class Resources:
    """What all parts have in common."""

    run: Path
    """Folder of the run; the frame network's is its top."""
    data: TrainingData
    start: Start | None
    """What the run began with."""
    device: str


@dataclass(frozen=True)
class Part(ABC, Generic[P_co]):
    """One part."""

    common: Resources
    plan: P_co
    """Its table of the recipe."""

    name: ClassVar[str]
    """Of the part in `KinemaWeights`, and of its folder in the run's."""
    below: ClassVar[Mapping[str, str]]
    """What it is trained on top of: name for people, and folder in the run's."""

    @abstractmethod
    def trainer(self, rank: int, workers: int) -> TrainingLoop:
        """The trainer of one worker."""

    @property
    def out(self) -> Path:
        """Its folder."""
        return self.common.run / self.name

    def values(self) -> dict[str, object]:
        """The plan, and the networks that the part is for: others, trained further, need another part."""
        folders = {name: self.common.run / folder for name, folder in self.below.items()}
        steps = {name: int(load_checkpoint(path)["step"]) for name, path in folders.items() if _has_run(path)}
        return {**asdict(self.plan), **{f"{name}_steps": count for name, count in steps.items()}}

    def _begin(self) -> Mapping[str, Tensor] | None:
        return self.common.start.parts.get(self.name) if self.common.start is not None else None


@dataclass(frozen=True)
class _Memory(Part[MemoryPlan]):
    name: ClassVar[str] = "memory"
    below: ClassVar[Mapping[str, str]] = {"frame_network": "."}

    def trainer(self, rank: int, workers: int) -> TrainingLoop:
        data, device = self.common.data, self.common.device
        return MemoryTrainer(
            self.out,
            self.plan.numbers,
            load_run(self.common.run),
            data.clips,
            data.large or data.small,
            cut_outs=data.cut_outs,
            start=self._begin(),
            rank=rank,
            workers=workers,
            device=device,
        )


@dataclass(frozen=True)
class _Recall(Part[RecallPlan]):
    name: ClassVar[str] = "recall"
    below: ClassVar[Mapping[str, str]] = {"frame_network": ".", "memory": "memory"}

    def trainer(self, rank: int, workers: int) -> TrainingLoop:
        data, device = self.common.data, self.common.device
        weights = load_weights_of(self.common.run)
        return RecallTrainer(
            self.out,
            self.plan.numbers,
            weights.frame,
            weights.memory,
            data.clips,
            data.large or data.small,
            cut_outs=data.cut_outs,
            start=self._begin(),
            rank=rank,
            workers=workers,
            device=device,
        )


@dataclass(frozen=True)
class _Spread(Part[SpreadPlan]):
    name: ClassVar[str] = "spread"
    below: ClassVar[Mapping[str, str]] = {"frame_network": "."}

    def trainer(self, rank: int, workers: int) -> TrainingLoop:
        data, device = self.common.data, self.common.device
        return SpreadTrainer(
            self.out,
            self.plan.numbers,
            load_run(self.common.run),
            (data.small, data.large),
            cut_outs=data.cut_outs,
            start=self._begin(),
            rank=rank,
            workers=workers,
            device=device,
        )


def later_parts(plan: Plan, common: Resources) -> list[Part[PartPlan]]:
    """Those that the recipe trains, in the order in which they need each other."""
    parts: list[Part[PartPlan]] = []
    if plan.memory is not None:
        parts.append(_Memory(common, plan.memory))
    if plan.recall is not None:
        parts.append(_Recall(common, plan.recall))
    if plan.spread is not None:
        parts.append(_Spread(common, plan.spread))
    return parts


def _has_run(folder: Path) -> bool:
    return (folder / "run.pt").exists()
