"""Compiles the shim: with the machine's own C compiler, or with zig for every system that has OpenFX hosts.

    python -m kinemacolor.ofx.build FOLDER             this machine's bundle
    python -m kinemacolor.ofx.build FOLDER --cross     all systems', with ziglang (`pip install ziglang`)

Only what is built for this machine can be run here; the others are compiled and linked, no more. Across systems `MacOS`
holds both processors' code, and `MacOS-x86-64` one of them once more: MLT on a Mac with Intel's looks only there.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from kinemacolor.ofx.bundle import binary_path, write_bundle
from kinemacolor.ofx.universal import merge_slices

__all__ = ["TARGETS", "BuildError", "Target", "build_bundle", "compile_shim", "main", "this_machine"]

_SHIM = Path(__file__).parent / "shim"
_WARNINGS = ("-std=c11", "-Wall", "-Wextra")
_COMMON = ("-O2", "-g0", "-shared", "-fvisibility=hidden", "-fno-strict-aliasing")
_ZIG = (sys.executable, "-m", "ziglang", "cc")
# Stripped, for zig's own parts are compiled with the places that they lie at.
_CROSS = ("-Werror", "-s")
_EACH = frozenset({"posix", "windows", "linux", "macos"})
"""Last parts of the names of files that only some systems need: `memory_linux.c`."""


class BuildError(Exception):
    """The shim could not be compiled. The text is one clear line."""


@dataclass(frozen=True, slots=True)
class Target:
    """One system that hosts run on."""

    folder: str
    """Of the bundle's Contents, as OpenFX names it."""
    zig: str
    """zig's name for it. The old versions are those of the oldest systems that hosts are shipped for."""
    parts: frozenset[str]
    """Which of the systems' own source files it needs."""
    flags: tuple[str, ...] = ()


_LINUX, _MACOS, _WINDOWS = frozenset({"posix", "linux"}), frozenset({"posix", "macos"}), frozenset({"windows"})
_LINUX_FLAGS = ("-fPIC", "-pthread", "-ldl", "-lm", "-Wl,-z,relro,-z,now")
# Else the library would carry the name of the file that it was built as.
_MACOS_FLAGS = ("-fPIC", "-Wl,-install_name,@rpath/kinemacolor.ofx")
_RUN_BY_TESTS = "Linux-x86-64"

TARGETS: tuple[Target, ...] = (
    Target("Linux-x86-64", "x86_64-linux-gnu.2.17", _LINUX, _LINUX_FLAGS),
    Target("Linux-aarch64", "aarch64-linux-gnu.2.17", _LINUX, _LINUX_FLAGS),
    Target("MacOS", "aarch64-macos.11.0", _MACOS, _MACOS_FLAGS),
    Target("MacOS-x86-64", "x86_64-macos.11.0", _MACOS, _MACOS_FLAGS),
    Target("Win64", "x86_64-windows-gnu", _WINDOWS),
)


def this_machine() -> Target:
    """The target that runs here.

    Raises:
        BuildError: There is none.
    """
    machine = {"amd64": "x86-64", "x86_64": "x86-64", "arm64": "aarch64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    folder = {
        "linux": f"Linux-{machine}",
        "darwin": "MacOS" if machine == "aarch64" else "MacOS-x86-64",
        "win32": "Win64",
    }.get(sys.platform)
    for target in TARGETS:
        if target.folder == folder:
            return target
    raise BuildError(f"the effect is not made for {sys.platform} on {platform.machine()}")


def compile_shim(output: Path, target: Target, compiler: Sequence[str], flags: Sequence[str] = ()) -> None:
    """Compile and link the shim into one file.

    Args:
        output: The file; its folder exists.
        target: What it is for.
        compiler: A C compiler with gcc's options.
        flags: More options of the compiler.

    Raises:
        BuildError: There is no compiler, or it refused.
    """
    command = [*compiler, *_WARNINGS, *_COMMON, *_sources(target), "-o", str(output), *target.flags, *flags]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise BuildError(
            f"the C compiler {compiler[0]} could not be started: {error.strerror}; "
            "install one (such as gcc), or ziglang beside kinemacolor"
        ) from error
    if done.returncode:
        raise BuildError(f"the C compiler failed: {_first_error(done.stderr)}")


def _sources(target: Target) -> list[str]:
    return sorted(str(path) for path in _SHIM.glob("*.c") if _part(path) is None or _part(path) in target.parts)


def _part(path: Path) -> str | None:
    last = path.stem.rpartition("_")[2]
    return last if last in _EACH else None


def _first_error(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in lines if "error" in line), lines[-1] if lines else "it said nothing")


def build_bundle(folder: Path, *, python: Path | None = None, flags: Sequence[str] = ()) -> Path:
    """Build the bundle for this machine.

    Args:
        folder: Where `kinemacolor.ofx.bundle` is made; one that is there is completed.
        python: The interpreter that runs the helper; None: the environment of the host has to name it.
        flags: More options of the compiler.

    Returns:
        The bundle.

    Raises:
        BuildError: The shim could not be compiled.
    """
    target = this_machine()
    bundle = write_bundle(folder, target.folder, python)
    _replace(binary_path(bundle, target.folder), target, _own_compiler(), flags)
    return bundle


def _own_compiler() -> list[str]:
    chosen = os.environ.get("CC") or (sysconfig.get_config_var("CC") or "cc").split()[0]
    found = shutil.which(chosen) or shutil.which("cc")
    if found is None and find_spec("ziglang") is not None:
        return [*_ZIG, "-target", this_machine().zig]
    return [found or chosen]


def _replace(binary: Path, target: Target, compiler: Sequence[str], flags: Sequence[str]) -> None:
    """Put a new file in the place of the old one: a host that has that one open keeps it."""
    # In a folder of its own: linkers for Windows leave more than the library.
    with tempfile.TemporaryDirectory(prefix=".build-", dir=binary.parent) as folder:
        fresh = Path(folder) / binary.name
        compile_shim(fresh, target, compiler, flags)
        os.replace(fresh, binary)


def _cross(folder: Path) -> None:
    for target in TARGETS:
        bundle = write_bundle(folder, target.folder, None)
        _replace(binary_path(bundle, target.folder), target, [*_ZIG, "-target", target.zig], _CROSS)
        sys.stdout.write(f"{target.folder}: built{'' if target.folder == _RUN_BY_TESTS else ', not run'}\n")
    _make_universal(bundle)


def _make_universal(bundle: Path) -> None:
    universal = binary_path(bundle, "MacOS")
    slices = [universal.read_bytes(), binary_path(bundle, "MacOS-x86-64").read_bytes()]
    universal.write_bytes(merge_slices(slices))


def main(arguments: Sequence[str] | None = None) -> int:
    """Build a bundle into a folder."""
    parser = argparse.ArgumentParser(prog="python -m kinemacolor.ofx.build", description="Compile the OpenFX effect.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cross", action="store_true", help="for every system, with ziglang")
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="what runs the helper (this Python)")
    options = parser.parse_args(arguments)
    try:
        if options.cross:
            _cross(options.folder)
        else:
            sys.stdout.write(f"{build_bundle(options.folder, python=options.python)}\n")
    except BuildError as error:
        sys.stderr.write(f"kinemacolor: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
