"""Carries out a plan: folder of the run, data, workers; first the frame network, then the memory on top of it."""

import json
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import ProcessException, start_processes

from kinemacolor.training.data import TrainingData, read_data
from kinemacolor.training.errors import RecipeError, TrainingError, TrainingFailed
from kinemacolor.training.finished import load_checkpoint, load_run
from kinemacolor.training.loop import TrainingLoop
from kinemacolor.training.memory_trainer import MemoryTrainer
from kinemacolor.training.photos import Picture
from kinemacolor.training.recipe import MemoryPlan, Plan, Watch
from kinemacolor.training.sheets import draw_sheet
from kinemacolor.training.trainer import Trainer
from kinemacolor.training.watch import Watcher

__all__ = ["MEMORY_FOLDER", "train"]

_log = logging.getLogger(__name__)

_MAY_CHANGE = ("minutes", "steps")
_PLAN_FILE = "plan.json"
_PARENT_SECONDS = 0.2

MEMORY_FOLDER = "memory"
"""Folder of the memory's run inside the run's."""


@dataclass(frozen=True, slots=True)
class _Job:
    """One part of a run, as every worker gets it."""

    out: Path
    watch: Watch
    workers: int
    meeting: Path
    make: Callable[[int], TrainingLoop]
    """Makes the trainer of a worker, by its rank."""
    draw: Callable[[TrainingLoop], Picture] | None
    """Draws a sample sheet."""


def train(
    plan: Plan, data: Path, out: Path, *, resume: bool = False, device: str = "cpu", limit: int | None = None
) -> None:
    """Train, from the start or from the folder's checkpoint.

    Args:
        plan: The recipe.
        data: The data folder.
        out: Folder of the run; made if missing.
        resume: Go on from the folder's checkpoint; start if it has none.
        device: `cpu`, or a GPU, which takes one worker.
        limit: Read at most that many photos of each kind, for quick runs.

    Raises:
        TrainingError: The folder holds a run that must not be overwritten or is of another recipe.
        RecipeError: The data are missing or not the recipe's.
        TrainingFailed: The run does not learn.
    """
    _check_folder(asdict(plan), out, resume)
    loaded = read_data(plan, data, limit)
    counts = len(loaded.small), len(loaded.large), len(loaded.clips), len(loaded.held_out)
    _log.info("%s: %d small and %d large photos, %d clips, %d held out for the sample sheets", plan.name, *counts)
    if loaded.trunk is None:
        _log.info("the recipe names no encoder: the trunk starts from noise")
    _train_frame(plan, loaded, out, device)
    if plan.memory is not None:
        _check_folder(_memory_values(plan.memory, out), out / MEMORY_FOLDER, resume)
        _train_memory(plan.memory, loaded, out, device)
    _log.info("done; kinemacolor train --export %s makes weights of it", out)


def _train_frame(plan: Plan, data: TrainingData, out: Path, device: str) -> None:
    def make(rank: int) -> TrainingLoop:
        photos = (data.small, data.large)
        return Trainer(out, plan.numbers, photos, data.trunk, rank=rank, workers=workers, device=device)

    def draw(trainer: TrainingLoop) -> Picture:
        return draw_sheet(cast(Trainer, trainer).net, data.held_out, plan.numbers.film)

    workers = _workers(plan.watch, device)
    _write_plan(asdict(plan), out)
    _run(out, plan.watch, workers, make, draw if data.held_out else None)


def _train_memory(plan: MemoryPlan, data: TrainingData, run: Path, device: str) -> None:
    def make(rank: int) -> TrainingLoop:
        photos = data.large or data.small
        frame = load_run(run)
        return MemoryTrainer(out, plan.numbers, frame, data.clips, photos, rank=rank, workers=workers, device=device)

    out, workers = run / MEMORY_FOLDER, _workers(plan.watch, device)
    _write_plan(_memory_values(plan, run), out)
    _run(out, plan.watch, workers, make, None)


def _memory_values(plan: MemoryPlan, run: Path) -> dict[str, object]:
    """The plan, and the frame network that the memory is for: another one, trained further, needs another memory."""
    return {**asdict(plan), "frame_network_steps": int(load_checkpoint(run)["step"])}


def _workers(watch: Watch, device: str) -> int:
    return watch.workers if device == "cpu" else 1


def _check_folder(plan: dict[str, object], out: Path, resume: bool) -> None:
    if not (out / "run.pt").exists():
        return
    if not resume:
        raise TrainingError(f"{out} holds a run: go on with --resume, or name another folder with --out")
    path = out / _PLAN_FILE
    if path.exists():
        _check_same(json.loads(path.read_text(encoding="utf-8")), json.loads(json.dumps(plan)), out)


def _check_same(before: dict[str, object], now: dict[str, object], out: Path) -> None:
    """Only the budget and the way of watching may change; the memory's part has a folder and a check of its own."""
    free = ("name", "watch", "numbers", "memory")
    differing = [key for key in now if key not in free and now[key] != before.get(key)]
    old, new = before.get("numbers"), now["numbers"]
    if isinstance(old, dict) and isinstance(new, dict):
        differing += [f"numbers.{key}" for key in new if key not in _MAY_CHANGE and new[key] != old.get(key)]
    if differing:
        raise RecipeError(f"the run in {out} was started with another recipe; different: {', '.join(differing)}")


def _write_plan(plan: dict[str, object], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "recipe.json").write_text(json.dumps(plan["numbers"], indent=1), encoding="utf-8")
    (out / _PLAN_FILE).write_text(json.dumps(plan, indent=1), encoding="utf-8")


def _run(
    out: Path,
    watch: Watch,
    workers: int,
    make: Callable[[int], TrainingLoop],
    draw: Callable[[TrainingLoop], Picture] | None,
) -> None:
    with tempfile.TemporaryDirectory() as meeting:
        job = _Job(out, watch, workers, Path(meeting), make, draw)
        if workers == 1:
            _work(0, job)
            return
        try:
            # Forked, so that the workers share the pictures' memory. torch leaves the function untyped.
            start_processes(_work, (job,), workers, daemon=True, start_method="fork")  # type: ignore[no-untyped-call]
        except ProcessException:
            if _failure_file(job).exists():
                raise TrainingFailed(_failure_file(job).read_text(encoding="utf-8")) from None
            raise


def _work(rank: int, job: _Job) -> None:
    torch.set_num_threads(1)
    if job.workers > 1:
        threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
        store = f"file://{job.meeting / 'store'}"
        dist.init_process_group("gloo", init_method=store, rank=rank, world_size=job.workers)
    trainer = job.make(rank)
    resumed = trainer.resume()
    try:
        _watched_run(trainer, job, resumed)
    except TrainingFailed as error:
        # Written beside and moved, since another worker may fail in the same step.
        part = job.meeting / f"failure.{rank}"
        part.write_text(str(error), encoding="utf-8")
        part.replace(_failure_file(job))
        raise
    if job.workers > 1:
        dist.destroy_process_group()


def _end_with_parent(parent: int) -> None:
    """A worker must not train on into a folder whose run was killed; torch's own signal is ignored under nohup or &."""
    while os.getppid() == parent:
        time.sleep(_PARENT_SECONDS)
    os._exit(1)


def _watched_run(trainer: TrainingLoop, job: _Job, resumed: bool) -> None:
    watch = job.watch
    if trainer.rank > 0:
        trainer.run(watch.log_every_steps)
        return
    _log.info("%s at step %d in %s", "resumed" if resumed else "started", trainer.step, job.out)
    draw = job.draw
    watcher = Watcher(trainer, watch, None if draw is None else lambda: draw(trainer))
    trainer.run(watch.log_every_steps, watch.checkpoint_minutes, watcher)
    _log.info("step %d reached in %s", trainer.step, job.out)


def _failure_file(job: _Job) -> Path:
    return job.meeting / "failure"
