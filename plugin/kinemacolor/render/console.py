"""The one place that writes to the terminal: data to stdout, everything else to stderr."""

import json
import sys
from collections.abc import Mapping


def say(text: str) -> None:
    """One line for a person, on stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def put(text: str) -> None:
    """One line of what was asked for, on stdout."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def put_json(value: Mapping[str, object] | list[object]) -> None:
    """One JSON document, readable, on stdout."""
    put(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def put_json_line(value: Mapping[str, object]) -> None:
    """One JSON object in one line, on stdout."""
    put(json.dumps(value, ensure_ascii=False, default=str))
