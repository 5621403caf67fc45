"""Fault 23: the wall clock of the server's machine jumps, back and forth, while clips are open and wait."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from box import Box
from film import Client, Film
from streams import wait_until

from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.v1 import colorize_pb2_grpc as pb_grpc

FILM = Film(frames=60, cuts=())
CHILD = Path(__file__).with_name("clock_child.py")
HOUR = 3600
KEPT_SECONDS, SILENT_SECONDS = 2, 3
SLACK_SECONDS = 20
"""For the server's reaper, and for a machine that does other things, too."""
Solo = Callable[[Film], dict[int, str]]
Stub = pb_grpc.ColorizeServiceStub


def faketime() -> Path | None:
    """The library of Debian's package `faketime`, which lies to the whole process, gRPC's own threads too."""
    named = [Path(os.environ["KINEMACOLOR_FAKETIME"])] if "KINEMACOLOR_FAKETIME" in os.environ else []
    return next(iter([*named, *Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")]), None)


class Clock:
    """The server's wall clock, next to that of everybody else."""

    def __init__(self, path: Path, is_of_process: bool) -> None:
        self._path, self._is_of_process = path, is_of_process
        self.jump(0)

    def jump(self, seconds: int) -> None:
        """Be so many seconds off from now on."""
        fresh = self._path.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}" if self._is_of_process else str(seconds))
        fresh.rename(self._path)

    @property
    def program(self) -> tuple[str, ...]:
        """The beginning of the server's command."""
        if not self._is_of_process:
            return (sys.executable, str(CHILD), str(self._path))
        lies = (f"LD_PRELOAD={faketime()}", f"FAKETIME_TIMESTAMP_FILE={self._path}")
        options = ("FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1")
        return ("env", *lies, *options, sys.executable, "-m", "kinemacolor.server")


@pytest.fixture(
    params=[
        pytest.param(False, id="python"),
        pytest.param(True, id="faketime", marks=pytest.mark.skipif(faketime() is None, reason="needs libfaketime")),
    ]
)
def clock(request: pytest.FixtureRequest, tmp_path: Path) -> Clock:
    return Clock(tmp_path / "offset", request.param)


def knows(stub: Stub, key: str) -> bool:
    return key in [clip.clip_key for clip in stub.ListClips(pb.ListClipsRequest()).clips]


def times(log: str) -> list[str]:
    """When clips were opened, by the server's clock."""
    entries = [json.loads(line) for line in log.splitlines()]
    return [entry["time"] for entry in entries if entry["event"] == "clip opened"]


@pytest.mark.fault(23, "clock jumps back")
def test_a_clock_that_jumps_changes_no_time_out_and_no_epoch(
    box: Box, clock: Clock, solo: Solo, record_property: Callable[[str, object], None]
) -> None:
    limits = ("--resume-ttl", str(KEPT_SECONDS), "--idle", str(SILENT_SECONDS), "--log-format", "json")
    stub = box.start(*limits, program=clock.program)
    stays, waits = Client(stub, FILM, "stays"), Client(stub, FILM, "waits")
    epochs = [stays.open().epoch]
    stays.play(range(10))
    for number, jump in enumerate((-HOUR, +HOUR)):
        clock.jump(jump)
        stays.play(range(10 * number + 10, 10 * number + 20))  # it is neither evicted nor refused
        waits.connect(stub)
        opened = waits.open(10 * number, earliest=0)
        assert opened.resumed == (number > 0)
        epochs.append(opened.epoch)
        waits.play(range(10 * number, 10 * number + 10))
    lost = time.monotonic()
    waits.stream.call.cancel()
    clock.jump(-HOUR)  # its waiting began at a time that has not come yet
    assert stays.stream.refusal() == (grpc.StatusCode.ABORTED, "EVICTED")
    wait_until(lambda: not knows(stub, "waits"))
    kept = time.monotonic() - lost
    assert KEPT_SECONDS <= kept < KEPT_SECONDS + SILENT_SECONDS + SLACK_SECONDS
    opened_at = times(box.log)
    assert opened_at[1] < opened_at[0] < opened_at[2], "the clock did not jump"

    box.kill()
    stays.connect(box.start(*limits, program=clock.program))
    opened = stays.open(first=30, earliest=0)
    assert opened.resumed
    epochs.append(opened.epoch)
    stays.play(range(30, FILM.frames))
    assert stays.colours == solo(FILM)
    assert epochs == sorted(set(epochs))
    record_property("figure", f"jumps of an hour; a lost clip was kept for {kept:.1f} s, asked for: {KEPT_SECONDS} s")
