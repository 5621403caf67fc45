"""Code that gives other colours has another name, for snapshots and for what clients store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kinemacolor.models.networks.tiny import TinyColorizer
from kinemacolor.render import server_print
from kinemacolor.server import code_identity
from kinemacolor.server.code_identity import code_sha256
from kinemacolor.server.config import ServerConfig
from kinemacolor.server.engine import Engine


def test_what_turns_luma_and_guides_into_colour_is_named_by_it() -> None:
    names = {path.name for path in code_identity._sources()}
    assert names >= {"engine.py", "guided_shots.py", "guides.py", "shots.py", "bank.py", "kinema.py", "lightness.py"}
    assert names >= {"codec.py", "frame.py", "clip_machine.py"}
    assert code_sha256() == code_sha256()


def test_what_a_remembered_server_is_named_by_has_all_of_it() -> None:
    """A film that is wholly stored starts no server, which alone could tell its code."""
    printed = {line.rpartition(" ")[0].split(" ")[0] for line in server_print._package_files()}
    assert {str(path) for path in code_identity._sources()} <= printed


def test_other_code_is_another_device_class(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The chroma store is keyed by it, on the client's side, where nobody knows the server's code."""
    source, found = tmp_path / "network.py", []

    def sources() -> Iterator[Path]:
        yield source

    monkeypatch.setattr(code_identity, "_sources", sources)
    for text in ("gain = 1.07", "gain = 1.08", "gain = 1.07"):
        source.write_text(text)
        found.append(Engine(ServerConfig(device="cpu")).device_class(TinyColorizer()))
    assert found[0] == found[2] != found[1]
    assert found[0].rpartition("|")[0] == found[1].rpartition("|")[0]
