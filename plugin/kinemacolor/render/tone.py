"""The tone of a film's print: found once, before anything is coloured, and what follows from it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from kinemacolor.colour.encoding import ColourEncoding
from kinemacolor.media.spread import spread_pictures
from kinemacolor.media.types import SourceInfo
from kinemacolor.picture.merge import AB_SCALE, Ab
from kinemacolor.picture.pixel import Family
from kinemacolor.picture.proxy import Proxy
from kinemacolor.picture.tone import (
    Finding,
    ToneCurve,
    find_tone,
    name_tone,
    neutral_table,
    tone_ab_table,
    tone_samples,
)
from kinemacolor.render.options import ToneUse
from kinemacolor.render.report import source_notes

__all__ = ["NO_TONE", "FilmTone", "read_tone"]

_LARGEST_AB = 128 * AB_SCALE - 1


@dataclass(frozen=True)
class FilmTone:
    """What is done about the tone of one film."""

    notes: tuple[str, ...] = ()
    """What is to be said once about the film's colour."""
    curve: ToneCurve | None = None
    """None: the film's luma is the network's, and no tone comes back."""
    encoding: ColourEncoding | None = None
    """Of the film; given with a curve."""
    is_kept: bool = False
    """True: the print's tone is added to the colours."""

    @cached_property
    def identity(self) -> str:
        """Two films with equal ones are treated alike."""
        if self.curve is None:
            return "none"
        print_ = hashlib.sha256(repr(self.curve).encode()).hexdigest()[:16]
        return f"{'kept' if self.is_kept else 'removed'} {print_}"

    def neutral(self, proxy: Proxy) -> Proxy:
        """The luma that the network sees, of the film's luma at its size; the same array if there is no tone."""
        table = self._neutral
        return proxy if table is None else table[proxy]

    def toned(self, ab: Ab, amount: float, film_proxy: Callable[[], Proxy]) -> tuple[Ab, float]:
        """The colours with the print's own tone, which no amount weakens.

        Args:
            ab: (2, h, w) from the server.
            amount: Factor on them.
            film_proxy: Gives the film's own luma at their size.

        Returns:
            Colours, and the factor that is still to be applied.
        """
        table = self._tone
        if table is None:
            return ab, amount
        scaled = ab * np.float32(amount) + table[:, film_proxy()]
        return np.clip(np.rint(scaled), -_LARGEST_AB, _LARGEST_AB).astype(np.int16), 1.0

    @cached_property
    def _neutral(self) -> Proxy | None:
        if self.curve is None or self.encoding is None:
            return None
        return neutral_table(self.curve, self.encoding.matrix)

    @cached_property
    def _tone(self) -> Ab | None:
        if self.curve is None or self.encoding is None or not self.is_kept:
            return None
        return tone_ab_table(self.curve, self.encoding)


NO_TONE = FilmTone()
"""The film's luma is the network's."""


def read_tone(path: Path, info: SourceInfo, use: ToneUse) -> FilmTone:
    """Look at a few pictures of a film.

    Args:
        path: The film, or the pattern of a sequence.
        info: What `probe` returned for it.
        use: What the user wants of a tone.

    Raises:
        SourceError: The film cannot be opened.
    """
    if use is ToneUse.IGNORE:
        return FilmTone(tuple(source_notes(info)))
    if info.pixel_format.family is Family.GRAY:
        return NO_TONE
    pictures = spread_pictures(path, info)
    finding, curve = find_tone([tone_samples(planes, info.pixel_format, info.encoding) for planes in pictures])
    if curve is None:
        return FilmTone(_notes_without_curve(finding, info))
    tint = name_tone(curve, info.encoding)
    kept = "; the tone comes back beside the colours" if use is ToneUse.KEEP else ""
    note = f"{'tinted' if tint.is_tinted else 'toned'} print: {tint.name}, luma is taken after removing it{kept}"
    return FilmTone((note,), curve, info.encoding, use is ToneUse.KEEP)


def _notes_without_curve(finding: Finding, info: SourceInfo) -> tuple[str, ...]:
    if finding is Finding.COLOURED:
        return ("the film has colours of its own; its luma is used, its chroma is replaced",)
    if finding is Finding.SEVERAL:
        return ("the film is tinted in more than one colour; its luma is used, its chroma is replaced",)
    # A colour that only the first pictures have is still worth a word.
    return tuple(source_notes(info))
