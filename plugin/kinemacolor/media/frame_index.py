"""The presentation time of every frame of a file, read from its packets without decoding one.

An index is *exact* if frame n of a linear decode is certain to be the n-th packet in order of presentation time. Only
then may the reader seek; otherwise it decodes from the start. See `_is_exact` for the conditions.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from kinemacolor.media.libav import open_input, picture_stream, reading

__all__ = ["PACKET_IS_PICTURE", "FrameIndex", "count_frames", "index_frames"]

# Not so: VP8, VP9 and AV1 (hidden frames), MPEG-4 part 2 in AVI (packed B-frames).
PACKET_IS_PICTURE = frozenset({
    "h264", "hevc", "mpeg1video", "mpeg2video", "prores", "dnxhd", "ffv1", "mjpeg", "rawvideo", "v210", "jpeg2000",
    "utvideo", "ffvhuff", "huffyuv", "qtrle", "png", "tiff", "dpx", "cfhd", "dvvideo", "hap", "magicyuv",
})  # fmt: skip
"""Codecs (FFmpeg's canonical names) of which every packet gives one picture."""


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
    """Index a film file; reads it once, decodes nothing.

    Raises:
        SourceError: as `probe`.
    """
    with open_input(path) as container:
        stream = picture_stream(container, path)
        with reading(path):
            return _index(container, stream)


def count_frames(path: Path) -> int:
    """Number of frames of a film file, by its packets.

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
    for packet in container.demux(stream):
        if not packet.size or packet.is_discard:
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
        is_exact=complete and codec in PACKET_IS_PICTURE and _starts_cleanly(shown, times),
    )


def _starts_cleanly(shown: list[tuple[int, bool]], times: list[int]) -> bool:
    """The first packet is a key frame and nothing is shown before it, and no two frames share a time.

    Otherwise a decoder leaves out pictures at the beginning that refer to others before the cut.
    """
    return bool(shown) and shown[0][1] and shown[0][0] == times[0] and len(set(times)) == len(times)
