"""A few pictures spread over a film, for what can be seen of it only in several places. Cheap: key frames, no index.

What is damaged is left out: it is for the reader to report, at its place.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame

from kinemacolor.media.errors import SourceError
from kinemacolor.media.formats import Repacker
from kinemacolor.media.frame_numbers import expand, sequence_pattern
from kinemacolor.media.libav import demux, open_input, picture_stream
from kinemacolor.media.sequence_reader import open_sequence
from kinemacolor.media.types import SourceFrame, SourceInfo
from kinemacolor.picture.pixel import Samples

__all__ = ["spread_pictures"]

_SHORT = 64
"""Pictures decoded in a row of a film that has too few key frames."""
_PACKETS = _SHORT + 64
"""Read in a row; a codec's delay is at most 16 frames, and other tracks are not read."""


def spread_pictures(path: Path, info: SourceInfo, count: int = 8) -> Iterator[tuple[Samples, ...]]:
    """The planes of some pictures, the same ones each time.

    Args:
        path: A film file or the pattern of a sequence.
        info: What `probe` returned for it.
        count: In how many places of the film; one or two more may come.

    Returns:
        As of `SourceFrame.planes`.
    """
    if sequence_pattern(path) is not None:
        return _of_sequence(path, info, count)
    return _of_file(path, info, count)


def _of_sequence(path: Path, info: SourceInfo, count: int) -> Iterator[tuple[Samples, ...]]:
    pattern = sequence_pattern(path)
    if pattern is None:
        return
    numbers = expand(pattern)
    for place in _places(len(numbers), count):
        number = numbers[place]
        try:
            with open_sequence(pattern, info=info, start_frame=number, last_frame=number) as source:
                yield from (item.planes for item in source if isinstance(item, SourceFrame))
        except SourceError:
            continue


def _of_file(path: Path, info: SourceInfo, count: int) -> Iterator[tuple[Samples, ...]]:
    repack = Repacker(info.coded_format, info.pixel_format)
    found = 0
    with open_input(path) as container:
        for frame in _key_frames(container, path, count):
            found += 1
            if _is_alike(frame, info):
                yield repack(frame)[0]
    if 2 * found >= count:
        return
    with open_input(path) as container:
        length = min(_SHORT, info.frame_count or _SHORT)
        for frame in islice(_decoded(container, path), 0, length, max(1, length // count)):
            if _is_alike(frame, info):
                yield repack(frame)[0]


def _key_frames(container: InputContainer, path: Path, count: int) -> Iterator[VideoFrame]:
    """Those before so many places of the film, each once."""
    seen: set[int | None] = set()
    for place in range(count if container.duration is not None else 0):
        offset = (container.duration or 0) * (2 * place + 1) // (2 * count)
        try:
            container.seek((container.start_time or 0) + offset)
        except (FFmpegError, OSError):
            return
        frame = next(_decoded(container, path), None)
        if frame is not None and frame.key_frame and frame.pts not in seen:
            seen.add(frame.pts)
            yield frame


def _decoded(container: InputContainer, path: Path) -> Iterator[VideoFrame]:
    """Pictures from where the container stands, up to the first damage."""
    stream = picture_stream(container, path)
    for other in container.streams:
        if other.index != stream.index:
            other.discard = av.stream.Discard.all
    try:
        for packet in islice(demux(container, [stream]), _PACKETS):
            yield from (frame for frame in stream.codec_context.decode(packet) if not frame.is_corrupt)
        yield from (frame for frame in stream.codec_context.decode(None) if not frame.is_corrupt)
    except FFmpegError:
        return


def _is_alike(frame: VideoFrame, info: SourceInfo) -> bool:
    found = frame.format.name, frame.width, frame.height
    return found == (info.coded_format, info.width_px, info.height_px)


def _places(length: int, count: int) -> list[int]:
    """So many of `length` things, in the middle of equal parts."""
    return sorted({length * (2 * place + 1) // (2 * count) for place in range(count)} if length else set())
