"""Files of shots: which reader or writer a name asks for, and the frames of the film that a list is held against."""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from kinemacolor.media.edl import read_edl, write_edl
from kinemacolor.media.errors import OutputError, ShotListError
from kinemacolor.media.frame_index import count_frames
from kinemacolor.media.frame_numbers import expand, sequence_pattern
from kinemacolor.media.output_file import DiskFullPolicy, OutputFile, check_writable
from kinemacolor.media.probe import Assume, probe
from kinemacolor.media.shot_table import read_table, write_table
from kinemacolor.media.shots import Counting, FilmExtent, Shot, ShotList, film_start, in_film

__all__ = [
    "FilmShots", "check_shot_list_output", "film_extent", "read_shot_list", "shots_in_film", "write_shot_list",
]  # fmt: skip

_EDL, _TABLE = ".edl", ".csv"
_LARGEST_BYTES = 64 << 20
"""A list of MAX_SHOT_STARTS shots with long comments has a tenth of it."""


@dataclass(frozen=True, slots=True)
class FilmShots:
    """The shots of a whole film by a list."""

    shots: tuple[Shot, ...]
    start_is_assumed: bool
    """True: nobody says what timecode the film begins with, so it begins where the list does."""


def read_shot_list(path: Path, rate: Fraction | None) -> ShotList:
    """What a list says.

    Args:
        path: `.edl` or `.csv`.
        rate: Frames a second of the film; None: unknown, which an EDL cannot do with.

    Raises:
        ShotListError: It cannot be read; one line, with the line of the list at fault.
    """
    if path.suffix.lower() not in (_EDL, _TABLE):
        raise ShotListError(f"{path}: expected a list of shots, NAME{_EDL} or NAME{_TABLE}")
    text = _text(path)
    try:
        if path.suffix.lower() == _TABLE:
            return read_table(text)
        if rate is None:
            raise ValueError("an EDL counts in timecode; it cannot be read without the film or its frames a second")
        return read_edl(text, rate)
    except ValueError as error:
        raise ShotListError(f"{path}: {error}") from error


def shots_in_film(path: Path, extent: FilmExtent, start: str | None) -> FilmShots:
    """The shots of a whole film by a list.

    Args:
        path: The list.
        extent: The film.
        start: What timecode an EDL has at the film's first frame; None: as `film_start` says.

    Raises:
        ShotListError: It cannot be read or does not fit the film; one line, with the line of the list at fault.
    """
    listed = read_shot_list(path, extent.frame_rate)
    try:
        if listed.counting is not Counting.TIMECODE:
            return FilmShots(_counted(listed, extent, start), start_is_assumed=False)
        shots = in_film(listed, extent, film_start(listed, extent, start))
        return FilmShots(shots, start_is_assumed=start is None and extent.start_frame is None)
    except ValueError as error:
        is_misplaced = start is None and listed.counting is Counting.TIMECODE
        way_out = "; --shots-start says what timecode the film begins with" if is_misplaced else ""
        raise ShotListError(f"{path}: {error}{way_out}") from error


def film_extent(path: Path, sequence_rate: Fraction | None = None) -> FilmExtent:
    """The frames of a film or picture sequence; reads the film once.

    Args:
        path: The film.
        sequence_rate: Frames a second of a sequence; None: what it says itself.

    Raises:
        SourceError: It cannot be read.
    """
    info = probe(path, assume=Assume(frame_rate=sequence_rate))
    pattern = sequence_pattern(path)
    numbers = (0, count_frames(path) - 1) if pattern is None else expand(pattern)
    return FilmExtent(first=numbers[0], last=numbers[-1], frame_rate=info.frame_rate, timecode=info.timecode)


def check_shot_list_output(path: Path, *, overwrite: bool) -> None:
    """Refuse a name before the film is read for it.

    Raises:
        OutputError: It is no name of a list, or cannot be made.
    """
    if path.suffix.lower() not in (_EDL, _TABLE):
        raise OutputError(f"{path}: expected a list of shots, NAME{_EDL} or NAME{_TABLE}")
    check_writable(path, overwrite=overwrite)


def write_shot_list(path: Path, shots: Sequence[Shot], film: Path, extent: FilmExtent, *, overwrite: bool) -> None:
    """Write the shots of a film.

    Args:
        path: `.edl` or `.csv` (`check_shot_list_output`).
        shots: All of them, in order.
        film: The film.
        extent: Its frames; an EDL begins with its timecode, or with 00:00:00:00.
        overwrite: Whether a file of that name may be replaced.

    Raises:
        OutputError: It cannot be written, or an EDL cannot say it.
    """
    try:
        text = _written(path, shots, film, extent)
    except ValueError as error:
        raise OutputError(f"{path}: {error}") from error
    file = OutputFile(path, overwrite=overwrite, policy=DiskFullPolicy())
    try:
        file.write(text.encode(errors="surrogateescape"))
        file.commit()
    finally:
        file.discard()


def _counted(listed: ShotList, extent: FilmExtent, start: str | None) -> tuple[Shot, ...]:
    if start is not None:
        raise ValueError(f"it counts frames; a start timecode ({start}) is for an EDL")
    return in_film(listed, extent, None)


def _written(path: Path, shots: Sequence[Shot], film: Path, extent: FilmExtent) -> str:
    if path.suffix.lower() == _TABLE:
        return write_table(shots)
    rate, start = extent.frame_rate, extent.start_frame
    if rate is None or round(rate) < 1:
        raise ValueError(
            f"an EDL counts in timecode, which a film of {rate or 'no known'} frames a second does not have"
        )
    drop = start is not None and ";" in (extent.timecode or "")
    return write_edl(shots, title=film.stem, clip=film.name, rate=rate, start=start or 0, drop=drop)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise ShotListError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > _LARGEST_BYTES:
        raise ShotListError(f"{path}: expected a list of shots, found more than {_LARGEST_BYTES >> 20} MB")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Names in the code page of the editing system; nothing else in a list is beyond ASCII.
        return data.decode("latin-1")
