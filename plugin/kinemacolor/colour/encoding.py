"""How code values stand for colours: matrix, range, transfer and primaries, with their code points.

The integer of every member is its code point in ITU-T H.273 (which FFmpeg uses as well), so that tags are read and
written without a second table. `Range` follows FFmpeg (1 = limited, 2 = full), because H.273 has only a flag.
"""

from dataclasses import dataclass
from enum import Enum

__all__ = ["ColourEncoding", "Matrix", "Primaries", "Range", "Siting", "Transfer"]


class Matrix(Enum):
    """Which Kr and Kb define luma: Y' = Kr R' + (1 - Kr - Kb) G' + Kb B'."""

    BT709 = 1
    FCC = 4
    BT470BG = 5
    """BT.601 as tagged by 625-line systems; the same coefficients as SMPTE170M."""
    SMPTE170M = 6
    """BT.601 as tagged by 525-line systems."""
    SMPTE240M = 7
    BT2020_NCL = 9


class Range(Enum):
    """Which codes are black and white."""

    LIMITED = 1
    FULL = 2


class Transfer(Enum):
    """Which function turns a code value into light."""

    BT709 = 1
    """Camera-side tag of BT.709, BT.601 and BT.2020 material; displayed by BT.1886 (gamma 2.4)."""
    GAMMA22 = 4
    GAMMA28 = 5
    SMPTE170M = 6
    SMPTE240M = 7
    LINEAR = 8
    SRGB = 13
    BT2020_10 = 14
    BT2020_12 = 15
    PQ = 16
    HLG = 18


class Primaries(Enum):
    """Which chromaticities R, G and B have. All of them have the white point D65."""

    BT709 = 1
    BT470BG = 5
    SMPTE170M = 6
    SMPTE240M = 7
    BT2020 = 9
    DISPLAY_P3 = 12


class Siting(Enum):
    """Where a subsampled chroma sample lies; code points of FFmpeg's AVChromaLocation."""

    LEFT = 1
    CENTER = 2
    TOPLEFT = 3
    TOP = 4
    BOTTOMLEFT = 5
    BOTTOM = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourEncoding:
    """Everything needed to read the code values of a clip. Never contains a guess without `assumed` naming it."""

    matrix: Matrix
    range: Range
    transfer: Transfer
    primaries: Primaries
    assumed: tuple[str, ...] = ()
    """Names of the fields the file did not tag, for the message that says so."""
