"""What grpc says of a connection that did not come about, as our errors; its status is always UNAVAILABLE."""

from kinemacolor.client.address import ServerAddress
from kinemacolor.client.errors import AccessError, ClientError, ServerUnreachableError

_NOT_TRUSTED = (
    ("certificate has expired", "its certificate has expired"),
    ("certificate is not yet valid", "its certificate is not valid yet; is the clock of this machine right?"),
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is of no authority that is trusted here (--tls-ca)"),
    ("Hostname Verification Check failed", "its certificate is for another name"),
    ("WRONG_VERSION_NUMBER", "it does not speak TLS; its address has no tls: then"),
)
"""What grpc's text has in it (its own words and BoringSSL's names, seen with grpcio 1.85), and what that means."""


def unreachable(address: ServerAddress, details: str) -> ClientError:
    """The error for a server that could not be connected to.

    Args:
        address: The server's.
        details: Of the call that ended with UNAVAILABLE.
    """
    if address.is_tls:
        for mark, meaning in _NOT_TRUSTED:
            if mark in details:
                return AccessError(f"the server at {address} is not used: {meaning}")
    # Both ends close the socket without a word when one of them speaks TLS, or wants a certificate, and the other not.
    hint = ""
    if "Socket closed" in details and not address.text.startswith("unix:"):
        wants_certificate = " (it may ask for a certificate: --tls-cert)"
        hint = wants_certificate if address.is_tls else f" (if it speaks TLS: tls:{address})"
    return ServerUnreachableError(f"no server answers at {address}{hint}")
