"""Certificates of the server: checked at its start with the system's TLS, read again when the files change."""

import base64
import logging
import re
import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc

from kinemacolor.server.config import ConfigError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files."""

    certificate: Path
    """The server's, with those between it and the root behind it."""
    key: Path
    client_ca: Path | None = None
    """Given: only clients with a certificate of this authority get in (mutual TLS)."""


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """What a port listens with. A renewed certificate is taken from the next connection on.

    Raises:
        ConfigError: A file cannot be read, is no certificate or key, or the two do not belong together.
    """
    reader = _Reader(files)
    return grpc.dynamic_ssl_server_credentials(
        reader.first,
        reader.changed,  # type: ignore[arg-type]  # may return None, says grpc's documentation
        files.client_ca is not None,
    )


def http_context(files: TlsFiles) -> ssl.SSLContext:
    """The same for a port of Python's own TLS.

    A certificate of the client is asked for and checked, but a connection without one is taken: probes have none. Who
    answers on it has to look.

    Raises:
        ConfigError: As `server_credentials`.
    """
    reader = _ContextReader(files)
    reader.first.sni_callback = reader.renew  # called with and without a name
    return reader.first


class _ContextReader:
    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._contents = _read(files)
        self.first = self._latest = _context(files)

    def renew(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, context: ssl.SSLContext) -> None:
        """At every handshake: a certificate that has changed is taken."""
        try:
            contents = _read(self._files)
            if contents != self._contents:
                self._latest, self._contents = _context(self._files), contents
                _log.info("certificate read again")
        except ConfigError as error:
            _log.error("certificate not read again", extra={"why": str(error)})
        connection.context = self._latest


def _context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
        if files.client_ca is not None:
            context.load_verify_locations(files.client_ca)
            context.verify_mode = ssl.CERT_OPTIONAL
    except (ssl.SSLError, OSError, ValueError) as error:
        raise ConfigError(f"{files.certificate}: {_reason(error)}") from error
    return context


class _Reader:
    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._contents = _read(files)
        self.first = _configuration(self._contents)

    def changed(self) -> "grpc.ServerCertificateConfiguration | None":
        """Asked at every handshake; None: as before."""
        try:
            contents = _read(self._files)
        except ConfigError as error:
            _log.error("certificate not read again", extra={"why": str(error)})
            return None
        if contents == self._contents:
            return None
        self._contents = contents
        _log.info("certificate read again")
        return _configuration(contents)


_Contents = tuple[bytes, bytes, bytes | None]


def _configuration(contents: _Contents) -> "grpc.ServerCertificateConfiguration":
    certificate, key, client_ca = contents
    return grpc.ssl_server_certificate_configuration([(key, certificate)], client_ca)


_TRIES = 3


def _read(files: TlsFiles) -> _Contents:
    """What is checked is what is returned: files may be replaced, one after the other, at any moment."""
    for _ in range(_TRIES):
        contents = _contents(files)
        _check(files)
        if _ED25519_KEY in _first_certificate(contents[0]):
            what = "gRPC takes no certificates for Ed25519 keys; one for a key of RSA or ECDSA (P-256) will do"
            raise ConfigError(f"{files.certificate}: {what}")
        if _contents(files) == contents:
            return contents
    raise ConfigError(f"{files.certificate}: it changed while it was read")


def _contents(files: TlsFiles) -> _Contents:
    client_ca = None if files.client_ca is None else _bytes(files.client_ca)
    return _bytes(files.certificate), _bytes(files.key), client_ca


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error


def _check(files: TlsFiles) -> None:
    """Grpc takes what it is given and fails at the first client; so ask another library first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # A password would be asked for on the terminal of whoever starts the server.
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        what = f"{files.certificate} and {files.key}"
        raise ConfigError(f"{what}: expected a certificate and its key in PEM: {_reason(error)}") from error
    if files.client_ca is None:
        return
    try:
        context.load_verify_locations(files.client_ca)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(f"{files.client_ca}: expected certificates in PEM: {_reason(error)}") from error


_ED25519_KEY = bytes.fromhex("302a300506032b6570032100")
"""How a public key of that kind begins in a certificate (RFC 8410); who has signed it may have one."""
_PEM = re.compile(rb"^-----BEGIN CERTIFICATE-----\s*$(.*?)^-----END CERTIFICATE-----", re.MULTILINE | re.DOTALL)


def _first_certificate(pem: bytes) -> bytes:
    """In DER, of what the system's TLS has read; empty if it stands there in another form."""
    found = _PEM.search(pem)
    try:
        return b"" if found is None else base64.b64decode(found[1])
    except ValueError:
        return b""


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return str(error)
