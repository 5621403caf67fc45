"""The shim under the compiler's sanitizers, in a host that is Python: `pytest tests/ofx --sanitize`.

The host itself is not compiled for them, so their library is loaded into it before all others, and it leaks memory of
its own: of leaks only those count that the shim allocated.
"""

import ctypes
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

PRELOAD_VARIABLE = "KINEMACOLOR_TEST_PRELOAD"
"""A library that is loaded into the children before all others: a sanitizer's."""
FINDINGS_PREFIX = "kinemacolor-findings-"
"""Of the folder that reports are written into; the child has them open."""
FLAGS: Sequence[str] = (
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=undefined",
    "-fno-omit-frame-pointer",
    "-g",
    "-O1",
)
_SHIM = ("Kinemacolor.ofx", "/ofx/shim/")
_LEAK = re.compile(r"^(Direct|Indirect) leak of ")
_OF_THE_HOST = "LeakSanitizer: detected memory leaks"


@cache
def runtime(name: str, compiler: str = "gcc") -> Path | None:
    """The compiler's library of that name; None: it has none, or there is no such compiler."""
    try:
        asked = subprocess.run([compiler, f"-print-file-name={name}"], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    path = Path(asked.stdout.strip())
    return path.resolve() if path.is_absolute() else None


@contextmanager
def watched(environment: Mapping[str, str] = os.environ) -> Iterator[dict[str, str]]:
    """The environment for a child. What a sanitizer found in it by the end fails the test."""
    own = dict(environment)
    preload = own.pop(PRELOAD_VARIABLE, "")
    if not preload:
        yield own
        return
    with tempfile.TemporaryDirectory(prefix=FINDINGS_PREFIX) as folder:
        yield own | _orders(folder) | {"LD_PRELOAD": preload}
        texts = [path.read_text(errors="replace") for path in sorted(Path(folder).iterdir())]
    found = [finding for text in texts for finding in findings(text)]
    assert not found, "\n\n".join(found)


def _orders(folder: str) -> dict[str, str]:
    return {
        # An address space that was limited by the test is no finding; neither is a null that malloc then returns.
        "ASAN_OPTIONS": f"abort_on_error=1:detect_leaks=1:allocator_may_return_null=1:detect_stack_use_after_return=1"
        f":strict_string_checks=1:log_path={folder}/address",
        "UBSAN_OPTIONS": "print_stacktrace=1",  # gcc's writes to the standard error, and ends the process
        "LSAN_OPTIONS": "exitcode=0",  # Python's own leaks; ours are found in the report
        "PYTHONMALLOC": "malloc",  # Python's own allocator would hide what is written past the host's texts
    }


def look_for_leaks_before_unloading() -> None:
    """In the child: a library that is gone has no names in a report, and its variables point to nothing any more."""
    check = getattr(ctypes.CDLL(None), "__lsan_do_recoverable_leak_check", None)
    if check is None:
        return
    from kinemacolor.ofx.minihost import host

    unload = host.dlclose

    def look_and_unload(handle: int) -> None:
        check()
        unload(handle)

    host.dlclose = look_and_unload


def findings(report: str) -> list[str]:
    """What of a sanitizer's report counts."""
    if _OF_THE_HOST not in report:
        return [report] if report.strip() else []
    blocks = report.split("\n\n")
    return [each for each in blocks if _LEAK.match(each) and _is_allocated_by_shim(each)]


def _is_allocated_by_shim(leak: str) -> bool:
    """Whether the host was not called in between: its functions are behind libffi."""
    for frame in leak.splitlines()[1:]:
        if "libffi" in frame:
            return False
        if any(place in frame for place in _SHIM):
            return True
    return False
