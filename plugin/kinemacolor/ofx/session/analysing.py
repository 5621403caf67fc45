"""Analyse, as an effect does it: a whole media file into the store, while the host waits and sees how far it is."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from kinemacolor.ofx.helper.effect import HostAccess
from kinemacolor.ofx.session.connection import ServerConnection
from kinemacolor.ofx.session.media import footage_of
from kinemacolor.ofx.session.servers import Server
from kinemacolor.ofx.session.settings import MediaSettings
from kinemacolor.ofx.session.worker import AbortedError, Workers
from kinemacolor.render.analysis import AnalysisReport, analyse
from kinemacolor.render.film_pipeline import Tally
from kinemacolor.render.guides import GuideOptions

__all__ = ["Analyses"]


class _Told:
    """What the analysis says, for another thread."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.fraction = 0.0
        self.text = "reading the media file"
        self._is_cancelled = threading.Event()

    def cancel(self) -> None:
        """Stop it soon."""
        self._is_cancelled.set()

    def note(self, text: str) -> None:
        """One line that is said once."""
        self._say(text)

    def event(self, values: Mapping[str, object]) -> None:
        """Nobody reads them here."""

    def searched(self, frames: int, total: int | None) -> None:
        """How far a search for cuts is. Raises if it was cancelled."""
        if self._is_cancelled.is_set():
            raise AbortedError

    def update(self, tally: Tally, total: int | None) -> None:
        """How far it is. Raises if it was cancelled."""
        if self._is_cancelled.is_set():
            raise AbortedError
        self.fraction = min(1.0, tally.encoded / total) if total else 0.0
        self.text = f"{tally.encoded} of {total or '?'} frames"

    def close(self) -> None:
        """Nothing is open."""


class Analyses:
    """What was analysed by this helper.

    Args:
        workers: Who work.
        say: Takes what is to be said once, in one line.
    """

    def __init__(self, workers: Workers, say: Callable[[str], None]) -> None:
        self._workers, self._say = workers, say
        self._done: set[tuple[MediaSettings, GuideOptions]] = set()

    def is_done(self, media: MediaSettings, guides: GuideOptions) -> bool:
        """Whether this file was analysed with these settings."""
        return (media, guides) in self._done

    def run(self, media: MediaSettings, guides: GuideOptions, server: Server, host: HostAccess) -> AnalysisReport:
        """Colour what the store does not have.

        Args:
            media: The file.
            guides: What is said of it, by the numbers of the clip.
            server: Colours.
            host: Waits.

        Raises:
            AbortedError: The user has cancelled; what is coloured is stored.
            EffectError: The file is not one that can be coloured.
            Exception: The server's or the file's side.
        """
        told = _Told(self._say)

        def work(_: object) -> AnalysisReport:
            footage = footage_of(media, server, "analyse", guides)
            return analyse(footage, lambda: _shared(server.connection), told, private=False)

        errand = self._workers.start(work)
        try:
            report = errand.wait(host, lambda: host.progress(told.fraction, told.text))
        except BaseException:
            told.cancel()
            raise
        self._done.add((media, guides))
        return report


@contextmanager
def _shared(connection: ServerConnection) -> Iterator[ServerConnection]:
    """Others use it, too."""
    yield connection
