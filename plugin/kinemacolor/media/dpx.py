"""What a DPX header says beside the picture: timecode, frame rate, film key. Offsets of SMPTE ST 268-1."""

import struct
from dataclasses import dataclass
from fractions import Fraction

from kinemacolor.media.timecode import normalise_timecode

__all__ = ["DpxHeader", "exact_rate", "parse_dpx_header"]

_TRANSFER_AT = 801  # first image element: 780 + 21
_FILM_AT = 1664
_FILM_RATE_AT = 1724
_TIMECODE_AT = 1920
_TV_RATE_AT = 1940
_HEADER_BYTES = 2048
_TRANSFERS = {1: "printing density", 3: "logarithmic"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DpxHeader:
    """The fields that are set; None for those left undefined."""

    timecode: str | None
    frame_rate: Fraction | None
    film_key: str | None
    """Manufacturer, type, offset, prefix and count of the film edge code, 16 digits."""
    transfer: str | None
    """Named only where it is not a display curve: "printing density" or "logarithmic"."""


def parse_dpx_header(head: bytes) -> DpxHeader | None:
    """Parse the first 2048 bytes of a DPX file; None if this is none or its header is shorter."""
    order = {b"SDPX": ">", b"XPDS": "<"}.get(head[:4])
    if order is None or len(head) < _HEADER_BYTES:
        return None
    film_rate, tv_rate = (struct.unpack_from(f"{order}f", head, at)[0] for at in (_FILM_RATE_AT, _TV_RATE_AT))
    digits = f"{struct.unpack_from(f'{order}I', head, _TIMECODE_AT)[0]:08x}"
    key = head[_FILM_AT : _FILM_AT + 16]
    return DpxHeader(
        timecode=normalise_timecode(":".join(digits[at : at + 2] for at in range(0, 8, 2))),
        frame_rate=exact_rate(film_rate) or exact_rate(tv_rate),
        film_key=key.decode() if key.isdigit() else None,
        transfer=_TRANSFERS.get(head[_TRANSFER_AT]),
    )


def exact_rate(rate: float) -> Fraction | None:
    """The frame rate that a float stands for: whole, or a multiple of 1000/1001; None if it is no rate."""
    if not 1.0 <= rate <= 1000.0:  # also true for NaN, which DPX writers leave behind
        return None
    for candidate in (Fraction(round(rate)), Fraction(round(rate * 1.001) * 1000, 1001)):
        if abs(float(candidate) - rate) < 0.002:
            return candidate
    return Fraction(rate).limit_denominator(1000)
