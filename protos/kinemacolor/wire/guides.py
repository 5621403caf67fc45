"""Guides of a clip: which belong to a shot, and one hash of them. Both ends key colours by it."""

import hashlib
import struct
from collections.abc import Sequence

from kinemacolor.wire.codec import encode_ab, encode_luma
from kinemacolor.wire.frame import GuideFrame

__all__ = ["guide_hash", "guides_of_shot"]


def guides_of_shot(guides: Sequence[GuideFrame], start: int, end: int | None) -> tuple[GuideFrame, ...]:
    """The guides of the shot from `start` up to, not including, `end`; None: the shot lasts to the end of the clip."""
    return tuple(guide for guide in guides if guide.frame_number >= start and (end is None or guide.frame_number < end))


def guide_hash(guides: Sequence[GuideFrame]) -> str:
    """SHA-256, hexadecimal, of everything that guides say, in their order; empty for none."""
    if not guides:
        return ""
    digest = hashlib.sha256()
    for guide in guides:
        height, width = guide.luma.shape
        has_picture = guide.ab is not None
        digest.update(struct.pack("<qiiii", guide.frame_number, width, height, has_picture, len(guide.hints)))
        digest.update(encode_luma(guide.luma))
        if guide.ab is not None:
            digest.update(encode_ab(guide.ab))
        for hint in guide.hints:
            # As on the wire: what a float32 cannot tell apart is the same hint.
            digest.update(struct.pack("<5f", hint.x, hint.y, hint.radius, hint.a, hint.b))
    return digest.hexdigest()
