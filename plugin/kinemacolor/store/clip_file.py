"""One clip's file: SQLite, in WAL mode, read and written by any number of processes at once. For one thread at a time.

What is read is checked against the hash that was written with it; a row that fails is as good as none. The store is a
cache, so a commit does not wait for the disk (synchronous=NORMAL): a power cut costs the last frames, never the file.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from kinemacolor.store.dependency import Dependency, DependencyHash, SettingsHash, dependency_hash
from kinemacolor.store.errors import RefusedFileError, StoreError, UnusableStoreError
from kinemacolor.store.look import LOOK_BYTES, Look
from kinemacolor.store.lookup import Picture
from kinemacolor.store.packing import unpack
from kinemacolor.store.prints import LumaHash, Prints
from kinemacolor.store.schema import APPLICATION_ID, FORMAT, TABLES, row_sum
from kinemacolor.store.thumb import Thumb
from kinemacolor.wire.text import as_characters

__all__ = ["BadRowError", "ClipFile", "Contents", "NewColour", "ServerIdentity", "StoredColour", "Terms", "parts_of"]

_BUSY_SECONDS = 10.0
"""Longest wait for another process to end its write, which takes milliseconds."""
_PAGE_BYTES = 16_384
"""A frame is a few of these; SQLite's usual 4 KiB make a long chain of it."""
_WAL_PAGES = 256
"""4 MiB, a second of film: what the WAL grows to, beside the file."""
_UNUSABLE = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    )
)
"""What the file is not to blame for. Everything else means that it is not what was written."""


class BadRowError(StoreError):
    """A row is not what was written; the file as such may be good."""


@dataclass(frozen=True, slots=True)
class StoredColour:
    """The colour of one frame."""

    ab: NDArray[np.int16]
    """(2, H, W) as on the wire, read-only."""
    confidence: NDArray[np.uint8] | None
    """(H, W), read-only, or None."""
    planes: bytes
    """Both, as they are stored: equal bytes mean equal colours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewColour:
    """What is stored of a frame."""

    dependency: Dependency
    number: int
    prints: Prints
    look: Look | None
    thumb: Thumb
    planes: bytes
    """See `packing.pack`."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms a model's weights are."""

    licence: str
    sentence: str
    """What that means for who uses them; empty if the licence says it."""


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """What a server said about itself when it opened the clip."""

    model: str
    weights_sha256: str
    device_class: str
    terms: Terms


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds, in numbers."""

    label: str
    frames: int
    shots: int
    settings: int
    """Different models, variants, devices and sizes; a shot with guides has settings of its own."""


class ClipFile:
    """An open file; a context manager.

    Args:
        path: Made if it is not there.
        label: What a person calls the clip, kept in a new file.
        read_only: True: nothing is made or changed.

    Raises:
        RefusedFileError: It is damaged, of another version, or none of ours.
        UnusableStoreError: It cannot be opened now.
    """

    def __init__(self, path: Path, label: str = "", *, read_only: bool = False) -> None:
        self.path = path
        with self._translated():
            self._database = _connect(path, read_only)
        try:
            with self._translated():
                self._open(label, read_only)
        except BaseException:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the last one to do so folds the WAL into it."""
        self._database.close()

    # ---- colours ----

    def colour(self, dependency: Dependency, number: int, prints: Prints) -> StoredColour | None:
        """The colour of exactly this frame; None if it is not there.

        Raises:
            BadRowError: What is there is not what was written.
            StoreError: The file failed.
        """
        query = (
            "SELECT c.luma, c.history, c.planes, c.sum FROM colour c JOIN dependency d ON d.id = c.dependency "
            "WHERE d.hash = ? AND c.number = ?"
        )
        with self._translated():
            row = self._database.execute(query, (dependency.hash, number)).fetchone()
        if row is None:
            return None
        luma, history, planes, found = row
        if found != row_sum(dependency.hash, number, luma, history, planes):
            raise BadRowError(f"frame {number} is damaged")
        if luma != prints.luma or (prints.history is not None and history != prints.history):
            return None
        return _unpacked(planes, number)

    def colours_of(
        self, settings: SettingsHash, number: int, luma: LumaHash, shot_start: int | None = None
    ) -> list[StoredColour]:
        """The colours of a frame, the last used first.

        Args:
            settings: With which it was coloured.
            number: Of the frame.
            luma: Its luma.
            shot_start: Where its shot begins; None: under every list of shots that was rendered.

        Raises:
            StoreError: As `colour`.
        """
        query = (
            "SELECT d.hash, d.shot_start, c.luma, c.history, c.planes, c.sum FROM colour c JOIN dependency d "
            "ON d.id = c.dependency WHERE c.number = ? AND d.settings = ? ORDER BY d.used DESC, d.id DESC"
        )
        with self._translated():
            rows = self._database.execute(query, (number, settings)).fetchall()
        colours = []
        for dependency, start, stored_luma, history, planes, found in rows:
            is_whole = found == row_sum(dependency, number, stored_luma, history, planes)
            if not is_whole or not _is_dependency(dependency, settings, start):
                raise BadRowError(f"frame {number} is damaged")
            if stored_luma == luma and shot_start in (None, start):
                colours.append(_unpacked(planes, number))
        return colours

    def frames_of(self, settings: SettingsHash, first: int, last: int) -> int:
        """How many of these frames have a colour with these settings, by whichever list of shots."""
        query = (
            "SELECT count(DISTINCT c.number) FROM colour c JOIN dependency d ON d.id = c.dependency "
            "WHERE d.settings = ? AND c.number BETWEEN ? AND ?"
        )
        with self._translated():
            (count,) = self._database.execute(query, (settings, first, last)).fetchone()
        return int(count)

    def write(self, colours: Sequence[NewColour], used: Iterable[DependencyHash], now: int) -> None:
        """Store colours, all or none, and note which dependencies were used.

        Raises:
            StoreError: The file failed; nothing of it is stored.
        """
        with self._writing() as database:
            for colour in colours:
                self._put(database, colour, now)
            marks = [(now, dependency) for dependency in used]
            database.executemany("UPDATE dependency SET used = ? WHERE hash = ?", marks)

    def _put(self, database: sqlite3.Connection, colour: NewColour, now: int) -> None:
        dependency, settings = colour.dependency, colour.dependency.settings
        database.execute(
            "INSERT INTO dependency (hash, settings, shot_start, used) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (dependency.hash, dependency.settings_hash, dependency.shot_start, now),
        )
        luma, history = colour.prints.luma, colour.prints.history or b""
        picture = Picture(colour.number, luma, colour.look)
        self._put_picture(database, settings.width_px, settings.height_px, picture, colour.thumb)
        database.execute(
            "INSERT OR REPLACE INTO colour SELECT id, ?, ?, ?, ?, ? FROM dependency WHERE hash = ?",
            (
                colour.number,
                luma,
                history,
                colour.planes,
                row_sum(dependency.hash, colour.number, luma, history, colour.planes),
                dependency.hash,
            ),
        )

    def drop_frame(self, number: int) -> None:
        """Forget every colour of a frame."""
        with self._writing() as database:
            database.execute("DELETE FROM colour WHERE number = ?", (number,))

    # ---- pictures ----

    def put_pictures(self, pictures: Iterable[tuple[int, int, Picture, Thumb]]) -> None:
        """Note pictures, each with its width and height, of which no colour is stored."""
        with self._writing() as database:
            for picture in pictures:
                self._put_picture(database, *picture)

    def _put_picture(
        self, database: sqlite3.Connection, width: int, height: int, picture: Picture, thumb: Thumb
    ) -> None:
        values = (width, height, picture.number, picture.luma, picture.look or b"", thumb)
        database.execute("INSERT OR REPLACE INTO picture VALUES (?, ?, ?, ?, ?, ?, ?)", (*values, row_sum(*values)))

    def thumbs(self, width_px: int, height_px: int, numbers: Sequence[int]) -> dict[int, Thumb]:
        """The thumbs of these frames at a size, of those that are known."""
        query = "SELECT luma, look, thumb, sum FROM picture WHERE width = ? AND height = ? AND number = ?"
        found = {}
        with self._translated():
            for number in numbers:
                key = (width_px, height_px, number)
                row = self._database.execute(query, key).fetchone()
                if row is not None and row[3] == row_sum(*key, *row[:3]):
                    found[number] = Thumb(row[2])
        return found

    def picture(self, width_px: int, height_px: int, number: int) -> Picture | None:
        """What is known of one frame at a size."""
        query = "SELECT number, luma, look, thumb, sum FROM picture WHERE width = ? AND height = ? AND number = ?"
        with self._translated():
            rows = self._database.execute(query, (width_px, height_px, number)).fetchall()
        return next(iter(_pictures(width_px, height_px, rows)), None)

    def pictures(self, width_px: int, height_px: int) -> list[Picture]:
        """What is known of the frames at a size; those whose row is damaged are left out."""
        query = "SELECT number, luma, look, thumb, sum FROM picture WHERE width = ? AND height = ?"
        with self._translated():
            rows = self._database.execute(query, (width_px, height_px)).fetchall()
        return _pictures(width_px, height_px, rows)

    def extent(self, width_px: int, height_px: int) -> tuple[int, int] | None:
        """First and last frame of the whole clip, once somebody has seen its end."""
        query = "SELECT first, last, sum FROM extent WHERE width = ? AND height = ?"
        with self._translated():
            row = self._database.execute(query, (width_px, height_px)).fetchone()
        if row is None or row[2] != row_sum(width_px, height_px, row[0], row[1]):
            return None
        return int(row[0]), int(row[1])

    def set_extent(self, width_px: int, height_px: int, first: int, last: int) -> None:
        """Note the first and last frame of the whole clip."""
        values = (width_px, height_px, first, last)
        with self._writing() as database:
            database.execute("INSERT OR REPLACE INTO extent VALUES (?, ?, ?, ?, ?)", (*values, row_sum(*values)))

    # ---- servers ----

    def server(self, server_print: bytes) -> ServerIdentity | None:
        """What the server that this names said about itself."""
        query = "SELECT model, weights_sha256, device_class, licence, terms, sum FROM server WHERE print = ?"
        with self._translated():
            row = self._database.execute(query, (server_print,)).fetchone()
        if row is None or row[5] != row_sum(server_print, *row[:5]):
            return None
        return ServerIdentity(row[0], row[1], row[2], Terms(row[3], row[4]))

    def remember_server(self, server_print: bytes, identity: ServerIdentity | None) -> None:
        """Note what it said, or forget it."""
        with self._writing() as database:
            database.execute("DELETE FROM server WHERE print = ?", (server_print,))
            if identity is not None:
                terms = (identity.terms.licence, identity.terms.sentence)
                said = (server_print, identity.model, identity.weights_sha256, identity.device_class, *terms)
                database.execute("INSERT INTO server VALUES (?, ?, ?, ?, ?, ?, ?)", (*said, row_sum(*said)))

    # ---- the file as such ----

    @property
    def version(self) -> int:
        """Another number whenever another process has changed something."""
        with self._translated():
            (version,) = self._database.execute("PRAGMA data_version").fetchone()
        return int(version)

    @property
    def bytes(self) -> int:
        """Of the file and what belongs to it."""
        return sum(part.stat().st_size for part in parts_of(self.path) if part.exists())

    def drop_oldest(self, kept: frozenset[DependencyHash]) -> bool:
        """Forget the shot that was not used for the longest time, and give its room back.

        Args:
            kept: What must stay.

        Returns:
            False if there is nothing else.
        """
        with self._writing() as database:
            rows = database.execute("SELECT id, hash FROM dependency ORDER BY used, id").fetchall()
            oldest = next((number for number, name in rows if name not in kept), None)
            if oldest is None:
                return False
            database.execute("DELETE FROM colour WHERE dependency = ?", (oldest,))
            database.execute("DELETE FROM dependency WHERE id = ?", (oldest,))
        with self._translated():
            # `execute` would take one step of it, which is one page.
            self._database.executescript("PRAGMA incremental_vacuum")
        self.fold()
        return True

    def fold(self) -> None:
        """Move what the WAL holds into the file, as far as others' reading allows, and give its room back."""
        with self._translated():
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def contents(self) -> Contents:
        """What is in it, without a look at the colours themselves."""
        with self._translated():
            label = self._database.execute("SELECT value FROM clip WHERE name = 'label'").fetchone()
            frames = self._database.execute("SELECT count(*) FROM colour").fetchone()
            shots = self._database.execute("SELECT count(*), count(DISTINCT settings) FROM dependency").fetchone()
        return Contents(label[0] if label else "", frames[0], shots[0], shots[1])

    def check(self) -> Iterator[str]:
        """Read everything; yields a line for each thing that is not what was written."""
        with self._translated():
            for (line,) in self._database.execute("PRAGMA integrity_check"):
                if line != "ok":
                    yield f"SQLite says: {' '.join(line.split())}"
            yield from self._check_colours()
            for *values, found in self._database.execute("SELECT * FROM picture"):
                if found != row_sum(*values):
                    yield f"what is known of frame {values[2]} is damaged"

    def _check_colours(self) -> Iterator[str]:
        query = (
            "SELECT d.hash, d.settings, d.shot_start, c.number, c.luma, c.history, c.planes, c.sum FROM colour c "
            "LEFT JOIN dependency d ON d.id = c.dependency"
        )
        for name, settings, start, number, luma, history, planes, found in self._database.execute(query):
            if not _is_dependency(name, settings, start):
                yield f"frame {number} belongs to no shot that can be read"
            elif found != row_sum(name, number, luma, history, planes):
                yield f"frame {number} is damaged"

    # ---- SQLite ----

    def _open(self, label: str, read_only: bool) -> None:
        if not self._is_ours():
            if read_only:
                raise RefusedFileError(f"{self.path}: has nothing in it")
            self._make(label)
        if not read_only:
            self._database.execute("PRAGMA journal_mode = WAL").fetchone()
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")

    def _is_ours(self) -> bool:
        """False: it is new.

        Raises:
            RefusedFileError: It is none of ours.
        """
        (tables,) = self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application,) = self._database.execute("PRAGMA application_id").fetchone()
        (found,) = self._database.execute("PRAGMA user_version").fetchone()
        if not tables and not application and not found:
            return False
        if application != APPLICATION_ID:
            raise RefusedFileError(f"{self.path}: is no chroma store")
        if found != FORMAT:
            raise RefusedFileError(f"{self.path}: is a chroma store of format {found}, expected {FORMAT}")
        return True

    def _make(self, label: str) -> None:
        self._database.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        self._database.execute("PRAGMA auto_vacuum = INCREMENTAL")
        self._database.execute("PRAGMA journal_mode = WAL").fetchone()
        with self._writing() as database:
            if self._is_ours():
                return  # another process was faster
            for statement in TABLES.split(";"):
                database.execute(statement)
            # A file's name may hold bytes that are no characters, which SQLite does not take.
            database.execute("INSERT INTO clip VALUES ('label', ?)", (as_characters(label),))
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {FORMAT}")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._translated():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            # The low byte is the kind; the rest says more about where.
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
            if code in _UNUSABLE:
                raise UnusableStoreError(f"{self.path}: {error}") from error
            raise RefusedFileError(f"{self.path}: is damaged ({error})") from error
        except OSError as error:
            raise UnusableStoreError(f"{self.path}: {error.strerror}") from error


def _pictures(width: int, height: int, rows: Iterable[tuple[int, bytes, bytes, bytes, bytes]]) -> list[Picture]:
    return [
        Picture(number, LumaHash(luma), Look(look) if len(look) == LOOK_BYTES else None)
        for number, luma, look, thumb, found in rows
        if found == row_sum(width, height, number, luma, look, thumb)
    ]


def _is_dependency(name: object, settings: object, start: object) -> bool:
    """Whether a row says what its hash says; in a damaged file a value may be of any kind."""
    if not isinstance(settings, bytes) or not isinstance(start, int):
        return False
    return name == dependency_hash(SettingsHash(settings), start)


def parts_of(path: Path) -> tuple[Path, ...]:
    """The files that a database is."""
    return path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def _connect(path: Path, read_only: bool) -> sqlite3.Connection:
    # SQLite's own `ro` leaves its -shm behind, for it may not remove it.
    address = f"{path.absolute().as_uri()}?mode={'rw' if read_only else 'rwc'}"
    database = sqlite3.connect(address, _BUSY_SECONDS, isolation_level=None, check_same_thread=False, uri=True)
    if read_only:
        database.execute("PRAGMA query_only = ON")
    return database


def _unpacked(planes: bytes, number: int) -> StoredColour:
    try:
        ab, confidence = unpack(planes)
    except StoreError as error:
        raise BadRowError(f"frame {number}: {error}") from error
    return StoredColour(ab, confidence, planes)
