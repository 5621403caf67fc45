"""The faults that are provoked on purpose, the marker of their tests, and the table that a run of them ends with.

    @pytest.mark.fault(4, "kill while a snapshot is written")

says that a test provokes a fault with real processes, sockets and signals, and asserts what is expected of it. The name
is there for the reader and must be the table's. A test that has measured something says it with
`record_property("figure", "...")`. `make test-faults` runs them all; `docs/reliability.md` says the same in words.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pytest

_FIGURE = "figure"
_NUMBER = "fault"


@dataclass(frozen=True)
class Fault:
    """What happens, and what is expected then."""

    name: str
    expected: str
    missing: str = ""
    """What the tests do not provoke, and why."""


FAULTS = {
    1: Fault("client vanishes", "state kept, frames in flight dropped, place free; a second client goes on, equal"),
    2: Fault("client frozen", "noticed within 10 s, then as 1; ABORTED if its clip was taken over meanwhile"),
    3: Fault("server killed", "client reconnects, replays from the snapshot; file complete and equal"),
    4: Fault("kill while a snapshot is written", "the snapshot before is used, never a torn one"),
    5: Fault(
        "worker dies",
        "another server goes on with the clip, equal, within 20 s",
        "the test starts the other server, on this machine and state folder: nothing places clips on workers yet",
    ),
    6: Fault(
        "zombie worker",
        "what has an old epoch is ended or refused; one server per state folder, however long it sleeps",
        "clips do not move between workers yet; what is fenced off: streams of a server, servers of a state folder",
    ),
    7: Fault("slow reader", "memory of the server bounded, other clips unharmed, its own answers complete"),
    8: Fault("fast sender", "RESOURCE_EXHAUSTED beyond the window, for that stream only"),
    9: Fault("duplicate frame", "same content: ignored; other content: FAILED_PRECONDITION with the expected number"),
    10: Fault("out of order, gap", "FAILED_PRECONDITION with the expected number; the clip can be resumed there"),
    11: Fault("no start, two ends, frame after end", "FAILED_PRECONDITION; an end comes after all answers"),
    12: Fault("size, depth or model changes", "refused, unless the clip is restarted; the clip that is open goes on"),
    13: Fault(
        "NaN, Inf, negative, more than 1",
        "no number: black for the network, counted, comes out as it came; a network's NaN fails its frame alone",
    ),
    14: Fault("state contamination", "equal to the solo run after cancels and idle time-outs"),
    15: Fault("oversized message", "RESOURCE_EXHAUSTED; the connection can be used on"),
    16: Fault("malformed bytes", "INVALID_ARGUMENT (MALFORMED), no text of exceptions; memory flat, the server lives"),
    17: Fault("headers that lie", "INVALID_ARGUMENT before anything is allocated"),
    18: Fault("100 clips, 8 states", "all finish, equal to solo, none starves"),
    19: Fault(
        "no memory on the device",
        "batches halve, states leave the device, then RESOURCE_EXHAUSTED for the clip that came last; the others go on",
        "a GPU: the allocator's failure is played; on a CPU states leave the memory for the disk",
    ),
    20: Fault(
        "device fails for good",
        "the server says so and ends with 70; the next one goes on from the snapshots, equal",
        "a GPU: its words are played in a real server; a device that hangs is provoked",
    ),
    21: Fault("disk full", "clear message, rendering waits and goes on when there is room; no truncated film"),
    22: Fault("folder read-only or gone", "clear message, nothing lost, goes on when it is back (a film: by --resume)"),
    23: Fault("clock jumps back", "epochs grow, time-outs and --resume-ttl are as long as before"),
    24: Fault("TLS that does not fit", "refused in one line, tried once; the server lives"),
    25: Fault("no token, wrong token", "UNAUTHENTICATED before anything of the call is read; tried once"),
    26: Fault("path traversal", "INVALID_ARGUMENT or NOT_FOUND; nothing outside a folder is read, written or removed"),
    27: Fault("malicious snapshot or weights file", "refused, nothing in it is run"),
    29: Fault(
        "SIGTERM under load", "NOT_SERVING, no new clips, states saved, exit 0 within --grace; others go on, equal"
    ),
    30: Fault("reconnect storm", "64 clients are back within 60 s, not all at once; equal, one state each"),
    31: Fault("soak", "a random mix of faults: memory, files, threads and folders flat, all colours equal"),
    33: Fault("port in use, no model, no GPU", "one clear line, exit status not 0"),
}


@dataclass
class Outcome:
    """What the tests of one fault did in a run."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    figures: list[str] = field(default_factory=list)


class FaultTable:
    """A pytest plugin: checks the markers, collects outcomes, prints the table after a run with `-m fault`."""

    def __init__(self, config: pytest.Config) -> None:
        self._is_wanted = "fault" in config.option.markexpr
        self._outcomes: dict[int, Outcome] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """The number travels with the report, for a worker of pytest-xdist has no other way to tell it."""
        for item in items:
            for mark in item.iter_markers(_NUMBER):
                number, name = mark.args
                if number not in FAULTS or FAULTS[number].name != name:
                    raise pytest.UsageError(f"{item.nodeid}: there is no fault {number} {name!r} in fault_table.py")
                item.user_properties.append((_NUMBER, number))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called for setup, call and teardown of each test."""
        for name, number in report.user_properties:
            if name == _NUMBER:
                note(self._outcomes.setdefault(int(str(number)), Outcome()), report)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """After everything else."""
        if self._is_wanted:
            terminalreporter.section("faults")
            for line in table(self._outcomes):
                terminalreporter.write_line(line)


def note(outcome: Outcome, report: pytest.TestReport) -> None:
    """Count one phase of a test; a test that fails in setup or teardown has failed."""
    outcome.seconds += report.duration
    if report.when == "call" and report.passed:
        outcome.passed += 1
        outcome.figures += [str(value) for name, value in report.user_properties if name == _FIGURE]
    outcome.failed += report.failed
    outcome.skipped += report.skipped


def table(outcomes: dict[int, Outcome]) -> Iterator[str]:
    """One line for each fault, figures below it; a fault without a test in this run is there, too."""
    names, expected = (width(getattr(fault, column) for fault in FAULTS.values()) for column in ("name", "expected"))
    yield f"{'no':>2}  {'fault':{names}}  {'expected':{expected}}  passed  failed  skipped  seconds"
    for number, fault in FAULTS.items():
        outcome = outcomes.get(number)
        counts = "no test in this run"
        if outcome is not None:
            counts = f"{outcome.passed:6}  {outcome.failed:6}  {outcome.skipped:7}  {outcome.seconds:7.1f}"
        yield f"{number:2}  {fault.name:{names}}  {fault.expected:{expected}}  {counts}"
        yield from (f"      {figure}" for figure in (outcome.figures if outcome is not None else ()))
        if fault.missing:
            yield f"      not provoked: {fault.missing}"


def width(texts: Iterable[str]) -> int:
    """Of the longest."""
    return max(map(len, texts))
