"""Sets of photos with labels as their authors publish them: PASCAL VOC 2012 and COCO-Stuff."""

from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.models.networks.zhao import VOC_CLASS_COUNT
from kinemacolor.training.errors import RecipeError
from kinemacolor.training.labelled import IGNORED, Labelled, Labels
from kinemacolor.training.photos import Picture, decode_jpeg, is_colourful

__all__ = ["COCO_STUFF_CLASS_COUNT", "read_coco_stuff", "read_voc", "voc_palette"]

COCO_STUFF_CLASS_COUNT = 182
"""91 numbers of things and 91 of stuff, 0 to 181, some of which are not used."""
_MAPS = ("annotations", "stuffthingmaps", "pixelmaps")
_PNG, _PALETTE_OF_8_BITS = b"\x89PNG\r\n\x1a\n", b"\x08\x03"
"""The signature, and what the header says of depth and colour type (PNG specification, 5.2, 11.2.2)."""


def read_voc(folder: Path, split: str, limit: int | None = None) -> list[Labelled]:
    """VOC2012: `ImageSets/Segmentation/SPLIT.txt`, `JPEGImages/NAME.jpg`, `SegmentationClass/NAME.png`.

    The labels are pictures with a palette of 8 bits, in which 255, drawn pale, is the border of a thing and `IGNORED`.

    Args:
        folder: The one that holds these, `VOCdevkit/VOC2012`.
        split: `train`, `val` or `trainval`.
        limit: Stop after that many, for quick runs.

    Returns:
        The colourful ones.

    Raises:
        RecipeError: A file is missing, damaged or of another form.
    """
    names = _names(folder / "ImageSets" / "Segmentation" / f"{split}.txt")[:limit]
    pairs = ((folder / "JPEGImages" / f"{name}.jpg", folder / "SegmentationClass" / f"{name}.png") for name in names)
    codes = _codes(voc_palette())
    order = np.argsort(codes)
    return _colourful(pairs, lambda labels: _by_palette(labels, codes, order))


def read_coco_stuff(folder: Path, split: str, limit: int | None = None) -> list[Labelled]:
    """COCO-Stuff as its authors have it unpacked: `images/SPLIT/NAME.jpg`, `annotations/SPLIT/NAME.png`.

    The maps are those of `stuffthingmaps_trainval2017.zip`, and may also lie in `stuffthingmaps` or `pixelmaps`. A
    pixel is its class, 0 to 181, or 255 where there is none.

    Args:
        folder: The one that holds both.
        split: `train2017` or `val2017`.
        limit: Stop after that many, for quick runs.

    Returns:
        The colourful ones, by name.

    Raises:
        RecipeError: As of `read_voc`.
    """
    images = folder / "images" / split
    photos = sorted(images.glob("*.jpg"))[:limit]
    if not photos:
        raise RecipeError(f"{images}: expected photos *.jpg, found none")
    maps = _maps(folder, split)
    return _colourful(((photo, maps / f"{photo.stem}.png") for photo in photos), _by_number)


def _maps(folder: Path, split: str) -> Path:
    """The folder of the maps; `annotations` may be there for COCO's lists alone."""
    places = [f"{name}/{split}" for name in _MAPS]
    for place in places:
        if (folder / place).is_dir():
            return folder / place
    raise RecipeError(f"{folder}: expected {', '.join(places[:-1])} or {places[-1]}, found none")


def voc_palette() -> NDArray[np.uint8]:
    """The colours of VOC's labels, (256, 3) R'G'B': the bits of a number, dealt to red, green and blue in turn."""
    number = np.arange(256)
    bits = [(number >> bit) & 1 for bit in range(8)]
    channels = [
        sum(bits[3 * place + channel] << (7 - place) for place in range((8 - channel + 2) // 3)) for channel in range(3)
    ]
    return np.stack(channels, axis=1).astype(np.uint8)


def _colourful(pairs: Iterable[tuple[Path, Path]], read: Callable[[Path], Labels]) -> list[Labelled]:
    kept = []
    for photo, path in pairs:
        picture, labels = _picture(photo), read(path)
        if labels.shape != picture.shape[:2]:
            raise RecipeError(f"{path}: expected labels for a photo of {picture.shape[:2]}, found {labels.shape}")
        if is_colourful(picture):
            kept.append(Labelled(picture, labels))
    return kept


def _picture(path: Path) -> Picture:
    """As its rows lie in the file: labels are drawn on these and know nothing of a camera that was turned."""
    try:
        return decode_jpeg(path.read_bytes(), upright=False)
    except (OSError, ValueError) as error:
        raise RecipeError(f"{path}: {error}") from error


def _names(path: Path) -> list[str]:
    try:
        names = path.read_text(encoding="utf-8").split()
    except OSError as error:
        raise RecipeError(f"{path}: expected a list of names, found none: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path}: expected a list of names in UTF-8, found other bytes") from error
    if not names:
        raise RecipeError(f"{path}: expected a list of names, found an empty one")
    return names


def _labels(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecipeError(f"{path}: expected labels, found none: {error.strerror}") from error
    if not data:  # OpenCV has an exception of its own for these
        raise RecipeError(f"{path}: expected labels, found an empty file")
    return data


def _by_palette(path: Path, codes: NDArray[np.int64], order: NDArray[np.int64]) -> Labels:
    """OpenCV gives the colours of a palette and not the numbers; no two numbers have one colour.

    It also makes colours of 16 bits and of grey pictures, which would be numbers of the palette that nobody wrote.
    """
    data = _labels(path)
    if data[:8] != _PNG or data[24:26] != _PALETTE_OF_8_BITS:
        raise RecipeError(f"{path}: expected a PNG with a palette of 8 bits, found another file")
    bgr = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if bgr is None:
        raise RecipeError(f"{path}: expected labels, found damage")
    found = _codes(np.asarray(bgr, dtype=np.uint8)[:, :, ::-1])
    number = order[np.searchsorted(codes, found, sorter=order).clip(0, len(codes) - 1)]
    if not np.array_equal(codes[number], found):
        raise RecipeError(f"{path}: expected colours of VOC's palette, found others")
    return _checked(path, number.astype(np.uint8), VOC_CLASS_COUNT)


def _by_number(path: Path) -> Labels:
    found = cv2.imdecode(np.frombuffer(_labels(path), dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None or found.ndim != 2 or found.dtype != np.uint8:
        raise RecipeError(f"{path}: expected a map of one byte a pixel, found none")
    return _checked(path, np.asarray(found, dtype=np.uint8), COCO_STUFF_CLASS_COUNT)


def _checked(path: Path, labels: Labels, classes: int) -> Labels:
    beyond = labels[(labels >= classes) & (labels != IGNORED)]
    if beyond.size:
        raise RecipeError(f"{path}: expected classes below {classes} or {IGNORED}, found {int(beyond.max())}")
    return labels


def _codes(rgb: NDArray[np.uint8]) -> NDArray[np.int64]:
    """A number for each colour."""
    wide = rgb.astype(np.int64)
    return wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
