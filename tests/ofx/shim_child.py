"""Runs a test in a process of its own: the shim may crash it, or be loaded under a sanitizer.

`@in_child` on a test sends it, with its arguments, to `python shim_child.py FILE FUNCTION ARGUMENTS`, which calls it.
"""

import functools
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from sanitizers import look_for_leaks_before_unloading, watched

CHILD_SECONDS = 120


def in_child(test: Callable[..., None]) -> Callable[..., None]:
    """The test, run in a child; its arguments are paths, numbers and texts."""

    @functools.wraps(test)
    def run(**arguments: object) -> None:
        path = Path(test.__code__.co_filename)
        packed = {name: [isinstance(value, Path), str(value) if isinstance(value, Path) else value]
                  for name, value in arguments.items()}  # fmt: skip
        command = [sys.executable, "-X", "faulthandler", __file__, str(path), test.__name__, json.dumps(packed)]
        with watched() as environment:
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, timeout=CHILD_SECONDS, env=environment
            )
        assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"

    return run


def main(file: str, name: str, packed: str) -> None:
    sys.path.insert(0, str(Path(file).parent))
    look_for_leaks_before_unloading()
    spec = importlib.util.spec_from_file_location("the_test", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    arguments = {key: Path(value) if is_path else value for key, (is_path, value) in json.loads(packed).items()}
    getattr(module, name).__wrapped__(**arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
