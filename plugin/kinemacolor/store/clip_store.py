"""The store as one render or one effect uses it: one clip, from several threads, and never a reason to fail.

A file that is damaged or of another version is moved aside and begun anew; a row that is damaged is dropped; a full
disk ends the writing, an unreadable one the reading too. Each is said once, in one line, and what the store cannot
give is coloured again.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

from kinemacolor.store.clip_file import BadRowError, ClipFile, NewColour, ServerIdentity, StoredColour
from kinemacolor.store.dependency import ColourSettings, Dependency, DependencyHash, GuidedShot, SettingsHash
from kinemacolor.store.errors import RefusedFileError, StoreError, UnusableStoreError
from kinemacolor.store.folder import OpenClip, StoreFolder
from kinemacolor.store.lookup import ClipIndex, Query, Rule, locate
from kinemacolor.store.prints import Prints
from kinemacolor.store.thumb import Thumb, are_alike

__all__ = ["ClipStore", "Found"]

_BATCH_FRAMES = 24
"""Stored together: a second of film is lost by a kill, and a second process never waits long for the lock."""

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Found:
    """The colour of a picture."""

    colour: StoredColour
    number: int
    """Of the frame in the clip."""
    rule: Rule
    provisional: bool
    """True: perhaps another frame's colour; to be marked, and never stored or written to a film."""


class ClipStore:
    """One clip of a store; a context manager, safe to use from several threads.

    Args:
        folder: Of the store.
        key: Of the clip: 32 hexadecimal digits, the same for the same footage.
        label: What a person calls it.
        say: Takes what is to be said, each thing once.
    """

    def __init__(self, folder: StoreFolder, key: str, label: str, say: Callable[[str], None]) -> None:
        self._folder, self._key, self._label, self._say = folder, key, label, say
        self._lock = threading.RLock()
        self._clip: OpenClip | None = None
        self._is_writing = True
        self._has_replaced = False
        self._batch: list[NewColour] = []
        self._used: set[DependencyHash] = set()
        self._unmarked: set[DependencyHash] = set()
        """Used since the last write."""
        self._others = 0
        self._index: tuple[tuple[int, int, int], ClipIndex] | None = None
        self.damaged = 0
        """Frames whose colour was there and not what had been written."""
        self.provisional = 0
        """Answers of `find` that were not final."""

    def __enter__(self) -> Self:
        try:
            try:
                self._clip = self._folder.open_clip(self._key, self._label)
            except RefusedFileError as error:
                self._replace(error)
            self._others = self._folder.make_room(self._key, 0)
        except StoreError as error:
            self._give_up(error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what waits, and close the file."""
        with self._lock:
            self._write()
            if self._clip is not None:
                self._clip.close()
                self._clip = None

    # ---- colours ----

    def exact(self, dependency: Dependency, number: int, prints: Prints) -> StoredColour | None:
        """The colour of exactly this frame, or None: the only answer that may go into a film."""
        found = self._read(lambda file: file.colour(dependency, number, prints), None, number)
        if found is not None:
            self._note_used(dependency)
        return found

    def find(
        self,
        settings: ColourSettings,
        query: Query,
        start_of: Callable[[int], int] | None = None,
        guided: Sequence[GuidedShot] = (),
    ) -> Found | None:
        """The colour of a picture whose place in the clip is not certain, by the rules of `lookup`.

        Args:
            settings: With which it was coloured.
            query: The picture.
            start_of: The first frame of a frame's shot, where the user says it; None: cuts were detected.
            guided: The shots that have guides: theirs are the colours that were made with these guides.
        """
        index = self._index_for(settings, query)
        located = locate(index, query, lambda numbers: self._thumbs(settings, numbers))
        luma = index.luma_at(located.number) if located is not None else None
        if located is None or luma is None:
            return None
        nothing: list[StoredColour] = []
        start = start_of(located.number) if start_of is not None else None
        name = settings.hash
        shot = next((shot for shot in guided if shot.has(located.number)), None)
        if shot is not None:
            name, start = settings.with_guides(shot.guides), shot.first
        colours = self._read(lambda file: file.colours_of(name, located.number, luma, start), nothing, located.number)
        if not colours:
            return None
        # Under two lists of shots a frame has two colours; without knowing which list is meant, neither is final.
        provisional = not located.rule.is_final or len({colour.ab.tobytes() for colour in colours}) > 1
        self.provisional += provisional
        return Found(colours[0], located.number, located.rule, provisional)

    def put(self, colour: NewColour) -> None:
        """Store a final colour, a little later."""
        with self._lock:
            if self._clip is None or not self._is_writing:
                return
            self._batch.append(colour)
            self._note_used(colour.dependency)
            if len(self._batch) >= _BATCH_FRAMES:
                self._write()

    def covers(self, settings: ColourSettings, first: int, last: int | None, guided: Sequence[GuidedShot] = ()) -> bool:
        """Whether every one of these frames seems to be there.

        Args:
            settings: With which they were coloured.
            first: The first frame.
            last: The last one; None: to the clip's end, if that is known.
            guided: The shots that have guides, in order.
        """

        def look(file: ClipFile) -> bool:
            extent = file.extent(settings.width_px, settings.height_px) if last is None else (first, last)
            if extent is None:
                return False
            pieces = _pieces(settings, first, extent[1], guided)
            return all(file.frames_of(name, start, end) == end - start + 1 for name, start, end in pieces)

        return self._read(look, False)

    def note_extent(self, settings: ColourSettings, first: int, last: int) -> None:
        """Say which frame is the clip's first and which its last."""
        self._change(lambda file: file.set_extent(settings.width_px, settings.height_px, first, last))

    # ---- servers ----

    def server(self, server_print: bytes) -> ServerIdentity | None:
        """What a server said about itself when it last coloured this clip."""
        return self._read(lambda file: file.server(server_print), None)

    def remember_server(self, server_print: bytes, identity: ServerIdentity | None) -> None:
        """Keep it for the next time, or forget it."""
        self._change(lambda file: file.remember_server(server_print, identity))

    # ---- what can go wrong ----

    def _read(self, ask: Callable[[ClipFile], _Answer], nothing: _Answer, number: int | None = None) -> _Answer:
        with self._lock:
            if self._clip is None:
                return nothing
            try:
                return ask(self._clip.file)
            except BadRowError as error:
                self._drop(error, number)
            except RefusedFileError as error:
                self._try_replace(error)
            except StoreError as error:
                self._give_up(error)
            return nothing

    def _change(self, change: Callable[[ClipFile], None]) -> None:
        with self._lock:
            if self._clip is None or not self._is_writing:
                return
            self._index = None
            try:
                change(self._clip.file)
            except RefusedFileError as error:
                self._try_replace(error)
            except StoreError as error:
                self._stop_writing(f"{error}; nothing more is stored")

    def _note_used(self, dependency: Dependency) -> None:
        with self._lock:
            if dependency.hash not in self._used:
                self._used.add(dependency.hash)
                self._unmarked.add(dependency.hash)

    def _write(self) -> None:
        batch, self._batch = self._batch, []
        marks, self._unmarked = self._unmarked, set()
        if batch and not self._has_room(sum(len(colour.planes) for colour in batch)):
            batch = []
        if batch or marks:
            self._change(lambda file: file.write(batch, marks, int(time.time())))

    def _has_room(self, wanted: int) -> bool:
        """Make room in other clips, then in this one's shots that nobody used today; False if it is not enough."""
        if self._clip is None or not self._is_writing:
            return False
        limit, file = self._folder.max_bytes, self._clip.file
        try:
            if self._others + file.bytes + wanted > limit:
                file.fold()
                self._others = self._folder.make_room(self._key, file.bytes + wanted)
            while self._others + file.bytes + wanted > limit:
                if not file.drop_oldest(frozenset(self._used)):
                    self._stop_writing(f"{self._folder.path}: is full ({limit} bytes); nothing more is stored")
                    return False
        except RefusedFileError as error:
            self._try_replace(error)
        except StoreError as error:
            self._stop_writing(f"{error}; nothing more is stored")
        return self._is_writing

    def _drop(self, error: BadRowError, number: int | None) -> None:
        self.damaged += 1
        if self.damaged == 1 and self._clip is not None:
            self._say(f"{self._clip.file.path}: {error}; damaged frames are coloured again")
        if number is not None:
            self._change(lambda file: file.drop_frame(number))

    def _try_replace(self, error: RefusedFileError) -> None:
        try:
            self._replace(error)
        except StoreError as further:
            self._give_up(further)

    def _replace(self, error: RefusedFileError) -> None:
        """Begin a new file in place of one that is not what was written."""
        if self._has_replaced:
            raise UnusableStoreError(str(error)) from error
        self._has_replaced = True
        self._release()
        aside = self._folder.move_aside(self._key)
        self._say(f"{error}; moved to {aside.name}, its frames are coloured again")
        self._clip = self._folder.open_clip(self._key, self._label)

    def _stop_writing(self, text: str) -> None:
        if self._is_writing:
            self._is_writing = False
            self._batch.clear()
            self._say(text)

    def _give_up(self, error: StoreError) -> None:
        self._release()
        self._say(f"{error}; the store is not used")

    def _release(self) -> None:
        clip, self._clip = self._clip, None
        self._batch.clear()
        self._index = None
        if clip is not None:
            clip.close()

    def _index_for(self, settings: ColourSettings, query: Query) -> ClipIndex:
        """Of the frame that is expected, if the picture is that one; else of the whole clip, which takes a second."""
        size = (settings.width_px, settings.height_px)
        if query.expected is not None:
            number = query.expected
            picture = self._read(lambda file: file.picture(*size, number), None)
            if picture is not None and (picture.luma == query.luma or self._is_alike(settings, query, number)):
                return ClipIndex([picture], None)
        return self._read(lambda file: self._current_index(file, settings), ClipIndex([], None))

    def _is_alike(self, settings: ColourSettings, query: Query, number: int) -> bool:
        thumb = self._thumbs(settings, [number]).get(number)
        return query.thumb is not None and thumb is not None and are_alike(thumb, query.thumb)

    def _thumbs(self, settings: ColourSettings, numbers: Sequence[int]) -> dict[int, Thumb]:
        none: dict[int, Thumb] = {}
        return self._read(lambda file: file.thumbs(settings.width_px, settings.height_px, numbers), none)

    def _current_index(self, file: ClipFile, settings: ColourSettings) -> ClipIndex:
        size = (settings.width_px, settings.height_px)
        self._write()
        state = (*size, file.version)
        if self._index is None or self._index[0] != state:
            self._index = (state, ClipIndex(file.pictures(*size), file.extent(*size)))
        return self._index[1]


def _pieces(
    settings: ColourSettings, first: int, last: int, guided: Sequence[GuidedShot]
) -> Iterator[tuple[SettingsHash, int, int]]:
    """The frames from `first` to `last`, both included, in pieces that are kept under one name each."""
    for shot in guided:
        start, end = max(first, shot.first), last if shot.last is None else min(last, shot.last)
        if start <= end:
            if first < start:
                yield settings.hash, first, start - 1
            yield settings.with_guides(shot.guides), start, end
            first = end + 1
    if first <= last:
        yield settings.hash, first, last
