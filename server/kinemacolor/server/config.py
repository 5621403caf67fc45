"""The server's settings: one frozen value, checked once."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from kinemacolor.wire.limits import DEFAULT_WINDOW_FRAMES, MAX_WINDOW_FRAMES
from kinemacolor.wire.text import HOST_PORT, as_characters

HTTP_CONNECTIONS = 64
"""Open at once on the HTTP port: a browser has six, a collector of metrics one."""
HTTP_REQUEST_SECONDS = 10.0
"""Until the first request on a connection is complete, the TLS handshake included."""
HTTP_IDLE_SECONDS = 40.0
"""From one request to the next; above aiohttp's own limit, which knows nothing of half a request."""


class ConfigError(Exception):
    """A setting that cannot work; the text is one line for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """Everything that decides how a server behaves.

    Raises:
        ConfigError: a value is out of its range, or the address is not local.
    """

    listen: str = "127.0.0.1:7411"
    """`unix:/absolute/path` or `host:port`; port 0 takes a free one. Others than loopback need a token or client CA."""
    http: str | None = None
    """`host:port` of the page, the metrics and the probes, by the same rule; None: there is no such port."""
    token_file: Path | None = None
    """Tokens of those who may use the server; None: everybody who reaches it."""
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    """PEM files; the authority of the clients' certificates makes TLS mutual."""
    device: str = "auto"
    """`auto`, `cpu` or `cuda:N`."""
    dtype: str = "auto"
    """`auto`, `fp32` or `bf16`."""
    threads: int = 0
    """torch threads on a CPU; 0 = torch's own default. Part of the device class."""
    default_model: str | None = None
    """None = the registry's default."""
    max_clips: int = 32
    """Clips with a state at a time, attached or waiting for a resume."""
    window: int = DEFAULT_WINDOW_FRAMES
    resume_ttl_seconds: float = 600.0
    """How long a clip without a stream is kept."""
    idle_seconds: float = 1800.0
    """How long a stream may be silent; an editor left open must not hold a state for ever."""
    grace_seconds: float = 30.0
    """How long a drain waits for open clips."""
    state_folder: Path | None = None
    """Where snapshots are kept; None: the default folder, for a server that outlives its clients."""
    snapshot_bytes: int = 4 << 30
    """For the snapshots of all clips; one clip has at most its part of it, 1 / max_clips."""
    device_state_bytes: int = 2 << 30
    """Device memory for the states of all clips; those used last stay."""
    ram_state_bytes: int = 4 << 30
    """RAM for those that had to leave a GPU; the rest goes to disk."""
    stall_seconds: float = 600.0
    """How long one piece of work may hold the device before the server gives it up and ends."""
    max_batch: int = 8
    """Largest batch of the frame network that the self-test may allow; 1 on a CPU, where batching gains nothing."""

    @property
    def max_streams(self) -> int:
        """Streams at a time: each clip's own, one that takes it over, and some that are about to be refused.

        A stream whose client neither reads nor leaves cannot be ended by gRPC; so their number has a bound of its own.
        """
        return 2 * self.max_clips + 16

    @property
    def is_guarded(self) -> bool:
        """Clients have to say who they are."""
        return self.token_file is not None or self.tls_client_ca is not None

    def __post_init__(self) -> None:
        check_listen(self.listen, is_guarded=self.is_guarded)
        self._check_http()
        self._check_tls()
        _check_range("window", self.window, 1, MAX_WINDOW_FRAMES)
        _check_range("max-clips", self.max_clips, 1, 10_000)
        _check_range("max-batch", self.max_batch, 1, 64)
        _check_range("threads", self.threads, 0, 1024)
        _check_range("snapshot-bytes", self.snapshot_bytes, 0, 1 << 50)
        _check_range("device-states", self.device_state_bytes, 0, 1 << 50)
        _check_range("ram-states", self.ram_state_bytes, 0, 1 << 50)
        _check_range("stall", self.stall_seconds, 1, 7 * 86400)
        if self.idle_seconds == 0:
            raise ConfigError("--idle must be more than 0: every stream is silent for a moment")
        for name in ("resume_ttl_seconds", "idle_seconds", "grace_seconds"):
            _check_range(name.replace("_seconds", "").replace("_", "-"), getattr(self, name), 0, 7 * 86400)

    def _check_http(self) -> None:
        if self.http is None:
            return
        if self.http.startswith("unix:"):
            raise ConfigError(f"--http takes host:port, found {self.http}")
        check_listen(self.http, is_guarded=self.is_guarded)
        if self.http == self.listen and not self.http.endswith(":0"):
            raise ConfigError(f"--http and --listen are both {self.http}; each needs a port of its own")

    def _check_tls(self) -> None:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ConfigError("--tls-cert and --tls-key go together")
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise ConfigError("--tls-client-ca needs --tls-cert and --tls-key")
        if self.tls_certificate is not None and self.listen.startswith("unix:"):
            raise ConfigError("TLS is for host:port; a unix socket is kept from others by its folder")


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"--{name} must be {low} to {high}, found {value}")


_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse_bytes(text: str) -> int:
    """A number of bytes: digits, and K, M, G or T for powers of 1024.

    Raises:
        ValueError: it is none.
    """
    digits, unit = (text[:-1], text[-1:].upper()) if text[-1:].isalpha() else (text, "")
    if not (digits.isascii() and digits.isdigit()) or unit not in _UNITS:
        raise ValueError(f"expected a number of bytes such as 4G, found {text!r}")
    return int(digits) * _UNITS[unit]


def check_listen(address: str, *, is_guarded: bool) -> None:
    """Accept addresses that this machine alone can reach, and others if clients have to say who they are.

    Args:
        address: `unix:/path` or `host:port`.
        is_guarded: Clients show a token or a certificate.

    Raises:
        ConfigError: It is no address, all interfaces at once by IPv6, or others can reach it unguarded.
    """
    if address.startswith("unix:"):
        if not address.startswith("unix:/") or "\0" in address or address != as_characters(address):
            raise ConfigError(f"expected unix:/absolute/path, found {address!r}")
        return
    match = HOST_PORT.fullmatch(address)
    if match is None or int(match["port"]) > 65535:
        raise ConfigError(f"expected host:port, [ipv6]:port or unix:/path, found {address!r}")
    host = match["host"]
    if _is_all_of_ipv6(host):
        raise ConfigError(f"{host} would listen on addresses of IPv4, too; name an address, or 0.0.0.0 for all of IPv4")
    if not is_guarded and not is_loopback(host):
        raise ConfigError(
            f"{address} can be reached from other machines: that needs --token-file, or --tls-client-ca; without one "
            "of them this server listens on loopback (127.0.0.1, [::1], localhost) or a unix socket only"
        )


def _is_all_of_ipv6(host: str) -> bool:
    """`[::]`, however it is written."""
    try:
        return host.startswith("[") and ipaddress.ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the host; a name is one of others but for `localhost`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


def is_plain_elsewhere(config: ServerConfig) -> bool:
    """Whether a token travels in clear to this server over a network."""
    if config.tls_certificate is not None:
        return False
    addresses = [address for address in (config.listen, config.http) if address and not address.startswith("unix:")]
    return not all(is_loopback(address.rpartition(":")[0]) for address in addresses)
