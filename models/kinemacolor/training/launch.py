"""Carries out a plan: folder of the run, data, workers; first the frame network, then the parts on top of it."""

import json
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import ProcessException, start_processes

from kinemacolor.training.cut_outs import CutOut, find_cut_outs
from kinemacolor.training.data import TrainingData, check_file, read_data
from kinemacolor.training.errors import RecipeError, TrainingError, TrainingFailed
from kinemacolor.training.finished import LABELS, START_FILE
from kinemacolor.training.labelled import label_pictures
from kinemacolor.training.loop import TrainingLoop
from kinemacolor.training.parts import Part, Resources, later_parts
from kinemacolor.training.photos import Picture
from kinemacolor.training.recipe import PartPlan, Plan, StartSource, Watch
from kinemacolor.training.run_lock import alone_in
from kinemacolor.training.sheets import draw_sheet
from kinemacolor.training.start import PARTS, Start, read_start
from kinemacolor.training.trainer import Trainer
from kinemacolor.training.voc_segmenter import SEGMENTER_FILE, VocSegmenter
from kinemacolor.training.watch import Watcher

__all__ = ["train"]

_log = logging.getLogger(__name__)

_MAY_CHANGE = ("minutes", "steps")
_PLAN_FILE = "plan.json"
_PARENT_SECONDS = 0.2


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
    values = asdict(plan)
    _check_folder(values, out, resume)
    with alone_in(out):
        _train(plan, data, out, resume=resume, device=device, limit=limit)


def _train(plan: Plan, data: Path, out: Path, *, resume: bool, device: str, limit: int | None) -> None:
    start = _take_start(plan.start, data, out)
    loaded = read_data(plan, data, limit)
    counts = len(loaded.small), len(loaded.large), len(loaded.clips), len(loaded.held_out)
    _log.info("%s: %d small and %d large photos, %d clips, %d held out for the sample sheets", plan.name, *counts)
    if start is not None:
        _log.info("the run begins with weights; it keeps them as %s", out / START_FILE)
    elif loaded.trunk is None:
        _log.info("the recipe names no encoder: the trunk starts from noise")
    if _has_cut_outs(plan):
        loaded = replace(loaded, cut_outs=_cut_out_things(loaded, data, out))
    _train_frame(plan, loaded, start, out, device)
    for part in later_parts(plan, Resources(out, loaded, start, device)):
        _train_part(part, resume, device)
    _log.info("done; kinemacolor train --export %s makes weights of it", out)


def _has_cut_outs(plan: Plan) -> bool:
    shares = [part.numbers.motion.cut_outs for part in (plan.memory, plan.recall) if part is not None]
    shares += [part.numbers.examples.things for part in (plan.spread,) if part is not None]
    return any(share > 0.0 for share in shares)


def _cut_out_things(loaded: TrainingData, data: Path, out: Path) -> list[CutOut]:
    """Of the sharper photos, by a segmenter's labels, which the run keeps."""
    photos = loaded.large or loaded.small
    labelled = label_pictures(photos, out / LABELS, lambda: VocSegmenter(data / SEGMENTER_FILE))
    found = find_cut_outs(labelled)
    _log.info("%d things that the segmenter knows, in %d photos", len(found), len(photos))
    if not found:
        raise RecipeError("the recipe has things that a segmenter knows: expected photos with some, found none")
    return found


def _take_start(source: StartSource | None, data: Path, out: Path) -> Start | None:
    """Read the weights to begin with, and keep them in the run's folder: its export may need parts of them."""
    if source is None:
        return None
    kept = out / START_FILE
    path = kept if kept.exists() else data / source.file
    check_file(path, source.sha256)
    start = read_start(path)
    if not kept.exists():
        out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, kept)
    return start


def _train_frame(plan: Plan, data: TrainingData, start: Start | None, out: Path, device: str) -> None:
    workers, resumed = _workers(plan.watch, device), (out / "run.pt").exists()
    frames = data.frames

    def make(rank: int) -> TrainingLoop:
        photos = (data.small, data.large)
        # A run that is gone on with has its weights in its checkpoint.
        begun = start.frame if start is not None and not resumed else None
        return Trainer(
            out, plan.numbers, photos, data.trunk, frames=frames, start=begun, rank=rank, workers=workers, device=device
        )

    def draw(trainer: TrainingLoop) -> Picture:
        return draw_sheet(cast(Trainer, trainer).net, data.held_out, plan.numbers.film)

    _write_plan(asdict(plan), out)
    _run(out, plan.watch, workers, make, draw if data.held_out else None)


def _train_part(part: Part[PartPlan], resume: bool, device: str) -> None:
    values, workers = part.values(), _workers(part.plan.watch, device)
    _check_folder(values, part.out, resume)
    _write_plan(values, part.out)
    _run(part.out, part.plan.watch, workers, lambda rank: part.trainer(rank, workers), None)


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
    """Only the budget and the way of watching may change; later parts have folders and checks of their own."""
    free = ("name", "watch", "numbers", *PARTS)
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
