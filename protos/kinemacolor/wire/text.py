"""What both ends take for text and for addresses."""

import re

__all__ = ["HOST_PORT", "as_characters"]

HOST_PORT = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]+)?\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})", re.ASCII
)
"""`host:port` or `[ipv6]:port`, with a zone if need be. Without brackets grpc would take the port for a part of the
address."""


def as_characters(text: str) -> str:
    """Text that may be sent, stored and printed: names of files and arguments may hold bytes that are no characters.

    Those are written as escapes.
    """
    return text.encode(errors="backslashreplace").decode()
