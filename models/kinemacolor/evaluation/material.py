"""Where the clips and photos of a folder lie, and how they are read to be measured."""

from collections.abc import Callable
from pathlib import Path

from kinemacolor.evaluation.errors import EvaluationInputError
from kinemacolor.evaluation.measure import Footage, Truth
from kinemacolor.evaluation.pictures import Clip, read_clip, read_photo

__all__ = ["CLIPS", "PHOTOS", "even", "find_clips", "find_photos", "read_footage", "read_truth"]

CLIPS = "JPEG frames in DIR/clips/NAME/ or DIR/NAME/"
PHOTOS = "JPEG files in DIR/photos/ or DIR"

_PHOTO_FOLDER = "photos"


def find_clips(folder: Path) -> list[Path]:
    """The folders of the clips, in the order of their names; there may be none.

    Raises:
        EvaluationInputError: There is no such folder.
    """
    _check(folder)
    clips = folder / "clips"
    found = sorted(path for path in (clips if clips.is_dir() else folder).iterdir() if path.is_dir())
    return [path for path in found if any(path.glob("*.jpg")) and path != folder / _PHOTO_FOLDER]


def find_photos(folder: Path) -> list[Path]:
    """The files of the photos, in the order of their names; there may be none.

    Raises:
        EvaluationInputError: There is no such folder.
    """
    _check(folder)
    photos = folder / _PHOTO_FOLDER
    return sorted((photos if photos.is_dir() else folder).glob("*.jpg"))


def read_truth(path: Path, frames: int | None = None) -> Truth:
    """A clip (a folder) or a photo (a file) whose colours are known.

    Args:
        path: Folder or file.
        frames: Read that many of a clip at most.

    Raises:
        EvaluationInputError: It cannot be read, or has no colours that could be known.
    """
    clip = _read(path, frames)
    if clip.is_colourless:
        raise EvaluationInputError(f"{path.name}: it has no colour to compare with (--no-truth measures without)")
    return Truth(clip)


def read_footage(path: Path, frames: int | None = None) -> Footage:
    """The same of a clip or photo whose colours nobody knows; a tint of its scan does not matter.

    Raises:
        EvaluationInputError: It cannot be read.
    """
    return Footage(_read(path, frames))


def even(clip: Clip) -> Clip:
    """Without the last row or column of an odd size: a film in 4:2:0 cannot hold it, and all rows see the same.

    Raises:
        ValueError: Nothing would be left.
    """
    height, width = (side - side % 2 for side in clip.rgb.shape[1:3])
    if not height * width:
        raise ValueError(f"expected at least 2x2 pixels, found {clip.rgb.shape[2]}x{clip.rgb.shape[1]}")
    return Clip(clip.name, clip.rgb[:, :height, :width].copy())


def _check(folder: Path) -> None:
    if not folder.is_dir():
        raise EvaluationInputError(f"no folder {folder}")


def _read(path: Path, frames: int | None) -> Clip:
    read: Callable[[], Clip] = (lambda: read_clip(path, frames)) if path.is_dir() else (lambda: read_photo(path))
    try:
        return even(read())
    except (OSError, ValueError) as error:
        raise EvaluationInputError(f"{path.name}: {error}") from error
