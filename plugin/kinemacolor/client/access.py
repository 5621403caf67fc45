"""How a client shows who it is, and how it knows the server: a token, and certificates for TLS."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from kinemacolor.client.errors import AccessFileError

__all__ = ["Access", "AccessFiles", "read_access"]

_TOKEN, _TOKEN_FILE = "KINEMACOLOR_TOKEN", "KINEMACOLOR_TOKEN_FILE"
_CA, _CERTIFICATE, _KEY = "KINEMACOLOR_TLS_CA", "KINEMACOLOR_TLS_CERT", "KINEMACOLOR_TLS_KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessFiles:
    """Where the secrets are; what is None is looked up in the environment. All but the token's are PEM."""

    token: Path | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The secrets themselves; kept out of `repr`, so that no log has them."""

    token: str = field(default="", repr=False)
    ca: bytes | None = field(default=None, repr=False)
    """Authorities that are trusted; None: those that grpc comes with."""
    certificate: bytes | None = field(default=None, repr=False)
    key: bytes | None = field(default=None, repr=False)

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """For a connection with TLS."""
        return grpc.ssl_channel_credentials(self.ca, self.key, self.certificate)


def read_access(files: AccessFiles, environ: Mapping[str, str] = os.environ) -> Access:
    """Read what the files and the environment name; read anew for each connection, so that a token may be changed.

    Raises:
        AccessFileError: A file cannot be read, the token is none, or a certificate has no key.
    """
    certificate, key = _file(files.certificate, environ, _CERTIFICATE), _file(files.key, environ, _KEY)
    if (certificate is None) != (key is None):
        raise AccessFileError("a client's certificate and its key go together (--tls-cert, --tls-key)")
    return Access(token=_token(files, environ), ca=_file(files.ca, environ, _CA), certificate=certificate, key=key)


def _token(files: AccessFiles, environ: Mapping[str, str]) -> str:
    text = "" if files.token is not None else environ.get(_TOKEN, "").strip()
    if not text:
        data = _file(files.token, environ, _TOKEN_FILE)
        text = "" if data is None else _first_token(data.decode("utf-8", "replace"))
    if not (text.isascii() and text.isprintable() and " " not in text):
        raise AccessFileError("a token is one word of ASCII characters; found something else")
    return text


def _first_token(text: str) -> str:
    """A server's token file serves its clients, too."""
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line and not line.startswith("#")), "")


def _file(path: Path | None, environ: Mapping[str, str], variable: str) -> bytes | None:
    named = path if path is not None else Path(environ[variable]) if environ.get(variable) else None
    if named is None:
        return None
    try:
        return named.read_bytes()
    except OSError as error:
        raise AccessFileError(f"{named}: cannot be read: {error.strerror}") from error
