"""Colour clips for training, read straight from tars of JPEG frames and kept in memory as 8-bit RGB."""

import tarfile
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from kinemacolor.training.photos import decode_jpeg

__all__ = ["read_clips"]


def read_clips(
    tars: Sequence[Path], limit: int | None = None, keep: Callable[[str], bool] = lambda name: True
) -> list[NDArray[np.uint8]]:
    """Decode the clips of some tars.

    Args:
        tars: Tar files with one folder of JPEG frames per clip, its frames one after the other in order.
        limit: Read that many clips at most, for quick runs.
        keep: Says by a clip's name whether to read it.

    Returns:
        (T, H, W, 3) uint8 RGB each, in the order of the tars.

    Raises:
        FileNotFoundError: A tar does not exist.
        ValueError: A frame does not decode, or a clip has frames of several sizes.
    """
    clips = (_clip(name, frames) for path in tars for name, frames in _frames_by_clip(path, keep))
    return list(islice(clips, limit))


def _frames_by_clip(path: Path, keep: Callable[[str], bool]) -> Iterator[tuple[str, list[bytes]]]:
    with tarfile.open(path) as tar:
        jpegs = (member for member in tar if member.name.endswith(".jpg"))
        for name, members in groupby(jpegs, key=lambda member: PurePosixPath(member.name).parent.name):
            if keep(name):
                yield name, [handle.read() for handle in map(tar.extractfile, members) if handle is not None]


def _clip(name: str, frames: list[bytes]) -> NDArray[np.uint8]:
    pictures = [decode_jpeg(data) for data in frames]
    sizes = {picture.shape for picture in pictures}
    if len(sizes) != 1:
        raise ValueError(f"{name}: expected frames of one size, found {len(sizes)} sizes")
    return np.stack(pictures)
