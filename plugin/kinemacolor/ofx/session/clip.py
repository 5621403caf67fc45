"""One clip for one purpose of a host: its colours from the media file, or from the pictures that the host shows."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from kinemacolor.ofx.helper.effect import HostAccess
from kinemacolor.ofx.helper.protocol import Purpose
from kinemacolor.ofx.session.live import LiveColours, LiveSettings
from kinemacolor.ofx.session.media import MediaColours
from kinemacolor.ofx.session.servers import Server, patience_seconds
from kinemacolor.ofx.session.settings import FrameSettings, MediaSettings
from kinemacolor.ofx.session.values import Asked, Colour, Verdict
from kinemacolor.ofx.session.worker import AskHost, Errand, Workers
from kinemacolor.picture.proxy import Proxy

__all__ = ["ClipColours", "Wanted"]

_PREVIEW_SEARCH_FRAMES, _FINAL_SEARCH_FRAMES = 24, 480
_PREVIEW_MEMORY_BYTES, _FINAL_MEMORY_BYTES = 16 << 20, 128 << 20
_PREVIEW_PATIENCE_SECONDS = 4.0
_BETWEEN = Verdict(False, "the host asks for a time between two frames")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A picture whose colour is wanted."""

    asked: Asked
    is_between: bool
    """It lies between two frames, and is no frame of its own."""
    needs_confidence: bool
    fetch: Callable[[HostAccess, int], Proxy | None] | None
    """The luma of another frame from the host; None: it gives none."""


class ClipColours:
    """For one thread at a time; the work is done in another one.

    Args:
        server: Colours.
        settings: Of the first frame; only what `network` holds of them matters.
        media: The file that the clip shows; None: not known.
        purpose: What the host wants frames for.
        client_name: For the server's operator.
        workers: Who work.
        say: Takes what is to be said once, in one line.
    """

    def __init__(
        self,
        server: Server,
        settings: FrameSettings,
        media: MediaSettings | None,
        *,
        purpose: Purpose,
        client_name: str,
        workers: Workers,
        say: Callable[[str], None],
    ) -> None:
        self._server, self._workers, self._say = server, workers, say
        self._settings, self._media_settings = settings, media
        is_final = purpose is Purpose.FINAL
        self._search_frames = {
            Purpose.FINAL: _FINAL_SEARCH_FRAMES, Purpose.PREVIEW: _PREVIEW_SEARCH_FRAMES, Purpose.THUMBNAIL: 0
        }[purpose]  # fmt: skip
        self._memory_bytes = _FINAL_MEMORY_BYTES if is_final else _PREVIEW_MEMORY_BYTES
        self._patience = patience_seconds() if is_final else _PREVIEW_PATIENCE_SECONDS
        self._client_name = client_name
        self._live: LiveColours | None = None
        self._media: MediaColours | None = None
        self._errand: Errand[Colour] | None = None

    def colour(self, wanted: Wanted, host: HostAccess) -> Colour:
        """The colour of a picture.

        Raises:
            AbortedError: The host does not want it any more; the work goes on, and is waited for by the next call.
            EffectError: It cannot be had, and why.
            Exception: The server's or the media file's side.
        """
        if self._errand is not None:
            self._errand.settle(host)
        self._errand = self._workers.start(lambda ask: self._found(wanted, ask))
        colour = self._errand.wait(host)
        self._errand = None
        return colour

    def note(self, wanted: Wanted, host: HostAccess) -> None:
        """Remember a picture whose colour nobody wants.

        Raises:
            AbortedError: As `colour`.
        """
        if self._errand is not None:
            self._errand.settle(host)
            self._errand = None
        if self._live is not None and not wanted.is_between:
            self._live.note(wanted.asked)

    def close(self) -> None:
        """Leave server and store; work that is under way fails."""
        for part in (self._live, self._media):
            if part is not None:
                part.close()

    # ---- in a worker ----

    def _found(self, wanted: Wanted, ask: AskHost) -> Colour:
        by_file = None if wanted.is_between else self._by_file(wanted.asked)
        live = self._live_colours()
        if by_file is not None and wanted.needs_confidence and by_file.confidence is None:
            by_file = None  # renders store none
        if by_file is not None and by_file.verdict.is_final:
            live.note(wanted.asked)
            return by_file
        by_host = self._by_host(live, wanted, ask)
        return by_host if by_file is None or by_host.verdict.is_final else by_file

    def _by_file(self, asked: Asked) -> Colour | None:
        if self._media_settings is None or self._settings.alone:
            return None
        if self._media is None:
            self._media = MediaColours(self._media_settings, self._server, self._live_settings(), self._say)
        return self._media.colour(asked)

    def _by_host(self, live: LiveColours, wanted: Wanted, ask: AskHost) -> Colour:
        if wanted.is_between:
            colour = self._alone(wanted.asked)
            return replace(colour, verdict=_BETWEEN)
        fetch = wanted.fetch
        return live.colour(
            wanted.asked, None if fetch is None else lambda number: ask(lambda host: fetch(host, number))
        )

    def _alone(self, asked: Asked) -> Colour:
        """For itself, without a trace in what is remembered of the clip."""
        one = LiveColours(self._server, replace(self._live_settings(), alone=True))
        try:
            return one.colour(asked, None)
        finally:
            one.close()

    def _live_colours(self) -> LiveColours:
        if self._live is None:
            self._live = LiveColours(self._server, self._live_settings())
        return self._live

    def _live_settings(self) -> LiveSettings:
        settings = self._settings
        return LiveSettings(
            geometry=settings.geometry,
            transfer=settings.transfer.value,
            model=settings.model,
            want_confidence=True,
            shot_starts=(settings.first_number,) if settings.whole_clip else None,
            alone=settings.alone,
            client_name=self._client_name,
            search_frames=self._search_frames,
            patience_seconds=self._patience,
            memory_bytes=self._memory_bytes,
        )
