"""The finished parts of an output that is not whole yet, in a hidden folder beside it: `.NAME.parts`.

    manifest.jsonl     see `manifest.py`
    000000.segment     a closed segment of a film (pictures of a sequence stand under their own names already)
    lock               held by the render that works here; a file, because NFS locks no folders

A part is durable first, then its name, then its line in the manifest; so a line never tells of what is not there. The
folder is locked while a render works on it, kept if a render ends early with something to keep, and removed with the
last step of a whole one.
"""

import contextlib
import errno
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from kinemacolor.media.errors import OutputError
from kinemacolor.media.frame_numbers import parse_pattern
from kinemacolor.media.output_file import DiskFullPolicy, OutputFile, sync_folder, write_all
from kinemacolor.media.quality import LumaSum
from kinemacolor.media.segment_file import hash_file
from kinemacolor.media.types import OutputPlan, Part
from kinemacolor.media.writer import part_path, segment_name
from kinemacolor.render.errors import UsageError
from kinemacolor.render.manifest import Begin, End, Line, MadeOf, Record, differences, encode_line, read_lines
from kinemacolor.render.partial import partial_path
from kinemacolor.render.runs import IndexRuns, Run

_MANIFEST = "manifest.jsonl"
_LOCK = "lock"
_NO_LOCKS = frozenset((errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS))
"""File systems without locks: there nobody but the user prevents two renders of one output at the same time."""


def parts_folder(output: Path) -> Path:
    """Where the parts of an output are kept while it is not whole."""
    return output.with_name(f".{output.name[:200]}.parts")


def parts_made_of(output: Path) -> MadeOf | None:
    """What the parts of an earlier run are made of; None if there are none."""
    try:
        with (parts_folder(output) / _MANIFEST).open("rb") as lines:
            begin = next(read_lines(lines), None)
    except OSError:
        return None
    return begin.made_of if isinstance(begin, Begin) else None


class Totals:
    """What all finished parts count together."""

    def __init__(self) -> None:
        self.frames = 0
        self.shots = 0
        self.limited_samples = 0
        self.bytes = 0
        self.luma = LumaSum()

    def add(self, record: Record) -> None:
        """Count a part."""
        self.frames += record.part.frames
        self.shots += record.shots
        self.limited_samples += record.limited_samples
        self.bytes += record.part.bytes
        self.luma += record.luma


class Parts:
    """The parts of one output. A context manager that holds the folder's lock.

    Args:
        plan: Of the output.
        first_number: Of its first frame.
        frames_total: Of the whole output, where that is certain.
        made_of: See `identity.made_of`.
        resume: True: go on with what is there. False: refuse to throw away an earlier run's parts, unless the plan
            overwrites.
        is_kept: False: this output cannot be resumed, so nothing is left behind.
        policy: What to do when the disk is full.
    """

    def __init__(
        self,
        plan: OutputPlan,
        *,
        first_number: int,
        frames_total: int | None,
        made_of: MadeOf,
        resume: bool,
        is_kept: bool,
        policy: DiskFullPolicy,
    ) -> None:
        self._plan = plan
        self._first_number = first_number
        self._frames_total = frames_total
        self._made_of = made_of
        self._resume = resume
        self._is_kept = is_kept
        self._policy = policy
        self.folder = parts_folder(plan.path)
        self.totals = Totals()
        self.end: End | None = None
        """Known once the last frame has come."""
        self.replaceable: frozenset[str] = frozenset()
        """Names of pictures of an earlier run that may be replaced, for they are not what was written."""
        self._begin: Begin | None = None
        self._runs = IndexRuns()
        self._edges: dict[int, Part] = {}
        """Parts that are followed by none: where a run goes on."""
        self._lock = -1
        self._manifest = -1
        self._size = 0
        self._is_finished = False

    def __enter__(self) -> Self:
        self._take_lock()
        try:
            self._remove_stale()
            if self._resume:
                self._read()
            else:
                self._refuse_to_forget()
                self._empty()
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.are_kept:
            self._empty()
            with contextlib.suppress(OSError):
                (self.folder / _LOCK).unlink(missing_ok=True)
                self.folder.rmdir()
        self._release()

    @property
    def are_kept(self) -> bool:
        """Whether there is something to go on with if the render ends now."""
        return self._is_kept and not self._is_finished and self.totals.frames > 0

    @property
    def begin(self) -> Begin | None:
        """What an earlier run's parts are made of, or this one's; None before either has a part to note."""
        return self._begin

    @property
    def part_frames(self) -> int:
        """Frames of a part, the last excepted."""
        return self._plan.segment_frames

    def missing(self) -> list[Run]:
        """The parts that are not there."""
        total = self._frames_total
        return self._runs.missing(None if total is None else -(-total // self.part_frames))

    def before(self, index: int) -> Part | None:
        """The finished part before a missing one; None before the first."""
        return self._edges[index - 1] if index else None

    def segments(self) -> list[Path]:
        """The files of a film of which nothing is missing, in order."""
        count = 0 if self.end is None else -(-self.end.frames // self.part_frames)
        return [self.folder / segment_name(index) for index in range(count)]

    @property
    def last(self) -> Part:
        """The last part of those that are there; one must be."""
        return self._edges[max(self._edges)]

    def start(self, colour: MadeOf) -> None:
        """Say what the parts are coloured by, before the first is added.

        Raises:
            UsageError: By something else than those that are there.
            OutputError: The manifest cannot be written.
        """
        if self._begin is None:
            self._begin = Begin(made_of={**self._made_of, **colour})
            self._write_manifest(iter([self._begin]))
        else:
            self._check_same(self._begin, colour)
        if self._manifest < 0:
            self._open_manifest()

    def add(self, record: Record) -> None:
        """Take note of a part that is durable.

        Raises:
            OutputError: The manifest cannot be written.
        """
        self._append(record)
        self._note(record)

    def close(self, end: End) -> None:
        """Take note of where the output ends.

        Raises:
            OutputError: The manifest cannot be written.
        """
        if self.end is None:
            self._append(end)
            self.end = end
            self._frames_total = end.frames

    def finish(self) -> None:
        """The output is whole; the parts go away with this object."""
        self._is_finished = True

    # ---- the folder ----

    def _take_lock(self) -> None:
        try:
            while not self._try_lock():
                self._release()
        except BlockingIOError as error:
            self._release()
            raise OutputError(f"{self._plan.path}: another render is writing it") from error
        except OSError as error:
            self._release()
            raise OutputError(f"{self._plan.path}: cannot be created: {error.strerror}") from error

    def _try_lock(self) -> bool:
        """False if the render that held the lock has just ended and taken the file away."""
        self.folder.mkdir(exist_ok=True)
        path = self.folder / _LOCK
        try:
            self._lock = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        try:
            return os.path.samestat(os.fstat(self._lock), path.stat())
        except FileNotFoundError:
            return False

    def _release(self) -> None:
        for handle in (self._manifest, self._lock):
            if handle >= 0:
                os.close(handle)
        self._manifest = self._lock = -1

    def _empty(self) -> None:
        """Remove what is ours; anything else in the folder stays, and the folder with it."""
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if path.name == _MANIFEST or path.suffix in (".segment", ".part"):
                path.unlink(missing_ok=True)

    def _remove_stale(self) -> None:
        """Unfinished files of a run that was killed. The lock says that nobody is writing them."""
        ours = _unfinished_names(self._plan)
        beside = [path for path in self._plan.path.parent.iterdir() if ours.fullmatch(path.name)]
        for path in (*beside, *self.folder.glob(".*.part")):
            with contextlib.suppress(OSError):
                path.unlink()

    # ---- an earlier run ----

    def _refuse_to_forget(self) -> None:
        if self._plan.overwrite:
            return
        frames = sum(line.part.frames for line in self._lines() if isinstance(line, Record))
        if frames:
            raise OutputError(
                f"{self._plan.path}: {frames} frames of an unfinished render are in {self.folder}; "
                "--resume goes on with them, -y begins anew"
            )

    def _read(self) -> None:
        """Find out what is there and good, and write the manifest anew without the rest."""
        begin = next(self._lines(), None)
        if not isinstance(begin, Begin):
            self._empty()
            return
        self._check_same(begin, self._made_of)
        self._begin = begin
        self._write_manifest(self._good_lines())
        self._open_manifest()

    def _check_same(self, begin: Begin, now: MadeOf) -> None:
        difference = differences(begin.made_of, now)
        if difference is not None:
            raise UsageError(
                f"{self._plan.path}: cannot be resumed: {difference}; without --resume and with -y it begins anew"
            )

    def _good_lines(self) -> Iterator[Line]:
        bad: set[str] = set()
        # Where the output ends decides how long its last part is.
        end = next((line for line in self._lines() if isinstance(line, End)), None)
        self._frames_total = self._frames_total if end is None else end.frames
        for line in self._lines():
            if isinstance(line, Record):
                if not self._is_good(line.part):
                    bad.add(line.part.name)
                    continue
                if line.part.index in self._runs:
                    continue
                self._note(line)
            elif isinstance(line, End):
                if self.end is not None:
                    continue
                self.end = line
            yield line
        self.replaceable = frozenset(bad)

    def _is_good(self, part: Part) -> bool:
        if part.index < 0 or part.first != part.index * self.part_frames or part.frames != self._frames_of(part.index):
            return False
        path = part_path(self._plan, self.folder, part.index, self._first_number)
        try:
            return part.name == path.name and part.bytes == path.stat().st_size and part.sha256 == hash_file(path)
        except OSError:
            return False

    def _frames_of(self, index: int) -> int:
        """A part may be shorter than the others only where the end is known."""
        if self._frames_total is None:
            return self.part_frames
        return min(self.part_frames, self._frames_total - index * self.part_frames)

    def _note(self, record: Record) -> None:
        index = record.part.index
        self._runs.add(index)
        self.totals.add(record)
        if index + 1 not in self._runs:
            self._edges[index] = record.part
        if index - 1 in self._edges:
            del self._edges[index - 1]

    # ---- the manifest ----

    def _lines(self) -> Iterator[Line]:
        try:
            with (self.folder / _MANIFEST).open("rb") as file:
                yield from read_lines(file)
        except FileNotFoundError:
            return
        except OSError as error:
            raise OutputError(f"{self.folder / _MANIFEST}: {error.strerror}") from error

    def _write_manifest(self, lines: Iterator[Line]) -> None:
        file = OutputFile(self.folder / _MANIFEST, overwrite=True, policy=self._policy)
        try:
            for line in lines:
                file.append(encode_line(line, self._identity()))
            file.commit()
        finally:
            file.discard()

    def _open_manifest(self) -> None:
        try:
            self._manifest = os.open(self.folder / _MANIFEST, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
            self._size = os.fstat(self._manifest).st_size
            sync_folder(self.folder.parent)
        except OSError as error:
            raise OutputError(f"{self.folder / _MANIFEST}: {error.strerror}") from error

    def _append(self, line: Line) -> None:
        data = encode_line(line, self._identity())
        path = self.folder / _MANIFEST
        write_all(self._manifest, data, self._size, self._policy, path)
        try:
            os.fsync(self._manifest)
        except OSError as error:
            raise OutputError(f"{path}: cannot be completed: {error.strerror}") from error
        self._size += len(data)

    def _identity(self) -> str:
        if self._begin is None:
            raise ValueError("the parts have not been started")
        return self._begin.identity


def _unfinished_names(plan: OutputPlan) -> re.Pattern[str]:
    """Names of files that become the output, or a picture of it, when they are complete."""
    pattern = parse_pattern(plan.path) if plan.container == "sequence" else None
    if pattern is None:
        finished = "|".join(re.escape(path.name[:200]) for path in (plan.path, partial_path(plan.path)))
    else:
        finished = re.escape(pattern.prefix) + "[0-9]+" + re.escape(pattern.suffix)
    return re.compile(rf"\.({finished})\.[0-9a-f]{{8}}\.part")


def kept_note(parts: Parts) -> str | None:
    """What a person should know about a render that ended early; None if nothing was kept."""
    if not parts.are_kept:
        return None
    return f"{parts.totals.frames} frames are kept in {parts.folder}; the same command with --resume goes on"
