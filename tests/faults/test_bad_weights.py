"""Fault 27: a weights file that would run code, given to the real command: one line, and nothing of it has run."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from kinemacolor.models.networks.lai import Lai


class Bomb:
    """Leaves a trace where it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.trace), "w")


def plain(path: Path, bomb: Bomb) -> None:
    path.write_bytes(pickle.dumps(bomb))


def hidden(path: Path, bomb: Bomb) -> None:
    """Beside all the right tensors."""
    torch.save({"model": Lai().state_dict(), "opt": bomb}, path)


@pytest.mark.fault(27, "malicious snapshot or weights file")
@pytest.mark.parametrize("make", [plain, hidden])
def test_a_bomb_is_not_imported_and_does_not_go_off(tmp_path: Path, make: object) -> None:
    trace, path = tmp_path / "trace", tmp_path / "lai.pth"
    make(path, Bomb(trace))  # type: ignore[operator]
    words = ["models", "import", "lai", "--from", str(path)]
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from kinemacolor.cli.main import main; sys.exit(main())", *words],
        env={**os.environ, "KINEMACOLOR_MODELS": str(tmp_path / "models")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert "would run" in done.stderr
    assert not trace.exists()
    assert not list((tmp_path / "models").glob("*.safetensors"))
