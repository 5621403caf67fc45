"""The socket of the HTTP port; taken before anything else is loaded, so nothing is imported here."""

import socket

__all__ = ["bind"]

_BACKLOG = 64


def bind(address: str) -> socket.socket:
    """Take `host:port` and listen; who connects before there are answers waits for them.

    Raises:
        OSError: It is taken, or no address of this machine.
    """
    host, _, port = address.rpartition(":")
    found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, place = found[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(place)
        made.listen(_BACKLOG)  # only then it is ours: with SO_REUSEADDR two may be bound to one port
    except OSError:
        made.close()
        raise
    return made
