"""Sizes of files as people write them: decimal units, as disks are sold."""

import re

__all__ = ["parse_bytes", "written_bytes"]

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s*([KMGT]?)B?", re.ASCII | re.IGNORECASE)


def parse_bytes(text: str) -> int:
    """`500M` -> 500,000,000.

    Raises:
        ValueError: It is no size; one line.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"expected a size such as 500M or 20G, found {text!r}")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def written_bytes(count: int) -> str:
    """500,000,000 -> `500 MB`."""
    value = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" or value >= 100 else f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} TB"
