"""A server of our own for the length of one render: started on a unix socket, always stopped.

Rules
  * It runs in a session of its own, so that Ctrl-C reaches the client only, which then stops it in order.
  * It holds the read end of a pipe whose write end only the client has: when the client dies, by SIGKILL too, the
    pipe closes and the server ends (`--exit-with-stdin`).
  * It says where it listens in one JSON line on stdout; a failure is one line on stderr and an exit status.
  * Its snapshots lie in its own folder, so that one that crashed and was started again goes on where it was.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from kinemacolor.client.address import MAX_SOCKET_PATH_BYTES, ServerAddress
from kinemacolor.client.errors import ServerStartError, one_line
from kinemacolor.wire.limits import PRIVATE_FOLDER_PREFIX, PRIVATE_STATE_FOLDER, SERVE_PREFIX

START_TIMEOUT_SECONDS = 180.0
"""Importing torch from a cold disk and the self-test of a slow device take long; hanging for ever is worse."""
STOP_TIMEOUT_SECONDS = 10.0
"""From SIGTERM to SIGKILL: the server finishes the step that runs and drops the rest."""
_KEPT_LOG_LINES = 200

SERVER_COMMAND = (sys.executable, "-m", "kinemacolor.server")


class PrivateServer:
    """A running private server. Made by `private_server`."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self._command, self._folder = tuple(command), folder
        self._starts = 0
        self._log: deque[str] = deque(maxlen=_KEPT_LOG_LINES)
        self.address: ServerAddress | None = None
        self._start()

    def _start(self) -> None:
        self._starts += 1
        # A name of its own for each start: a process that was killed leaves its socket behind.
        self._folder.mkdir(mode=0o700, exist_ok=True)  # one that was told to end has removed it
        socket, state = f"unix:{self._folder}/{self._starts}.sock", f"{self._folder}/{PRIVATE_STATE_FOLDER}"
        self._announced: list[str] = []
        self._told = threading.Event()
        try:
            self._process = subprocess.Popen(
                [*self._command, "--listen", socket, "--state-dir", state, "--exit-with-stdin"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
                # Settings of a server that other machines reach are not this one's: a token would lock its client out.
                env={name: value for name, value in os.environ.items() if not name.startswith(SERVE_PREFIX)},
            )
        except OSError as error:
            raise ServerStartError(f"the private server did not start: {error.strerror}") from error
        self._pumps = [
            self._pump(self._process.stderr, self._log.append),
            self._pump(self._process.stdout, self._note_stdout),
        ]

    @property
    def pid(self) -> int:
        """Process id, for measurements."""
        return self._process.pid

    @property
    def log(self) -> tuple[str, ...]:
        """The last lines of the server's log."""
        return tuple(self._log)

    def exit_status(self, wait_seconds: float = 0.0) -> int | None:
        """How the process ended, negative for a signal; None if it still runs after that wait."""
        try:
            return self._process.wait(wait_seconds)
        except subprocess.TimeoutExpired:
            return None

    def last_words(self, status: int) -> str:
        """Why the process ended, as far as it said so."""
        if status == -signal.SIGKILL:
            return "it was killed, perhaps for lack of memory"
        # A traceback's last line is its error too.
        said = next((one_line(line) for line in reversed(self._log) if line.strip()), "")
        return said.removeprefix("kinemacolor serve: ") or f"exit status {status}"

    def wait_ready(self, timeout: float) -> ServerAddress:
        """Wait for the server's word on where it listens.

        Raises:
            ServerStartError: It ended, said something else, or said nothing in time.
        """
        give_up = time.monotonic() + timeout
        # In short waits, so that a signal's exception comes through at once.
        while not (told := self._told.wait(0.2)) and time.monotonic() < give_up:
            pass
        if told and self._announced:
            self.address = _ready_address(self._announced[0])
            return self.address
        if not told:
            raise ServerStartError(f"the private server was not ready within {timeout:.0f} s")
        status = self._process.wait(STOP_TIMEOUT_SECONDS)
        self._pumps[0].join(STOP_TIMEOUT_SECONDS)
        raise ServerStartError(f"the private server did not start: {self.last_words(status)}", status)

    def restart(self, timeout: float = START_TIMEOUT_SECONDS) -> ServerAddress:
        """End the process, if it still runs, at once, and start another on the same snapshots.

        Raises:
            ServerStartError: The new one did not come up.
        """
        self._process.kill()
        self._end()
        self._start()
        return self.wait_ready(timeout)

    def stop(self) -> None:
        """Stop the process and remove its folder. Never raises for a process that is gone already."""
        try:
            if not self._announced:
                self._process.kill()  # it loads torch, and hears nothing meanwhile
            elif self._process.poll() is None:
                self._process.terminate()
            self._end()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self) -> None:
        """Wait for a process that was told to end, and close what led to it."""
        try:
            with contextlib.suppress(OSError):
                self._close(self._process.stdin)
            self._wait_or_kill()
        finally:
            for pump in self._pumps:
                pump.join(STOP_TIMEOUT_SECONDS)
            for stream in (self._process.stdout, self._process.stderr):
                self._close(stream)

    def _wait_or_kill(self) -> None:
        try:
            self._process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _note_stdout(self, line: str) -> None:
        if not self._announced:
            self._announced.append(line)
            self._told.set()

    def _pump(self, stream: IO[str] | None, take: Callable[[str], object]) -> threading.Thread:
        thread = threading.Thread(target=self._read_lines, args=(stream, take), daemon=True)
        thread.start()
        return thread

    def _read_lines(self, stream: IO[str] | None, take: Callable[[str], object]) -> None:
        for line in stream or ():
            take(line.rstrip("\n"))
        if take == self._note_stdout:
            # End of stdout before a word: the server has failed.
            self._told.set()

    @staticmethod
    def _close(stream: IO[str] | None) -> None:
        if stream is not None:
            stream.close()


@contextlib.contextmanager
def private_server(
    arguments: Sequence[str] = (),
    *,
    start_timeout: float = START_TIMEOUT_SECONDS,
    command: Sequence[str] = SERVER_COMMAND,
) -> Iterator[PrivateServer]:
    """Start a server on a unix socket of its own and stop it at the end, whatever happens between.

    Args:
        arguments: More arguments of the server (`--device cpu`).
        start_timeout: Seconds until it must be ready.
        command: The server's program; tests put a fake here.

    Raises:
        ServerStartError: It did not come up; the text carries its reason.
    """
    server = _spawn([*command, *arguments])
    try:
        server.wait_ready(start_timeout)
        yield server
    finally:
        server.stop()


def _spawn(command: Sequence[str]) -> PrivateServer:
    folder = _socket_folder()
    try:
        return PrivateServer(command, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _socket_folder() -> Path:
    """A new folder, only ours (mode 0700), whose path leaves room for the socket's name."""
    for parent in (None, "/tmp"):
        folder = Path(tempfile.mkdtemp(prefix=PRIVATE_FOLDER_PREFIX, dir=parent))
        if len(os.fsencode(folder)) + len("/999.sock") <= MAX_SOCKET_PATH_BYTES:
            return folder
        folder.rmdir()
    raise ServerStartError("the temporary folder's path is too long for a socket; set TMPDIR to a shorter one")


def _ready_address(line: str) -> ServerAddress:
    try:
        event = json.loads(line)
        if event["event"] != "ready":
            raise ValueError("another event")
        return ServerAddress.parse(event["address"])
    except (ValueError, KeyError, TypeError) as error:
        raise ServerStartError(f"the private server said {one_line(line)!r} instead of being ready") from error
