"""How a token travels: as `authorization: Bearer TOKEN` in the metadata of every call (RFC 6750)."""

from collections.abc import Iterable

_KEY, _SCHEME = "authorization", "Bearer"


def authorization(token: str) -> tuple[tuple[str, str], ...]:
    """The metadata of a call with a token; an empty one is none."""
    return ((_KEY, f"{_SCHEME} {token}"),) if token else ()


def bearer_token(metadata: Iterable[tuple[str, str | bytes]]) -> str | None:
    """The token of a call, or None where there is none or more than one."""
    values = [value for key, value in metadata if key == _KEY]
    if len(values) != 1 or not isinstance(values[0], str):
        return None
    scheme, _, token = values[0].partition(" ")
    return token.strip() or None if scheme.lower() == _SCHEME.lower() else None
