"""What the tests of the effect share; pytest's importlib mode leaves the helpers beside them off the path."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from kinemacolor.ofx.build import build_bundle, this_machine
from kinemacolor.ofx.bundle import binary_path


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled shim in its bundle; every warning of the compiler is an error."""
    bundle = build_bundle(tmp_path_factory.mktemp("bundle"), python=Path(sys.executable), flags=["-Werror"])
    return binary_path(bundle, this_machine().folder)
