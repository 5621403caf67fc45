"""The presentation time of every frame of a film file.

It is read from the packets without decoding one, if frame n of a linear decode is certain to be the n-th packet in
order of presentation time; such an index is *exact*, and the reader may seek by it. Otherwise the film is decoded once
for its times, and read from its start.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import chain
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from kinemacolor.media.libav import demux, open_input, picture_stream, reading

__all__ = ["PACKET_IS_PICTURE", "FrameIndex", "count_frames", "index_frames"]

# Not so: VP8, VP9 and AV1 (hidden frames), MPEG-4 part 2 in AVI (packed B-frames).
PACKET_IS_PICTURE = frozenset({
    "h264", "hevc", "mpeg1video", "mpeg2video", "prores", "dnxhd", "ffv1", "mjpeg", "rawvideo", "v210", "jpeg2000",
    "utvideo", "ffvhuff", "huffyuv", "qtrle", "png", "tiff", "dpx", "cfhd", "dvvideo", "hap", "magicyuv",
})  # fmt: skip
"""Codecs (FFmpeg's canonical names) of which every packet gives one picture."""

_KEPT_INDICES = 8
"""Four megabytes each for a film of two hours."""
_PROGRESSIVE = (0, 1)  # AVFieldOrder unknown and progressive; else the two fields of a frame may be two packets


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameIndex:
    """Times of all frames."""

    pts: tuple[int, ...]
    """Ascending, in `time_base`; of frames whose packet has none, its decoding time."""
    key_pts: tuple[int, ...]
    """Those of `pts` at which decoding can start, ascending."""
    time_base: Fraction
    is_exact: bool

    @property
    def times(self) -> tuple[Fraction, ...]:
        """Presentation times in seconds."""
        return tuple(pts * self.time_base for pts in self.pts)


def index_frames(path: Path) -> FrameIndex:
    """Index a film file; reads it once, and decodes it only where its packets do not tell.

    The indices of the last files are kept, so that seeking again and again does not read a file again and again.

    Raises:
        SourceError: as `probe`.
    """
    try:
        status = path.stat()
    except OSError:
        return _read_index(path)  # which says what is wrong
    return _kept_index(path, (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=_KEPT_INDICES)
def _kept_index(path: Path, state: tuple[int, ...]) -> FrameIndex:
    return _read_index(path)


def _read_index(path: Path) -> FrameIndex:
    with open_input(path) as container, reading(path):
        index = _index(container, picture_stream(container, path))
    return index if index.is_exact else replace(index, pts=_decoded_pts(path) or index.pts)


def count_frames(path: Path) -> int:
    """Number of frames of a film file.

    Raises:
        SourceError: as `probe`.
    """
    return len(index_frames(path).pts)


def _index(container: InputContainer, stream: VideoStream) -> FrameIndex:
    for other in container.streams:
        if other.index != stream.index:
            other.discard = av.stream.Discard.all
    shown: list[tuple[int, bool]] = []
    complete = True
    for packet in demux(container, [stream]):
        if packet.is_discard:
            continue
        time = packet.pts if packet.pts is not None else packet.dts
        complete = complete and packet.pts is not None
        shown.append((time if time is not None else len(shown), packet.is_keyframe))
    times = sorted(time for time, _ in shown)
    codec = str(stream.codec_context.codec.canonical_name)
    return FrameIndex(
        pts=tuple(times),
        key_pts=tuple(sorted(time for time, is_key in shown if is_key)),
        time_base=stream.time_base or Fraction(1, av.time_base),
        is_exact=(
            complete
            and codec in PACKET_IS_PICTURE
            and stream.codec_context.field_order in _PROGRESSIVE
            and _starts_cleanly(shown, times)
        ),
    )


def _starts_cleanly(shown: list[tuple[int, bool]], times: list[int]) -> bool:
    """The first packet is a key frame and nothing is shown before it, and no two frames share a time.

    Otherwise a decoder leaves out pictures at the beginning that refer to others before the cut.
    """
    return bool(shown) and shown[0][1] and shown[0][0] == times[0] and len(set(times)) == len(times)


def _decoded_pts(path: Path) -> tuple[int, ...]:
    """Times of all pictures up to the first damage, as the reader finds them."""
    found: list[int] = []
    with open_input(path) as container:
        stream = picture_stream(container, path)
        try:
            for packet in chain(demux(container, [stream]), [None]):
                for picture in stream.codec_context.decode(packet):
                    time = picture.pts if picture.pts is not None else picture.dts
                    found.append(time if time is not None else len(found))
        except FFmpegError:
            pass
    return tuple(found)
