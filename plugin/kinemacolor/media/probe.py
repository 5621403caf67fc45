"""What a source is, a film file or an image sequence, known before its first frame is coloured."""

from pathlib import Path

from kinemacolor.media.file_probe import Assume, probe_file
from kinemacolor.media.frame_numbers import sequence_pattern
from kinemacolor.media.sequence_reader import probe_sequence
from kinemacolor.media.types import SourceInfo

__all__ = ["Assume", "probe"]


def probe(path: Path, *, assume: Assume | None = None) -> SourceInfo:
    """What a film file or an image sequence (`name.%04d.png`) says about itself and its first pictures show.

    Args:
        path: a file, or a pattern of an image sequence if no file has that very name.
        assume: what the user says; beats what the file says.

    Raises:
        SourceError: missing, unreadable, not a film, without pictures, encrypted; one line each.
        UnsupportedSourceError: a pixel format or colour tag that cannot be read without loss.
    """
    pattern = sequence_pattern(path)
    if pattern is not None:
        return probe_sequence(pattern, assume or Assume())
    return probe_file(path, assume or Assume())
