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
    """One line of what was asked for, on stdout; characters that it cannot take are written as escapes.

    Raises:
        RenderError: Nobody takes it.
    """
    if sys.stdout is None:
        raise RenderError("standard output is closed")
    try:
        sys.stdout.write(f"{_writable(text)}\n")
        sys.stdout.flush()
    except OSError as error:
        raise RenderError(f"standard output cannot be written: {error.strerror}") from error


def put_json(value: Mapping[str, object] | list[object]) -> None:
    """One JSON document, readable, on stdout."""
    put(_json(value, indent=2))


def put_json_line(value: Mapping[str, object]) -> None:
    """One JSON object in one line, on stdout."""
    put(_json(value, indent=None))


def _json(value: Mapping[str, object] | list[object], indent: int | None) -> str:
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=str)
    # JSON's own escapes: those of `put` would be no JSON.
    return text if _writable(text) == text else json.dumps(value, indent=indent, default=str)


def _writable(text: str) -> str:
    """As stdout can take it: a terminal may have ASCII alone, and a file's name bytes that are no characters."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
