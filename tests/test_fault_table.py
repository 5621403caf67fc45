"""The table that a run of the fault tests ends with."""

import subprocess
import sys
from pathlib import Path

from fault_table import FAULTS

TESTS = """
import pytest

@pytest.mark.fault(8, "fast sender")
def test_good(record_property):
    record_property("figure", "20 windows")

@pytest.mark.fault(8, "fast sender")
def test_bad():
    assert False

@pytest.mark.fault(9, "duplicate frame")
@pytest.mark.skip(reason="no")
def test_skipped(): ...

def test_of_nothing(): ...
"""
CONFTEST = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from fault_table import FaultTable

def pytest_configure(config):
    config.addinivalue_line("markers", "fault(number, name): a fault")
    config.pluginmanager.register(FaultTable(config))
"""


def run(folder: Path, tests: str, *options: str) -> tuple[int, list[str]]:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_it.py").write_text(tests)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, str(folder)]
    done = subprocess.run(
        command, cwd=folder, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=100
    )
    return done.returncode, done.stdout.splitlines()


def row(lines: list[str], number: int) -> list[str]:
    """What a fault's line says after the fault's name and what is expected."""
    [line] = [line for line in lines if line.startswith(f"{number:2}  ")]
    assert FAULTS[number].name in line
    return line.partition(FAULTS[number].expected)[2].split()


def test_each_fault_has_a_line_with_what_its_tests_did(tmp_path: Path) -> None:
    code, lines = run(tmp_path, TESTS, "-m", "fault")
    assert code == 1
    assert row(lines, 8)[:3] == ["1", "1", "0"]
    assert row(lines, 9)[:3] == ["0", "0", "1"]
    assert row(lines, 18) == ["no", "test", "in", "this", "run"]
    assert "      20 windows" in lines


def test_other_runs_have_no_table(tmp_path: Path) -> None:
    _, lines = run(tmp_path, TESTS)
    assert not any(FAULTS[8].expected in line for line in lines)


def test_a_name_that_is_not_the_tables_is_refused(tmp_path: Path) -> None:
    code, lines = run(tmp_path, TESTS.replace("fast sender", "slow sender"), "-m", "fault")
    assert code == 4
    assert any("there is no fault 8 'slow sender'" in line for line in lines)
