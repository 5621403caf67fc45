"""Snapshots of all clips: written by a thread of their own, looked up at once, read back on demand.

What is in the index is durable, and only that: a snapshot enters it after its file and its name have reached the disk,
and leaves it before its file goes. One that is still on its way can be gone on from, but is not promised to anybody.
Nothing of this ever fails a frame. A disk that is full or gone is said once in the
log; rendering goes on, `durable_through` stands still, and the next snapshot tries again.

Room. A clip has a share of the bytes (`snapshot_index.thinned` says what it keeps). If all together are too many, whole
clips go, those unused for longest first, but none that a stream is attached to or was within `keep_seconds`: its client
may have dropped the frames. If that makes no room, the new snapshot is not written.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self, cast

from kinemacolor.models.api import ModelState
from kinemacolor.server.dependency import ClipDependencies
from kinemacolor.server.events import Restored, SaveSnapshot
from kinemacolor.server.metrics import ServerMetrics
from kinemacolor.server.saved_state import SavedState
from kinemacolor.server.snapshot_file import (
    MAX_FILE_BYTES,
    SnapshotContent,
    SnapshotHeader,
    SnapshotRefusedError,
    decode,
    encode,
)
from kinemacolor.server.snapshot_index import (
    Change,
    ClipUse,
    Snapshots,
    Stored,
    added,
    clips_to_drop,
    latest,
    seen,
    thinned,
)
from kinemacolor.server.state_folder import DEPENDENCY_CHARS, StateFolder, clip_name, disk_bytes, name_prefix
from kinemacolor.wire.frame import ClipKey, FrameNumber

_log = logging.getLogger(__name__)

_MAX_PENDING_STATES = 2
"""Snapshots of one clip that wait for the disk and hold a state; of more the oldest is not written."""
_MAX_PENDING_STARTS = 256
"""The same for shot starts, which hold nothing and which a later snapshot cannot replace."""
_FLUSH_SECONDS = 5.0
"""How long a server that stops waits for its disk."""
_KNOWN_SHOTS = 1024


class SnapshotClip:
    """A clip with its settings, as snapshots know it.

    Args:
        key: the client's name for it.
        dependencies: what its colours depend on.
    """

    def __init__(self, key: ClipKey, dependencies: ClipDependencies) -> None:
        self.key = key
        self.dependencies = dependencies
        self.name = clip_name(key, dependencies)
        self.dependency_of = lru_cache(_KNOWN_SHOTS)(self._dependency_of)

    def _dependency_of(self, shot_start: FrameNumber) -> str:
        return self.dependencies.shot_hash(shot_start)[:DEPENDENCY_CHARS]

    def header(self, next_frame: FrameNumber, shot_start: FrameNumber) -> SnapshotHeader:
        """What the header of a snapshot must say."""
        known = self.dependencies
        return SnapshotHeader(
            clip_key=self.key,
            next_frame=next_frame,
            shot_start=shot_start,
            model=known.model,
            weights_sha256=known.weights_sha256,
            dependency=known.shot_hash(shot_start),
            device_class=known.device_class,
            width_px=known.geometry.width_px,
            height_px=known.geometry.height_px,
            transfer=known.transfer,
        )


@dataclass(slots=True, eq=False)
class _Files:
    """The snapshots of one clip; under the store's lock."""

    last_used: float
    snapshots: Snapshots = ()
    streams: int = 0
    dropped: bool = False
    """The clip was forgotten; a snapshot that is still under way must not come back."""

    @property
    def nbytes(self) -> int:
        return sum(stored.nbytes for stored in self.snapshots)


@dataclass(frozen=True, slots=True)
class _Save:
    clip: SnapshotClip
    files: _Files
    instruction: SaveSnapshot

    @property
    def has_state(self) -> bool:
        """False at a shot start."""
        return self.instruction.state is not None


@dataclass(frozen=True, slots=True)
class Found:
    """A snapshot that was read back."""

    restored: Restored
    _files: _Files

    @property
    def is_current(self) -> bool:
        """False if the clip has been forgotten since."""
        return not self._files.dropped


class SnapshotStore:
    """The snapshots of one server; a context manager, safe to use from several threads.

    Args:
        folder: where they are kept.
        limit_bytes: for all of them.
        share_bytes: for those of one clip.
        keep_seconds: how long a clip without a stream is protected.
        clock: seconds on a clock that never jumps.
        metrics: what is counted.
    """

    def __init__(
        self,
        folder: StateFolder,
        *,
        limit_bytes: int,
        share_bytes: int,
        keep_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        metrics: ServerMetrics | None = None,
    ) -> None:
        self._folder = folder
        self._metrics = metrics or ServerMetrics()
        self._limit, self._share, self._keep_seconds = limit_bytes, share_bytes, keep_seconds
        self._clock = clock
        self._lock = threading.Condition()
        self._clips: dict[str, _Files] = self._scan()
        self._queue: deque[_Save] = deque()
        self._writing: _Save | None = None
        self._stopping = False
        self._trouble = ""
        self._writer = threading.Thread(target=self._run, name="snapshot-writer", daemon=True)
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="snapshot-reader")

    def __enter__(self) -> Self:
        self._writer.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.flush(_FLUSH_SECONDS)
        with self._lock:
            self._stopping = True
            self._lock.notify_all()
        self._reader.shutdown(cancel_futures=True)

    def flush(self, timeout_seconds: float) -> bool:
        """Wait until all that was saved is on the disk or has failed; False if that takes too long."""
        with self._lock:
            return self._lock.wait_for(lambda: not self._queue and self._writing is None, timeout_seconds)

    # ---- what a clip asks for ----

    def attach(self, clip: SnapshotClip) -> None:
        """A stream relies on this clip's snapshots from now on."""
        with self._lock:
            self._files(clip).streams += 1

    def detach(self, clip: SnapshotClip) -> None:
        """The stream is gone; it may come back."""
        with self._lock:
            if clip.name in self._clips:  # else it has ended
                files = self._files(clip)
                files.streams = max(files.streams - 1, 0)

    def save(self, clip: SnapshotClip, instruction: SaveSnapshot) -> None:
        """Write a snapshot when the disk has time for it; never blocks."""
        with self._lock:
            new = _Save(clip, self._files(clip), instruction)
            alike = [save for save in self._queue if save.files is new.files and save.has_state == new.has_state]
            if len(alike) >= (_MAX_PENDING_STATES if new.has_state else _MAX_PENDING_STARTS):
                self._queue.remove(alike[0])
            self._queue.append(new)
            self._lock.notify_all()

    def durable_through(self, clip: SnapshotClip, number: FrameNumber) -> FrameNumber | None:
        """The last frame before `number` after which a snapshot is durable."""
        with self._lock:
            stored = latest(self._files(clip).snapshots, FrameNumber(1), number, clip.dependency_of)
        return None if stored is None else FrameNumber(stored.next_frame - 1)

    def note(self, clip: SnapshotClip, number: FrameNumber, shot_start: FrameNumber) -> None:
        """Frame `number` has turned out to belong to the shot that starts at `shot_start`."""
        with self._lock:
            files = self._files(clip)
            self._apply(clip.name, files, seen(files.snapshots, number, shot_start))

    def find(self, clip: SnapshotClip, lowest: FrameNumber, highest: FrameNumber) -> "Future[Found | None]":
        """The last good snapshot to go on from at a frame from `lowest` to `highest`; its state is a `SavedState`."""
        return self._reader.submit(self._find, clip, lowest, highest)

    def drop(self, key: ClipKey) -> None:
        """Forget a clip, whatever its settings, also what is still to be written of it."""
        prefix = name_prefix(key)
        with self._lock:
            for name in [name for name in self._clips if name.startswith(prefix)]:
                self._forget(name)

    # ---- the index, under the lock ----

    def _scan(self) -> dict[str, _Files]:
        """What earlier servers have left, the clip that was used last at the end."""
        found = [(name, self._folder.files(name)) for name in self._folder.clip_names()]
        found.sort(key=lambda item: max((file.modified for file in item[1]), default=0.0))
        clips: dict[str, _Files] = {}
        for name, files in found:
            clips[name] = _Files(self._clock())
            for file in files:
                self._apply(name, clips[name], added(clips[name].snapshots, file.stored))
        return clips

    def _files(self, clip: SnapshotClip) -> _Files:
        files = self._clips.setdefault(clip.name, _Files(self._clock()))
        files.last_used = self._clock()
        return files

    def _apply(self, name: str, files: _Files, change: Change) -> None:
        files.snapshots = change.kept
        for stored in change.dropped:
            self._folder.remove(name, stored)

    def _forget(self, name: str) -> None:
        files = self._clips.pop(name)
        files.dropped = True
        files.snapshots = ()
        self._queue = deque(save for save in self._queue if save.files is not files)
        self._folder.remove_clip(name)

    def _is_protected(self, files: _Files) -> bool:
        return files.streams > 0 or self._clock() - files.last_used <= self._keep_seconds

    def _make_room(self, save: _Save, nbytes: int) -> bool:
        instruction = save.instruction
        change = thinned(
            save.files.snapshots,
            needed=instruction.needed,
            expected=instruction.expected,
            budget=self._share - nbytes,
            dependency_of=save.clip.dependency_of,
        )
        self._apply(save.clip.name, save.files, change)
        uses = [
            ClipUse(name, files.nbytes, files.last_used, self._is_protected(files) or files is save.files)
            for name, files in self._clips.items()
        ]
        excess = sum(use.nbytes for use in uses) + nbytes - self._limit
        dropped = clips_to_drop(uses, excess)
        empty = [use.name for use in uses if not use.nbytes and not use.protected]
        for name in {*dropped, *empty}:
            self._forget(name)
        return excess <= sum(use.nbytes for use in uses if use.name in dropped)

    # ---- the writer ----

    def _run(self) -> None:
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._stopping or self._queue)
                if self._stopping:
                    return
                save = self._writing = self._queue.popleft()
            try:
                self._write(save)
            except Exception as error:  # noqa: BLE001 - a snapshot may fail, the thread may not
                self._metrics.snapshot_failed()
                _log.error("snapshot failed", exc_info=error, extra={"clip": save.clip.key})
            finally:
                with self._lock:
                    self._writing = None
                    self._lock.notify_all()

    def _write(self, save: _Save) -> None:
        started, instruction, clip = time.perf_counter(), save.instruction, save.clip
        if self._has(save):
            return
        data = encode(clip.header(instruction.next_frame, instruction.shot_start), _content(instruction))
        if len(data) > MAX_FILE_BYTES:
            # It would be refused when it is needed, so it must not be promised.
            self._complain(f"a state takes more than {MAX_FILE_BYTES >> 20} MiB")
            return
        stored = Stored(
            instruction.next_frame,
            instruction.shot_start,
            clip.dependency_of(instruction.shot_start),
            disk_bytes(len(data)),
        )
        with self._lock:
            if save.files.dropped:
                return
            if not self._make_room(save, stored.nbytes):
                self._complain("their bound is reached, and what is there may still be needed")
                return
            if save.files.snapshots and not self._folder.has_clip(clip.name):
                save.files.snapshots = ()  # somebody has removed them
        try:
            if self._publish(save, self._folder.stage(clip.name, stored, data)):
                self._folder.sync_clip(clip.name)
                self._enter(save, stored)
                self._metrics.snapshot_written(time.perf_counter() - started)
        except OSError as error:
            if not save.files.dropped:  # else its folder went while it was written
                self._complain(error.strerror or str(error))

    def _publish(self, save: _Save, staged: Path) -> bool:
        """Under the lock: a clip that was forgotten meanwhile must not come back, not even after a crash just now."""
        with self._lock:
            if save.files.dropped:
                self._folder.discard(staged)
                return False
            self._folder.publish(staged)
            return True

    def _has(self, save: _Save) -> bool:
        """A replay comes past the snapshots of the first pass."""
        wanted = (save.instruction.next_frame, save.instruction.shot_start)
        dependency = save.clip.dependency_of(save.instruction.shot_start)
        with self._lock:
            there = {(old.next_frame, old.shot_start, old.dependency) for old in save.files.snapshots}
        return (*wanted, dependency) in there and self._folder.has_clip(save.clip.name)

    def _enter(self, save: _Save, stored: Stored) -> None:
        with self._lock:
            if self._trouble:
                _log.info("snapshots are written again")
                self._trouble = ""
            if not save.files.dropped:
                self._apply(save.clip.name, save.files, added(save.files.snapshots, stored))

    def _complain(self, why: str) -> None:
        self._metrics.snapshot_failed()
        with self._lock:
            if why == self._trouble:
                return
            self._trouble = why
        _log.warning("snapshots cannot be written; rendering goes on without new ones", extra={"why": why})

    # ---- the reader ----

    def _find(self, clip: SnapshotClip, lowest: FrameNumber, highest: FrameNumber) -> Found | None:
        while True:
            with self._lock:
                files = self._files(clip)
                stored = latest(files.snapshots, lowest, highest, clip.dependency_of)
                under_way = self._under_way(clip, lowest if stored is None else stored.next_frame, highest)
            if under_way is not None:
                return Found(under_way, files)
            if stored is None:
                return None
            try:
                return Found(self._load(clip, stored), files)
            except (SnapshotRefusedError, OSError) as error:
                self._refuse(clip, files, stored, error)

    def _under_way(self, clip: SnapshotClip, lowest: FrameNumber, highest: FrameNumber) -> Restored | None:
        """Under the lock: the last snapshot that has not reached the disk; a clip may come back sooner than that."""
        files = self._files(clip)
        saves = self._queue if self._writing is None else (self._writing, *self._queue)
        fitting = [
            save.instruction
            for save in saves
            if save.files is files and lowest <= save.instruction.next_frame <= highest and _is_of(clip, save)
        ]
        if not fitting:
            return None
        last = max(fitting, key=lambda instruction: (instruction.next_frame, instruction.shot_start))
        return Restored(last.next_frame, last.shot_start, last.state, last.luma)

    def _load(self, clip: SnapshotClip, stored: Stored) -> Restored:
        data = self._folder.read(clip.name, stored)
        if len(data) > MAX_FILE_BYTES:
            raise SnapshotRefusedError(f"it is larger than {MAX_FILE_BYTES} bytes")
        content = decode(data, clip.header(stored.next_frame, stored.shot_start))
        if stored.is_empty:
            return Restored(stored.next_frame, stored.shot_start)
        return Restored(stored.next_frame, stored.shot_start, SavedState(content.tensors), content.luma)

    def _refuse(self, clip: SnapshotClip, files: _Files, stored: Stored, error: Exception) -> None:
        """Said once: the file goes, and its frames are computed again."""
        with self._lock:
            if stored not in files.snapshots:
                return  # it was dropped while it was read
            self._apply(clip.name, files, Change(tuple(old for old in files.snapshots if old != stored), (stored,)))
        extra = {"clip": clip.key, "frame": stored.next_frame, "why": str(error)}
        _log.warning("snapshot refused, its frames will be computed again", extra=extra)


def _is_of(clip: SnapshotClip, save: _Save) -> bool:
    """True if the shot depended then on what it depends on now."""
    shot_start = save.instruction.shot_start
    return save.clip.dependency_of(shot_start) == clip.dependency_of(shot_start)


def _content(instruction: SaveSnapshot) -> SnapshotContent:
    state = instruction.state
    if state is None:
        return SnapshotContent({}, b"")
    tensors = cast(ModelState, state).tensors()
    return SnapshotContent({name: tensor.cpu() for name, tensor in tensors.items()}, instruction.luma)
