"""The identity of the code that turns luma into colour.

A snapshot outlives an upgrade. Its weights may be the same while a constant of the memory, the cut detector or the
quantisation is not, and then the colours after it would be neither the old ones nor the new ones.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from kinemacolor import colour, models
from kinemacolor.server import engine, guided_shots
from kinemacolor.wire import guides, shots


def code_sha256() -> str:
    """SHA-256, hexadecimal, over all sources that turn luma and guides into colour."""
    digest = hashlib.sha256()
    for path in _sources():
        data = path.read_bytes()
        digest.update(f"{path.name}:{len(data)}:".encode())
        digest.update(data)
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    for package in (models, colour):
        for folder in sorted(package.__path__):
            yield from sorted(Path(folder).rglob("*.py"))
    for module in (shots, guides, guided_shots, engine):
        yield Path(str(module.__file__))
