"""Whether an installed effect works, step by step, each with one line."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kinemacolor.ofx.build import this_machine
from kinemacolor.ofx.bundle import binary_path, python_file
from kinemacolor.ofx.session.servers import PATIENCE_VARIABLE

__all__ = ["Finding", "check_bundle"]

_START_SECONDS = 60.0
_TRIAL_SECONDS = 300.0
_PATIENCE_SECONDS = "5"
"""For a server that does not answer."""
_LUMA_CODES = 1.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One step."""

    is_good: bool
    text: str


def check_bundle(bundle: Path, server: str) -> Iterator[Finding]:
    """All steps up to the first one that fails.

    Args:
        bundle: The installed effect.
        server: Address of the server that colours; empty: as the effect finds it.
    """
    for step in (_check_shim, _check_python):
        finding = step(bundle)
        yield finding
        if not finding.is_good:
            return
    yield from _try_a_frame(binary_path(bundle, this_machine().folder), server)


def _check_shim(bundle: Path) -> Finding:
    shim = binary_path(bundle, this_machine().folder)
    if not shim.is_file():
        return Finding(
            False, f"{bundle}: has no effect for this machine ({shim.parent.name}); kinemacolor plugin install"
        )
    return Finding(True, f"{shim}")


def _check_python(bundle: Path) -> Finding:
    try:
        python = python_file(bundle).read_text(encoding="utf-8").strip()
    except OSError as error:
        return Finding(False, f"{python_file(bundle)}: {error.strerror}; kinemacolor plugin install")
    question = "from importlib.metadata import version; print(version('kinemacolor'))"
    try:
        asked = subprocess.run(
            [python, "-I", "-c", question], capture_output=True, text=True, timeout=_START_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(False, f"the helper's Python {python} does not run: {error}; kinemacolor plugin install")
    if asked.returncode != 0:
        return Finding(False, f"the helper's Python {python} has no kinemacolor; kinemacolor plugin install")
    if asked.stdout.strip() != version("kinemacolor"):
        return Finding(False, f"the helper's kinemacolor is {asked.stdout.strip()}, this is {version('kinemacolor')}")
    return Finding(True, f"helper: kinemacolor {asked.stdout.strip()} in {python}")


def _try_a_frame(shim: Path, server: str) -> Iterator[Finding]:
    command = [sys.executable, "-I", "-m", "kinemacolor.ofx.install.trial", str(shim), server]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TRIAL_SECONDS, check=False,
            env={**os.environ, PATIENCE_VARIABLE: _PATIENCE_SECONDS},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        yield Finding(False, f"no frame came out in {_TRIAL_SECONDS:.0f} s")
        return
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"status {done.returncode}"
        yield Finding(False, f"the effect could not be loaded ({how}): {last}")
        return
    yield from _findings(json.loads(done.stdout.splitlines()[-1]))


def _findings(found: dict[str, Any]) -> Iterator[Finding]:
    if "error" in found:
        yield Finding(False, str(found["error"]))
        return
    yield Finding(True, f"loads and describes {found['parameters']} parameters")
    if found["status"] != 0:
        yield Finding(False, f"the frame failed with status {found['status']}")
        return
    yield Finding(found["colour"] > 0, f"one frame in {found['seconds']} s, mean colour {found['colour']} codes")
    kept = found["luma_codes"] <= _LUMA_CODES
    yield Finding(kept, f"its luma differs by {found['luma_codes']} codes at most")
