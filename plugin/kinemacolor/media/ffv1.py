"""The checksums of FFV1 slices. FFmpeg's decoder patches a damaged slice with the picture before and tells nobody.

Format: RFC 9043, 4.9. From version 3 on a packet is a row of slices; each ends with its size (3 bytes), and in most
files with an error status (1 byte) and a CRC (4 bytes) that makes the CRC-32 of the whole slice zero.
"""

import zlib

__all__ = ["SliceChecker", "slices_are_intact"]

_FOOTER_BYTES = 3 + 1 + 4
_ALL_ONES = 0xFFFFFFFF
# FFV1's CRC takes the highest bit of a byte first, zlib's the lowest; and zlib starts and ends with all ones.
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class SliceChecker:
    """Checks the packets of one film. Whether it has checksums is learnt from the first packet that passes."""

    def __init__(self) -> None:
        self._has_checksums = False

    def is_damaged(self, payload: bytes) -> bool:
        """True if this film's packets carry checksums and this packet does not pass."""
        intact = slices_are_intact(payload)
        self._has_checksums = self._has_checksums or intact
        return self._has_checksums and not intact


def slices_are_intact(payload: bytes) -> bool:
    """True if a packet is a row of slices with checksums and all of them are right."""
    end = len(payload)
    while end >= _FOOTER_BYTES:
        size = int.from_bytes(payload[end - _FOOTER_BYTES : end - _FOOTER_BYTES + 3], "big")
        start = end - _FOOTER_BYTES - size
        if start < 0 or zlib.crc32(payload[start:end].translate(_MIRRORED), _ALL_ONES) != _ALL_ONES:
            return False
        end = start
    return end == 0 and bool(payload)
