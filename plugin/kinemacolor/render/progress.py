"""Progress while a render runs: a bar for a person, lines for a machine, or nothing."""

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Never, Protocol

from kinemacolor.render import console
from kinemacolor.render.film_pipeline import Tally
from kinemacolor.render.options import ProgressStyle

if TYPE_CHECKING:
    from tqdm import tqdm

_JSON_SECONDS = 1.0
_BAR_SECONDS = 0.1


class Display(Protocol):
    """Where a render tells how it goes."""

    def note(self, text: str) -> None:
        """One line that is said once."""

    def event(self, values: Mapping[str, object]) -> None:
        """A machine-readable event."""

    def searched(self, frames: int, total: int | None) -> None:
        """Called for each frame of a film that is looked through for cuts before it is coloured."""

    def update(self, tally: Tally, total: int | None) -> None:
        """Called many times a second."""

    def close(self) -> None:
        """Leave the terminal clean."""


def open_display(style: ProgressStyle, quiet: bool) -> Display:
    """The display for a style. AUTO is a bar on a terminal and silence elsewhere."""
    if style is ProgressStyle.JSON:
        return JsonDisplay()
    if quiet:
        return QuietDisplay()
    if style is ProgressStyle.AUTO and sys.stderr is not None and sys.stderr.isatty():
        return BarDisplay()
    return PlainDisplay()


class QuietDisplay:
    """Says nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def event(self, values: Mapping[str, object]) -> None:
        """Nothing."""

    def searched(self, frames: int, total: int | None) -> None:
        """Nothing."""

    def update(self, tally: Tally, total: int | None) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class PlainDisplay(QuietDisplay):
    """Notes on stderr, no progress."""

    def note(self, text: str) -> None:
        """One line."""
        console.say(text)


class JsonDisplay(QuietDisplay):
    """One JSON object per line on stdout."""

    def __init__(self) -> None:
        self._next = 0.0

    def note(self, text: str) -> None:
        """An event `note`."""
        self.event({"event": "note", "text": text})

    def event(self, values: Mapping[str, object]) -> None:
        """As given."""
        console.put_json_line(values)

    def searched(self, frames: int, total: int | None) -> None:
        """An event `searching` each second."""
        if self._is_time(time.monotonic()):
            self.event({"event": "searching", "frames_done": frames, "frames_total": total})

    def update(self, tally: Tally, total: int | None) -> None:
        """An event `progress` each second."""
        now = time.monotonic()
        if self._is_time(now):
            self.event(progress_values(tally, total, now))

    def _is_time(self, now: float) -> bool:
        if now < self._next:
            return False
        self._next = now + _JSON_SECONDS
        return True


class BarDisplay(QuietDisplay):
    """A bar on stderr."""

    def __init__(self) -> None:
        # Imported here: only a terminal needs it.
        from tqdm import tqdm

        self._tqdm = tqdm
        self._bar: tqdm[Never] | None = None
        self._search: tqdm[Never] | None = None

    def note(self, text: str) -> None:
        """One line above the bar."""
        self._tqdm.write(text, file=sys.stderr)

    def searched(self, frames: int, total: int | None) -> None:
        """Move a bar of its own."""
        if self._search is None:
            self._search = self._open_bar(total, "cuts")
        self._search.update(frames - self._search.n)

    def update(self, tally: Tally, total: int | None) -> None:
        """Move the bar."""
        self._close_search()
        if self._bar is None:
            self._bar = self._open_bar(total)
        self._bar.set_postfix_str(_bar_words(tally), refresh=False)
        self._bar.update(tally.encoded - self._bar.n)

    def close(self) -> None:
        """End the bar's line."""
        self._close_search()
        if self._bar is not None:
            self._bar.close()

    def _open_bar(self, total: int | None, words: str | None = None) -> "tqdm[Never]":
        return self._tqdm(
            desc=words,
            total=total,
            unit=" frames",
            dynamic_ncols=True,
            mininterval=_BAR_SECONDS,
            file=sys.stderr,
        )

    def _close_search(self) -> None:
        if self._search is not None:
            self._search.close()
            self._search = None


def progress_values(tally: Tally, total: int | None, now: float) -> dict[str, object]:
    """The fields of an event `progress`."""
    elapsed = now - tally.started
    fps = (tally.encoded - tally.resumed) / elapsed if elapsed > 0 else 0.0
    left = None if total is None or fps <= 0 else max(0, total - tally.encoded) / fps
    return {
        "event": "progress",
        "frames_done": tally.encoded,
        "frames_total": total,
        "fps": round(fps, 3),
        "eta_seconds": None if left is None else round(left, 1),
        "shot": tally.shots,
        "elapsed_seconds": round(elapsed, 3),
    }


def _bar_words(tally: Tally) -> str:
    # Before the first frame of a piece its shot has to be run through: silence would look like a hang.
    return f"shot {tally.shots}" if tally.coloured or not tally.pre_roll else f"pre-roll {tally.pre_roll}"
