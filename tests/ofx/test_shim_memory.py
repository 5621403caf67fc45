"""The shim in a host that is nothing but C (driver/), under the tools that watch memory, descriptors and threads.

A host in Python is too slow for valgrind, leaks by itself, and lets one thread at a time into the effect's callbacks.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from sanitizers import FLAGS, PRELOAD_VARIABLE, runtime, watched

import kinemacolor.ofx.build
from kinemacolor.ofx.build import build_bundle, this_machine
from kinemacolor.ofx.bundle import binary_path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed"),
    pytest.mark.skipif(sys.platform != "linux", reason="the driver looks into /proc"),
]

DRIVER = Path(__file__).with_name("driver")
SHIM = Path(kinemacolor.ofx.build.__file__).with_name("shim")
SCENES = (
    "scan",
    "questions",
    "pictures",
    "windows",
    "nonsense",
    "aborts",
    "killed helper",
    "missing python",
    "error picture",
    "unload and go on",
    "forgotten instances",
    "threads",
    "threads and unload",
    "threads and aborts",
    "threads without helper",
)
RUN_SECONDS = 250
VALGRIND = (
    "valgrind",
    "--error-exitcode=99",
    "--leak-check=full",
    "--errors-for-leak-kinds=definite,indirect",
    "--track-fds=yes",
    "--trace-children=no",
    "--keep-debuginfo=yes",  # the library is unloaded before the leaks are counted
)


def compile_c(output: Path, sources: Sequence[Path], *flags: str) -> None:
    command = ["gcc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-g", "-O1", f"-I{SHIM}"]
    command += ["-pthread", *flags, *map(str, sources), "-o", str(output), "-ldl"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def play(folder: Path, flags: Sequence[str] = (), under: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Build the driver and the shim with these flags and play all scenes under a tool."""
    driver = folder / "driver"
    compile_c(driver, sorted(DRIVER.glob("*.c")), *flags)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CC", "gcc")
        bundle = build_bundle(folder, python=Path(sys.executable), flags=["-Werror", "-g", *flags])
    shim = binary_path(bundle, this_machine().folder)
    surroundings = os.environ | {
        "KINEMACOLOR_PYTHON": sys.executable,
        "KINEMACOLOR_OFX_EFFECT": "passthrough",
        "KINEMACOLOR_OFX_LOG": str(folder / "ofx.log"),
    }
    return subprocess.run(
        [*under, str(driver), str(shim)],
        check=False,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        env=surroundings,
    )


def all_is_well(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert done.stdout.splitlines() == [f"{scene}: ok" for scene in SCENES]
    assert done.stderr == ""


def need(library: str) -> None:
    path = runtime(library)
    if path is None or not path.exists():
        pytest.skip(f"gcc's {library} is not installed")


def test_the_driver_plays_every_scene(tmp_path: Path):
    all_is_well(play(tmp_path))


def test_no_wrong_address_no_undefined_behaviour_no_leak(tmp_path: Path):
    need("libasan.so")
    all_is_well(play(tmp_path, [*FLAGS]))


def test_no_data_race(tmp_path: Path):
    need("libtsan.so")
    done = play(tmp_path, ["-fsanitize=thread", "-O1"])
    if "unexpected memory mapping" in done.stderr:
        pytest.skip("this kernel randomises addresses more than gcc's ThreadSanitizer can take")
    all_is_well(done)


def test_valgrind_finds_nothing(tmp_path: Path):
    if shutil.which(VALGRIND[0]) is None:
        pytest.skip("valgrind is not installed")
    logs = tmp_path / "valgrind"
    logs.mkdir()
    done = play(tmp_path, ["-O1"], [*VALGRIND, f"--log-file={logs}/%p"])
    # Its own log, and those of its children up to where they become the helper's Python.
    reports = [path.read_text() for path in logs.iterdir()]
    assert not [report for report in reports if re.search(r"ERROR SUMMARY: [1-9]", report)]
    all_is_well(done)
    (own,) = [report for report in reports if f"Parent PID: {os.getpid()}\n" in report]
    assert "All heap blocks were freed" in own, own
    opened = re.findall(r"(Open .+)\n.*?(<inherited from parent>|$)", own, re.MULTILINE)
    assert len(opened) >= 1, "the log itself"
    assert [what for what, whence in opened if not whence] == []


BUGS = {
    "heap-buffer-overflow": "char *room = malloc(number); room[number] = 1; free(room);",
    "heap-use-after-free": "char *room = malloc(number), *volatile kept = room; free(room); kept[number - 1] = 1;",
    "index 8 out of bounds": "volatile char room[8]; room[number] = 1;",
    "stack-buffer-overflow": "volatile char room[8]; char *volatile at = (char *)room; at[number] = 1;",
    "signed integer overflow": "volatile int large = 0x7ffffff0 + number; large = large + number;",
    "Direct leak of 8 byte": "void *volatile room = malloc(number); room = NULL;",
    "double-free": "char *room = malloc(number), *volatile kept = room; free(room); free(kept);",
}


def python_under_watch(script: str) -> None:
    with watched({PRELOAD_VARIABLE: str(runtime("libasan.so"))}) as watch:
        done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True, env=watch)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


@pytest.mark.parametrize("finding", BUGS)
def test_the_watch_over_the_other_tests_finds(finding: str, tmp_path: Path):
    """`--sanitize` in small: a library with a fault, in a host that is Python."""
    need("libasan.so")
    source, library = tmp_path / "ofx" / "shim" / "fault.c", tmp_path / "fault.so"
    source.parent.mkdir(parents=True)
    source.write_text(f"#include <stdlib.h>\nvoid fault(volatile int number)\n{{\n    {BUGS[finding]}\n}}\n")
    flags = [*FLAGS, "-O0", "-shared", "-fPIC", "-w"]  # a compiler that thinks leaves out what has no effect
    compile_c(library, [source], *flags)
    with pytest.raises(AssertionError, match=finding):
        python_under_watch(f"import ctypes; ctypes.CDLL({str(library)!r}).fault(8)")


def test_the_watch_leaves_the_host_s_own_leaks_alone():
    need("libasan.so")
    python_under_watch("import ctypes; ctypes.CDLL(None).malloc(8)")
