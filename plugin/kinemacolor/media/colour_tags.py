"""From a file's colour tags to a `ColourEncoding`, with documented defaults for what is not tagged.

Defaults, in this order, each named in `ColourEncoding.assumed`:

* range: full for gray (as FFmpeg's swscale takes it) and for RGB, limited for Y'CbCr. `yuvj*` is full by its name.
* matrix: what tagged primaries imply; else by size as players do: BT.709 if higher than 576 lines or at least 1280
  wide (a letterboxed HD film has fewer lines), else BT.601: the 625-line variant for more than 486 lines or for 25 and
  50 frames a second, the 525-line one otherwise. UHD without tags is BT.709. RGB: BT.709, gray the same rule as Y'CbCr.
* primaries and transfer: those that belong to the matrix. RGB pictures (PNG, TIFF and their kind): sRGB.
"""

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import TypeVar

from kinemacolor.colour.encoding import ColourEncoding, Matrix, Primaries, Range, Transfer
from kinemacolor.media.errors import UnsupportedSourceError
from kinemacolor.picture.pixel import Family

__all__ = ["RawTags", "encoding_of"]

_UNSPECIFIED = (0, 2)  # 0 is "reserved" for primaries and transfer, 2 is "unspecified" (H.273)
_RGB_MATRIX = 0  # H.273: identity, the samples are R'G'B'
_SAME_CURVE = {11: Transfer.BT709, 12: Transfer.BT709}  # xvYCC and BT.1361: BT.709's curve, extended outside [0, 1]
_STILL_CODECS = frozenset({"png", "apng", "tiff", "bmp", "targa", "webp", "gif", "mjpeg", "sgi", "qtrle"})

_TRANSFER_OF = {
    Matrix.BT709: Transfer.BT709,
    Matrix.FCC: Transfer.GAMMA22,
    Matrix.BT470BG: Transfer.SMPTE170M,
    Matrix.SMPTE170M: Transfer.SMPTE170M,
    Matrix.SMPTE240M: Transfer.SMPTE240M,
    Matrix.BT2020_NCL: Transfer.BT2020_10,
}
_PRIMARIES_OF = {
    Matrix.BT709: Primaries.BT709,
    Matrix.FCC: Primaries.SMPTE170M,
    Matrix.BT470BG: Primaries.BT470BG,
    Matrix.SMPTE170M: Primaries.SMPTE170M,
    Matrix.SMPTE240M: Primaries.SMPTE240M,
    Matrix.BT2020_NCL: Primaries.BT2020,
}
_MATRIX_OF = {
    Primaries.BT709: Matrix.BT709,
    Primaries.BT470BG: Matrix.BT470BG,
    Primaries.SMPTE170M: Matrix.SMPTE170M,
    Primaries.SMPTE240M: Matrix.SMPTE240M,
    Primaries.BT2020: Matrix.BT2020_NCL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTags:
    """What a file says, as FFmpeg's integers, and what the defaults depend on."""

    matrix: int
    range: int
    transfer: int
    primaries: int
    family: Family
    full_range_format: bool
    """True for `yuvj*`."""
    codec: str
    width_px: int
    height_px: int
    frame_rate: Fraction | None


_Tag = TypeVar("_Tag", bound=Enum)


def encoding_of(
    tags: RawTags,
    *,
    matrix: Matrix | None = None,
    range: Range | None = None,
    transfer: Transfer | None = None,
    primaries: Primaries | None = None,
) -> ColourEncoding:
    """The encoding of a film. Keyword arguments are what the user said; they beat the tags and are not "assumed".

    Raises:
        UnsupportedSourceError: a tagged matrix or transfer that is not among ours (YCgCo, ICtCp, log).
    """
    assumed: list[str] = []
    told_primaries = primaries or _known(Primaries, tags.primaries)
    final_matrix = matrix or _tagged_matrix(tags) or _assume(assumed, "matrix", _default_matrix(tags, told_primaries))
    told_range = range or (Range.FULL if tags.full_range_format else _known(Range, tags.range, unspecified=(0,)))
    told_transfer = transfer or _tagged_transfer(tags.transfer)
    return ColourEncoding(
        matrix=final_matrix,
        range=told_range or _assume(assumed, "range", _default_range(tags.family)),
        transfer=told_transfer or _assume(assumed, "transfer", _default_transfer(tags, final_matrix)),
        primaries=told_primaries or _assume(assumed, "primaries", _default_primaries(tags, final_matrix)),
        assumed=tuple(assumed),
    )


def _assume(assumed: list[str], name: str, value: _Tag) -> _Tag:
    assumed.append(name)
    return value


def _known(kind: type[_Tag], value: int, unspecified: tuple[int, ...] = _UNSPECIFIED) -> _Tag | None:
    """The member with this code point; None if untagged or not among ours."""
    if value in unspecified or value not in {member.value for member in kind}:
        return None
    return kind(value)


def _tagged_matrix(tags: RawTags) -> Matrix | None:
    if tags.family is Family.RGB or tags.matrix == _RGB_MATRIX:
        return None  # an RGB file names no luma weights
    found = _known(Matrix, tags.matrix, unspecified=(2,))
    if found is None and tags.matrix != 2 and tags.family is Family.YUV:
        raise UnsupportedSourceError(
            f"colour matrix {tags.matrix} (H.273) is not supported; convert the film to BT.709"
        )
    return found


def _tagged_transfer(value: int) -> Transfer | None:
    if value in _SAME_CURVE:
        return _SAME_CURVE[value]
    found = _known(Transfer, value)
    if found is None and value not in _UNSPECIFIED:
        raise UnsupportedSourceError(
            f"transfer {value} (H.273) is not supported; say --transfer to read it as another one"
        )
    return found


def _default_matrix(tags: RawTags, primaries: Primaries | None) -> Matrix:
    if primaries in _MATRIX_OF:
        return _MATRIX_OF[primaries]
    if tags.family is Family.RGB or tags.height_px > 576 or tags.width_px >= 1280:
        return Matrix.BT709
    if tags.height_px > 486 or tags.frame_rate in (25, 50):
        return Matrix.BT470BG
    return Matrix.SMPTE170M


def _default_range(family: Family) -> Range:
    return Range.LIMITED if family is Family.YUV else Range.FULL


def _is_still(tags: RawTags) -> bool:
    return tags.family is not Family.YUV and tags.codec in _STILL_CODECS


def _default_transfer(tags: RawTags, matrix: Matrix) -> Transfer:
    return Transfer.SRGB if _is_still(tags) else _TRANSFER_OF[matrix]


def _default_primaries(tags: RawTags, matrix: Matrix) -> Primaries:
    return Primaries.BT709 if _is_still(tags) else _PRIMARIES_OF[matrix]
