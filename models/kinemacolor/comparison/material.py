"""Where the clips of a folder or a film lie, and how they are read to be compared on.

FILE                                    a film; each of its shots is a clip
DIR/*.jpg                               the frames of a film by name; folders beside them do not count
DIR/JPEGImages/480p/NAME/*.jpg          the layout of DAVIS; each folder is a clip
DIR/clips/NAME/*.jpg, DIR/NAME/*.jpg    each folder is a clip
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

from kinemacolor.comparison.errors import ComparisonInputError
from kinemacolor.comparison.film_shots import split_into_shots
from kinemacolor.comparison.mark import FOLDERS, read_mark
from kinemacolor.comparison.names import name_of
from kinemacolor.evaluation.films import read_rgb
from kinemacolor.evaluation.material import even
from kinemacolor.evaluation.pictures import Clip, Picture, read_picture

__all__ = ["LAYOUTS", "Limits", "Material", "Piece", "find_material"]

LAYOUTS = "a film FILE, or a DIR with frames (*.jpg, *.png) in it, in NAME/, clips/NAME/ or JPEGImages/480p/NAME/"

_ENDINGS = (".jpg", ".jpeg", ".png")
_PHOTOS = "photos"  # beside clips of `kinemacolor evaluate`; never a clip
_DAVIS = Path("JPEGImages") / "480p"
_FRAMES_RATE = Fraction(24)
_FILM_SHOTS = 4  # of a film, if nothing is said: a film of two hours has more than a thousand
_PICTURE_ERRORS = (OSError, ValueError, av.error.FFmpegError)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read."""

    frames: int
    """Of each clip, at most."""
    clips: int | None
    """None: all of a folder, the first few shots of a film."""
    short_side_px: int
    """Pictures that are larger are reduced to it, none is enlarged."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One clip, read."""

    clip: Clip
    rate: Fraction
    """Frames per second."""


@dataclass(frozen=True, slots=True)
class Material:
    """What was found: one film, or the folders of clips."""

    films: tuple[Path, ...] = ()
    """A file, or a folder with the frames of one film."""
    folders: tuple[Path, ...] = ()

    @property
    def sources(self) -> tuple[Path, ...]:
        """The film, or the folders of clips."""
        return self.films + self.folders

    def count(self, limits: Limits) -> int:
        """Clips that `read` gives, of a film at most."""
        return len(self.folders[: limits.clips]) if self.folders else limits.clips or _FILM_SHOTS

    def read(self, limits: Limits) -> Iterator[Piece]:
        """The clips, one after the other.

        Raises:
            ComparisonInputError: One cannot be read.
        """
        for folder in self.folders[: limits.clips]:
            pictures = list(islice(_frames_of(folder, limits), limits.frames))
            yield _piece(folder, name_of(folder.name), pictures, _FRAMES_RATE)
        for film in self.films:
            yield from _read_film(film, limits)


def find_material(path: Path) -> Material:
    """What lies there.

    Raises:
        ComparisonInputError: Nothing that could be compared on.
    """
    try:
        return _find(path)
    except OSError as error:
        raise ComparisonInputError(f"{error.filename or path} cannot be read: {error.strerror or error}") from error


def _find(path: Path) -> Material:
    if path.is_file():
        return Material(films=(path,))
    if not path.is_dir():
        raise ComparisonInputError(f"no file or folder {path}")
    own = FOLDERS if read_mark(path) is not None else ()  # the sheets of an earlier comparison are no clip
    if _has_frames(path):
        return Material(films=(path,))
    for folder in (path / _DAVIS, path / "clips", path):
        there = (each for each in folder.iterdir() if folder != path or each.name not in own) if folder.is_dir() else ()
        found = tuple(sorted(each for each in there if _is_clip(each)))
        if found:
            return Material(folders=found)
    raise ComparisonInputError(f"{path}: expected {LAYOUTS}, found no frames")


def _is_clip(folder: Path) -> bool:
    return not folder.name.startswith(".") and folder.name != _PHOTOS and _has_frames(folder)


def _has_frames(folder: Path) -> bool:
    return folder.is_dir() and next(_frame_files(folder), None) is not None


def _frame_files(folder: Path) -> Iterator[Path]:
    """Not the hidden ones: macOS leaves a `._00000.jpg` beside each file that it copies to a disk of others."""
    shown = (path for path in folder.iterdir() if not path.name.startswith("."))
    return (path for path in shown if path.suffix.lower() in _ENDINGS and path.is_file())


def _read_film(path: Path, limits: Limits) -> Iterator[Piece]:
    wanted = limits.clips or _FILM_SHOTS
    name = name_of(path.resolve().name if path.is_dir() else path.stem)
    if path.is_dir():
        yield from _shots(path, name, _frames_of(path, limits), _FRAMES_RATE, limits, wanted)
        return
    try:
        # Else FFmpeg takes what is before a colon in a name for a protocol.
        with av.open(f"file:{path.absolute()}") as source:
            stream = source.streams.best("video")
            if not isinstance(stream, av.VideoStream):
                raise ComparisonInputError(f"{path.name}: it has no picture")
            rate = stream.average_rate or _FRAMES_RATE
            pictures = read_rgb(source, stream, lambda frame: _film_size(frame, stream, limits))
            yield from _shots(path, name, pictures, rate, limits, wanted)
    except av.error.FFmpegError as error:
        raise ComparisonInputError(f"{path.name}: no film that can be decoded: {error.strerror or error}") from error


def _shots(
    path: Path, name: str, pictures: Iterator[Picture], rate: Fraction, limits: Limits, wanted: int
) -> Iterator[Piece]:
    number = 0
    for number, shot in enumerate(islice(split_into_shots(pictures, limits.frames), wanted), start=1):
        yield _piece(path, f"{name} shot {number}", shot, rate)
    if number == 0:
        raise ComparisonInputError(f"{path.name}: it has no picture")


def _frames_of(folder: Path, limits: Limits) -> Iterator[Picture]:
    try:
        paths = sorted(_frame_files(folder))
    except OSError as error:
        raise ComparisonInputError(f"{folder} cannot be read: {error.strerror or error}") from error
    for path in paths:
        try:
            picture = read_picture(path)
        except _PICTURE_ERRORS as error:
            raise ComparisonInputError(f"{folder.name}: {error}") from error
        height, width = picture.shape[:2]
        size = _reduced(width, height, limits.short_side_px)
        same = size == (width, height)
        yield picture if same else np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _piece(path: Path, name: str, pictures: list[Picture], rate: Fraction) -> Piece:
    sizes = {picture.shape for picture in pictures}
    if len(sizes) != 1:
        raise ComparisonInputError(f"{path.name}: expected pictures of one size, found {len(sizes)} sizes")
    try:
        return Piece(even(Clip(name, np.stack(pictures))), rate)
    except ValueError as error:
        raise ComparisonInputError(f"{name}: {error}") from error


def _film_size(frame: av.VideoFrame, stream: av.VideoStream, limits: Limits) -> tuple[int, int]:
    """Square pixels, reduced."""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    width, height = (round(frame.width * aspect), frame.height) if aspect > 0 else (frame.width, frame.height)
    return _reduced(width, height, limits.short_side_px)


def _reduced(width: int, height: int, short_side_px: int) -> tuple[int, int]:
    scale = min(1.0, short_side_px / min(width, height))
    if scale == 1.0:
        return width, height
    # Even: 4:2:0, which every player takes, has no odd sides.
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)
