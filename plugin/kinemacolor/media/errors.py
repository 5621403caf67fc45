"""Errors of the media side. PyAV's exceptions are translated to these once, at the border of this package."""


class MediaError(Exception):
    """Base of all errors that kinemacolor.media raises on purpose. The text is one clear line for a person."""


class SourceError(MediaError):
    """The input cannot be read: missing, not a video, no frames, damaged."""


class UnsupportedSourceError(SourceError):
    """The input can be read but not honestly coloured: interlaced, PQ/HLG without --transfer. Says the way out."""


class TruncatedSourceError(SourceError):
    """The input ended or broke in the middle; what was decoded before is good."""


class OutputError(MediaError):
    """The output cannot be written as asked. Raised before frame 1 wherever it can be known then."""


class UnsupportedTrackError(OutputError):
    """The container cannot hold a track; names one that can."""


class DiskFullError(OutputError):
    """No room left on the output's file system (ENOSPC, EDQUOT)."""


class DamagedPartError(OutputError):
    """A finished part of the output is not what was written; it has to be made again."""


class ShotListError(SourceError):
    """A list of shots cannot be read, or does not fit the film."""


class ProjectFileError(SourceError):
    """A project file cannot be read, or does not fit the film."""
