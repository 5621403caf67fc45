"""The tables of a clip's file, and the checks of their rows. Pure: text and bytes.

Every row that an answer rests on carries a hash over all of it, for a disk may flip any bit. That a row is not there
says something too (a luma that occurs once); it says so only beside an extent of which no picture is missing.
"""

from hashlib import blake2b

__all__ = ["APPLICATION_ID", "FORMAT", "TABLES", "row_sum"]

APPLICATION_ID = 0x4B43_4D43
"""`KCMC`, in the head of the file, where file(1) looks for it."""
FORMAT = 3
"""SQLite's user_version. A file of another is refused and begun anew."""

TABLES = """
CREATE TABLE clip (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE picture (
    width INTEGER NOT NULL, height INTEGER NOT NULL, number INTEGER NOT NULL,
    luma BLOB NOT NULL, look BLOB NOT NULL, thumb BLOB NOT NULL, sum BLOB NOT NULL,
    PRIMARY KEY (width, height, number)
) WITHOUT ROWID;
CREATE TABLE extent (
    width INTEGER NOT NULL, height INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, sum BLOB NOT NULL,
    PRIMARY KEY (width, height)
) WITHOUT ROWID;
CREATE TABLE dependency (
    id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, settings BLOB NOT NULL, shot_start INTEGER NOT NULL,
    used INTEGER NOT NULL
);
CREATE TABLE colour (
    dependency INTEGER NOT NULL REFERENCES dependency (id), number INTEGER NOT NULL,
    luma BLOB NOT NULL, history BLOB NOT NULL, planes BLOB NOT NULL, sum BLOB NOT NULL,
    PRIMARY KEY (dependency, number)
);
CREATE INDEX colour_number ON colour (number);
CREATE TABLE server (
    print BLOB PRIMARY KEY, model TEXT NOT NULL, weights_sha256 TEXT NOT NULL, device_class TEXT NOT NULL,
    licence TEXT NOT NULL, terms TEXT NOT NULL, sum BLOB NOT NULL
) WITHOUT ROWID;
"""

_SUM_BYTES = 16


def row_sum(*values: bytes | str | int) -> bytes:
    """The hash of a row's other values."""
    digest = blake2b(digest_size=_SUM_BYTES, person=b"kc row")
    for value in values:
        data = value if isinstance(value, bytes) else str(value).encode()
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.digest()
