"""What names a frame by its content: the hash of its luma, and that of its shot up to it."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import NewType

import numpy as np
from numpy.typing import NDArray

__all__ = ["HASH_BYTES", "HistoryHash", "LumaHash", "Prints", "luma_hash", "prints_of"]

HASH_BYTES = 16
"""128 bits: two different frames among 2^40 share a hash with a probability of 10^-15."""

LumaHash = NewType("LumaHash", bytes)
HistoryHash = NewType("HistoryHash", bytes)


@dataclass(frozen=True, slots=True)
class Prints:
    """The hashes of one frame."""

    luma: LumaHash
    history: HistoryHash | None
    """Of the lumas of its shot up to it, which is all of the film that its colour depends on; None: not known."""


def luma_hash(luma: NDArray[np.uint16]) -> LumaHash:
    """The hash of the (H, W) luma that goes to the server; its size counts too."""
    digest = blake2b(digest_size=HASH_BYTES, person=b"kc luma")
    digest.update(np.array(luma.shape, "<u4").tobytes())
    digest.update(np.ascontiguousarray(luma, "<u2").data)
    return LumaHash(digest.digest())


def prints_of(luma: LumaHash, before: HistoryHash | None) -> Prints:
    """The hashes of a frame.

    Args:
        luma: Its own.
        before: The history of the frame before it in its shot; None for the first frame of a shot.
    """
    digest = blake2b(digest_size=HASH_BYTES, person=b"kc history")
    digest.update(before or b"")
    digest.update(luma)
    return Prints(luma, HistoryHash(digest.digest()))
