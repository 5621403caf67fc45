"""The one place that writes to the terminal: data to stdout, everything else to stderr."""

import contextlib
import json
import sys
from collections.abc import Mapping

from kinemacolor.render.errors import RenderError


def say(text: str) -> None:
    """One line for a person, on stderr. A film does not fail because nobody listens."""
    # A process started with stderr closed has None there.
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()


def put(text: str) -> None:
    """One line of what was asked for, on stdout.

    Raises:
        RenderError: Nobody takes it.
    """
    if sys.stdout is None:
        raise RenderError("standard output is closed")
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except OSError as error:
        raise RenderError(f"standard output cannot be written: {error.strerror}") from error


def put_json(value: Mapping[str, object] | list[object]) -> None:
    """One JSON document, readable, on stdout."""
    put(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def put_json_line(value: Mapping[str, object]) -> None:
    """One JSON object in one line, on stdout."""
    put(json.dumps(value, ensure_ascii=False, default=str))
