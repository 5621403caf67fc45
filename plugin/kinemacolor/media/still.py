"""Single colour pictures: whatever file of one picture OpenCV reads, turned upright as its EXIF says."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.media.errors import SourceError

__all__ = ["read_still"]

_LARGEST_BYTES = 1 << 30
_BEGINNINGS = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_still(path: Path) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """(H, W, 3) R'G'B' codes of 8 or 16 bits; transparency and colour profiles are left out of account.

    Raises:
        SourceError: It cannot be read, or is no picture.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}") from error
    if not data or len(data) > _LARGEST_BYTES:
        raise SourceError(f"{path}: expected a picture, found {'an empty file' if not data else 'more than 1 GB'}")
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error as error:
        raise SourceError(f"{path}: the picture is damaged or too large") from error
    if picture is None:
        known = data.startswith(_BEGINNINGS)
        what = "the picture is damaged, or of an unknown kind" if known else "is not a PNG, JPEG or TIFF picture"
        raise SourceError(f"{path}: {what}")
    if picture.dtype not in (np.uint8, np.uint16):
        raise SourceError(f"{path}: expected samples of 8 or 16 bits, found {picture.dtype}")
    rgb: NDArray[Any] = picture[:, :, ::-1]
    return rgb
