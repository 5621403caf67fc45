"""The shim for every system, compiled by zig. What comes out is looked at; only this machine's could be run."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from libraries import libraries_in

from kinemacolor.ofx.build import TARGETS
from kinemacolor.ofx.bundle import BUNDLE_NAME, binary_path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),  # zig makes each system's C library when it is first asked for
    pytest.mark.skipif(find_spec("ziglang") is None, reason="ziglang is not installed; `make cross-ofx` does that"),
]
WHAT_HOSTS_LOOK_FOR = {"OfxGetNumberOfPlugins", "OfxGetPlugin", "OfxSetHost"}
MACHINES = {
    "Linux-x86-64": ["Linux x86-64"],
    "Linux-aarch64": ["Linux aarch64"],
    "MacOS": ["macOS aarch64", "macOS x86-64"],
    "MacOS-x86-64": ["macOS x86-64"],
    "Win64": ["Windows x86-64"],
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cross")
    command = [sys.executable, "-m", "kinemacolor.ofx.build", str(folder), "--cross"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    built = dict(line.split(": ") for line in done.stdout.splitlines())
    assert built == {name: "built" if name == "Linux-x86-64" else "built, not run" for name in MACHINES}
    return folder / BUNDLE_NAME


def test_all_systems_are_there_and_nothing_else(bundle: Path) -> None:
    assert {target.folder for target in TARGETS} == set(MACHINES)
    expected = {binary_path(bundle, folder) for folder in MACHINES}
    others = {"Info.plist", "Resources"}
    assert {path for path in bundle.glob("Contents/*/*") if path.parent.name not in others} == expected
    assert {path.name for path in bundle.glob("Contents/*")} == set(MACHINES) | others


@pytest.mark.parametrize("folder", MACHINES)
def test_a_library_is_its_systems_and_gives_what_hosts_look_for_and_no_more(bundle: Path, folder: str) -> None:
    found = libraries_in(binary_path(bundle, folder).read_bytes())
    assert [library.machine for library in found] == MACHINES[folder]
    for library in found:
        assert library.exports == WHAT_HOSTS_LOOK_FOR


@pytest.mark.parametrize("folder", ["Linux-x86-64", "Linux-aarch64"])
def test_systems_that_are_old_have_all_that_is_needed(bundle: Path, folder: str) -> None:
    (library,) = libraries_in(binary_path(bundle, folder).read_bytes())
    assert library.versions
    for version in library.versions:
        name, _, number = version.partition("_")
        assert name == "GLIBC"
        assert tuple(map(int, number.split("."))) <= (2, 17), version


@pytest.mark.parametrize("folder", MACHINES)
def test_nothing_in_it_tells_where_it_was_built(bundle: Path, folder: str) -> None:
    data = binary_path(bundle, folder).read_bytes()
    for place in (bundle.parent, Path(__file__).parents[2], Path(sys.prefix)):
        assert str(place).encode() not in data
