"""Where a server listens."""

from dataclasses import dataclass

from kinemacolor.wire.text import HOST_PORT

_TLS = "tls:"
MAX_SOCKET_PATH_BYTES = 100
"""sun_path has 108 bytes on Linux and 104 on the BSDs and macOS, with its final zero."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A checked address; `str()` gives back the form that `parse` reads."""

    text: str
    """As the user wrote it."""

    @property
    def is_tls(self) -> bool:
        """Whether the connection is encrypted, and the server has to show a certificate."""
        return self.text.startswith(_TLS)

    @property
    def target(self) -> str:
        """What grpc connects to."""
        return self.text.removeprefix(_TLS)

    def __str__(self) -> str:
        return self.text

    @classmethod
    def parse(cls, text: str) -> "ServerAddress":
        """Read `unix:/absolute/path`, `host:port`, `[ipv6]:port`, or one of the last two with `tls:` before it.

        Raises:
            ValueError: It is none of these; the text names the forms.
        """
        if text.startswith("unix:"):
            return cls(_checked_socket(text))
        match = HOST_PORT.fullmatch(text.removeprefix(_TLS))
        if match is None or not 1 <= int(match["port"]) <= 65535:
            raise ValueError(f"expected unix:/path, host:port or tls:host:port, found {text!r}")
        return cls(text)


def _checked_socket(text: str) -> str:
    path = text.removeprefix("unix:")
    if not path.startswith("/") or "\0" in path:
        raise ValueError(f"a unix address needs an absolute path (unix:/path), found {text!r}")
    size = len(path.encode())
    if size > MAX_SOCKET_PATH_BYTES:
        raise ValueError(f"a socket path has at most {MAX_SOCKET_PATH_BYTES} bytes, found {size}")
    return text
