"""The identity of the code that turns luma into colour.

A snapshot outlives an upgrade, and so does what a client has stored. The weights may be the same while a constant of
the memory, the cut detector or the quantisation is not; colours that go on from there would be neither old nor new.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from kinemacolor import colour, models
from kinemacolor.wire import codec, frame, guides, shots

_OWN = ("guided_shots.py", "engine.py", "clip_machine.py")
"""Beside this file; by name, for the engine asks for the identity."""


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
    for module in (codec, frame, guides, shots):
        yield Path(str(module.__file__))
    for name in _OWN:
        yield Path(__file__).with_name(name)
