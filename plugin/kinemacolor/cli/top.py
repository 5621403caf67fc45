"""`kinemacolor top`: the status of a server, again and again, until somebody presses q."""

import contextlib
import curses
import os
import sys
import time
from collections.abc import Callable, Sequence

from kinemacolor.cli.parser import access_of, add_running_server, command_parser
from kinemacolor.cli.status_text import status_lines
from kinemacolor.client import operator
from kinemacolor.client.access import Access
from kinemacolor.client.address import ServerAddress
from kinemacolor.client.connection import ColorizeClient, connect
from kinemacolor.client.errors import AccessError, ClientError
from kinemacolor.render import console
from kinemacolor.render.arguments import checked

_Lines = Callable[[], Sequence[str]]
_ESCAPE = 27


def main(arguments: list[str]) -> int:
    """Show it on a terminal; a server that goes away is waited for, and the screen says so.

    Raises:
        ClientError: No server answers at the start.
    """
    parser = command_parser("top", "Show what a running server does, until q is pressed.", has_json=False)
    add_running_server(parser)
    parser.add_argument("--every", type=checked(_interval), default=1.0, metavar="SECONDS", help="(%(default)g)")
    parser.add_argument("--once", action="store_true", help="print it once, as when the output is no terminal")
    values = parser.parse_args(arguments)
    watch = _Watch(values.server, access_of(values))
    try:
        first = watch.lines()
        if values.once or not _can_be_drawn_on():
            console.put("\n".join(first))
        else:
            os.environ.setdefault("ESCDELAY", "25")  # else curses waits a second for what may follow Escape
            curses.wrapper(lambda screen: _show(screen, watch.lines_or_why, values.every))
    finally:
        watch.close()
    return 0


def _can_be_drawn_on() -> bool:
    """Whether the output is a terminal, and one that is known: TERM may be missing, or name a stranger."""
    if sys.stdout is None or not sys.stdout.isatty():
        return False
    try:
        curses.setupterm()
    except curses.error:
        return False
    return True


class _Watch:
    """A connection that is made again when it breaks."""

    def __init__(self, address: ServerAddress, access: Access) -> None:
        self._address, self._access = address, access
        self._client: ColorizeClient | None = None

    def lines(self) -> list[str]:
        """The status now.

        Raises:
            ClientError: No answer.
        """
        if self._client is None:
            self._client = connect(self._address, access=self._access)
        return status_lines(str(self._address), self._client.server_info(), operator.list_clips(self._client))

    def lines_or_why(self) -> list[str]:
        """The status, or why there is none now."""
        try:
            return self.lines()
        except AccessError:
            raise
        except ClientError as error:
            self.close()
            return [str(error), "waiting for it"]

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def _show(screen: "curses.window", lines: _Lines, every_seconds: float) -> None:
    with contextlib.suppress(curses.error):  # a terminal that cannot hide its cursor
        curses.curs_set(0)
    screen.timeout(100)
    due = time.monotonic()
    shown: Sequence[str] = ()
    while True:
        if time.monotonic() >= due:
            shown = lines()
            due = time.monotonic() + every_seconds
            _draw(screen, shown)
        key = screen.getch()
        if key in (ord("q"), ord("Q"), _ESCAPE):
            return
        if key == curses.KEY_RESIZE:
            _draw(screen, shown)


def _draw(screen: "curses.window", lines: Sequence[str]) -> None:
    height, width = screen.getmaxyx()
    screen.erase()
    for row, line in enumerate(lines[: height - 1]):
        with contextlib.suppress(curses.error):  # the window became smaller meanwhile
            screen.addnstr(row, 0, line, width - 1, curses.A_BOLD if row in (0, 3) else curses.A_NORMAL)
    hidden = len(lines) - (height - 1)
    note = f"{time.strftime('%H:%M:%S')}  q quits" + (f"  {hidden} more below" if hidden > 0 else "")
    with contextlib.suppress(curses.error):
        screen.addnstr(height - 1, 0, note, width - 1, curses.A_REVERSE)
    screen.refresh()


def _interval(text: str) -> float:
    value = float(text)
    if not 0.1 <= value <= 3600:
        raise ValueError(f"expected 0.1 to 3600 seconds, found {text}")
    return value
