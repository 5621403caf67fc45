"""What the tests of the effect share; pytest's importlib mode leaves the helpers beside them off the path."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from sanitizers import FLAGS, PRELOAD_VARIABLE, runtime

from kinemacolor.ofx.build import build_bundle, this_machine
from kinemacolor.ofx.bundle import binary_path


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sanitize", action="store_true", help="the shim with gcc's sanitizers: sanitizers.py")


def sanitizes(config: pytest.Config) -> bool:
    """Where all tests are run, the option does not even exist: this file is then read after the command line."""
    return bool(config.getoption("--sanitize", default=False))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if sanitizes(config):
        skip = pytest.mark.skip(reason="about the library as it is shipped")
        for item in items:
            if item.get_closest_marker("shipped"):
                item.add_marker(skip)


@pytest.fixture(scope="session")
def shim(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The compiled shim in its bundle; every warning of the compiler is an error."""
    folder = tmp_path_factory.mktemp("bundle")
    with pytest.MonkeyPatch.context() as environment:
        flags = ["-Werror"]
        if sanitizes(request.config):
            library = runtime("libasan.so")
            assert library is not None, "--sanitize needs gcc and its libasan"
            environment.setenv("CC", "gcc")
            environment.setenv(PRELOAD_VARIABLE, str(library))
            flags += FLAGS
        bundle = build_bundle(folder, python=Path(sys.executable), flags=flags)
        yield binary_path(bundle, this_machine().folder)
