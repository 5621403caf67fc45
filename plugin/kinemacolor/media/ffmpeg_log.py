"""FFmpeg's failures while writing become one clear OutputError, in FFmpeg's own words where it gave any."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import av
import av.logging

from kinemacolor.media.errors import DiskFullError, OutputError
from kinemacolor.media.output_file import FULL_DISK

__all__ = ["explained", "writing"]

_LEVEL = threading.RLock()  # PyAV's log level belongs to the process


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Translate what av raises to "`what`: reason". Slow (it turns FFmpeg's log on): for setting up, not per frame.

    Raises:
        OutputError: FFmpeg or PyAV refused.
    """
    with _LEVEL, av.logging.Capture() as messages:
        before, skipping = av.logging.get_level(), av.logging.get_skip_repeated()
        av.logging.set_level(av.logging.ERROR)
        av.logging.set_skip_repeated(False)  # or the same refusal twice would be explained with an older message
        try:
            yield
        except (av.FFmpegError, ValueError, TypeError, OverflowError) as error:
            raise OutputError(f"{what}: {_reason(messages, error)}") from error
        finally:
            av.logging.set_level(before)
            av.logging.set_skip_repeated(skipping)


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Translate what av raises while frames and packets flow. Cheap.

    Raises:
        DiskFullError: No room left.
        OutputError: Any other failure.
    """
    try:
        yield
    except av.FFmpegError as error:
        kind = DiskFullError if error.errno in FULL_DISK else OutputError
        raise kind(f"{what}: {error.strerror or type(error).__name__}") from error


def _reason(messages: list[tuple[int, str, str]], error: Exception) -> str:
    # The first line of a failure names the cause, the later ones its consequences.
    lines = [text.strip() for level, _, text in messages if level <= av.logging.ERROR and text.strip()]
    text = lines[0] if lines else str(getattr(error, "strerror", None) or error)
    return text.splitlines()[0].rstrip(".")
