"""Which hints of a picture are at one place. Both ends have to agree, so this is about what is sent."""

import struct

from kinemacolor.wire.frame import Geometry, HintPoint

__all__ = ["hint_colour", "hint_sample"]


def hint_sample(hint: HintPoint, geometry: Geometry) -> tuple[int, int]:
    """Row and column of the sample that a hint's centre lies in, which has one colour at most."""
    x, y = _as_sent(hint.x, hint.y)
    height, width = geometry.height_px, geometry.width_px
    return min(int(y * height), height - 1), min(int(x * width), width - 1)


def hint_colour(hint: HintPoint) -> tuple[float, float]:
    """A hint's a*, b* as they arrive."""
    return _as_sent(hint.a, hint.b)


def _as_sent(first: float, second: float) -> tuple[float, float]:
    """As float32, for a client may have more digits than the wire."""
    one, other = struct.unpack("<2f", struct.pack("<2f", first, second))
    return one, other
