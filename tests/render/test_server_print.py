"""What a private server is named by: another name wherever it could give other colours."""

import os
from pathlib import Path

import pytest

from kinemacolor.render.options import ServerOptions
from kinemacolor.render.server_print import private_server_print


def printed() -> bytes:
    found = private_server_print(ServerOptions(), "eccv16")
    if found is None:
        pytest.skip("this machine has a GPU whose kind cannot be read, so no server is named")
    return found


def test_other_imported_weights_are_another_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KINEMACOLOR_MODELS", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = tmp_path / "kinemacolor" / "models"
    names = [printed()]
    folder.mkdir(parents=True)
    (folder / "eccv16.safetensors").write_bytes(b"one")
    names.append(printed())
    (folder / "eccv16.safetensors").write_bytes(b"two")
    os.utime(folder / "eccv16.safetensors", ns=(1, 1))
    names.append(printed())
    assert names[-1] == printed(), "nothing has changed"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "elsewhere"))
    names.append(printed())
    assert len(set(names)) == len(names)
