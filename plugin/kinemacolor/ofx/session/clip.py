"""One clip for one purpose of a host: its colours from the media file, or from the pictures that the host shows."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from kinemacolor.ofx.helper.effect import EffectError, HostAccess
from kinemacolor.ofx.helper.protocol import Purpose
from kinemacolor.ofx.session.guided_lives import GuidedLives
from kinemacolor.ofx.session.hints import names_of
from kinemacolor.ofx.session.host_guides import HostGuides
from kinemacolor.ofx.session.live import LiveColours, LiveSettings
from kinemacolor.ofx.session.media import MediaColours
from kinemacolor.ofx.session.servers import Server, patience_seconds
from kinemacolor.ofx.session.settings import FrameSettings, MediaSettings
from kinemacolor.ofx.session.values import Asked, Colour, Verdict
from kinemacolor.ofx.session.worker import AbortedError, AskHost, Errand, Workers
from kinemacolor.picture.proxy import Proxy
from kinemacolor.render.guides import GuideOptions

__all__ = ["ClipColours", "Wanted"]

_PREVIEW_SEARCH_FRAMES, _FINAL_SEARCH_FRAMES = 24, 480
_PREVIEW_MEMORY_BYTES, _FINAL_MEMORY_BYTES = 16 << 20, 128 << 20
_PREVIEW_PATIENCE_SECONDS = 4.0
_BETWEEN = Verdict(False, "the host asks for a time between two frames")
_UNPLACED = Verdict(False, "it is not the media file's frame, so whether hints are for it is not known")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A picture whose colour is wanted."""

    asked: Asked
    is_between: bool
    """It lies between two frames, and is no frame of its own."""
    needs_confidence: bool
    guides: GuideOptions
    """What is said of the clip's colours, by its numbers."""
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
        self._guided = GuidedLives(server, self._live_settings())
        self._host_guides = HostGuides(settings.geometry, settings.colour.encoding)
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
            self._guided.note(wanted.asked)

    def close(self) -> None:
        """Leave server and store; work that is under way fails."""
        for part in (self._live, self._guided, self._media):
            if part is not None:
                part.close()

    # ---- in a worker ----

    def _found(self, wanted: Wanted, ask: AskHost) -> Colour:
        if wanted.guides and self._media_settings is None:
            return self._guided_by_host(wanted, ask)
        by_file = None if wanted.is_between else self._by_file(wanted)
        live = self._live_colours()
        if by_file is not None and by_file.verdict.is_final:
            live.note(wanted.asked)
            return by_file
        if wanted.guides:
            return by_file if by_file is not None else self._unplaced(live, wanted, ask)
        by_host = self._by_host(live, wanted, ask)
        return by_host if by_file is None or by_host.verdict.is_final else by_file

    def _by_file(self, wanted: Wanted) -> Colour | None:
        if self._media_settings is None or self._settings.alone:
            return None
        return self._media_colours(self._media_settings).colour(
            wanted.asked, wanted.guides, needs_confidence=wanted.needs_confidence
        )

    def _media_colours(self, media: MediaSettings) -> MediaColours:
        if self._media is None:
            self._media = MediaColours(media, self._server, self._live_settings(), self._say)
        return self._media

    def _unplaced(self, live: LiveColours, wanted: Wanted, ask: AskHost) -> Colour:
        """Of a picture that is not the file's: hints cannot be for it, and perhaps should be."""
        self._refuse_guided(wanted)
        colour = self._by_host(live, wanted, ask)
        return replace(colour, verdict=_UNPLACED) if colour.verdict.is_final else colour

    def _refuse_guided(self, wanted: Wanted) -> None:
        """Refuse a picture in whose place the file has a shot that something is said of."""
        media, number = self._media_settings, wanted.asked.number
        if media is None or not self._media_colours(media).reaches(number, wanted.guides):
            return
        names = names_of((*wanted.guides.references, *wanted.guides.hints))
        what = "between two of the file's" if wanted.is_between else "not the media file's; is Media start right?"
        raise EffectError(f"{names}: cannot be honoured, frame {number} is {what}")

    def _guided_by_host(self, wanted: Wanted, ask: AskHost) -> Colour:
        fetch, first = wanted.fetch, self._settings.first_number
        show = None if fetch is None else lambda number: ask(lambda host: _shown(fetch, host, number))
        guides = self._host_guides.of(wanted.guides, first, show)
        if wanted.is_between:
            colour = self._alone(wanted.asked, self._guided.settings_of(first, guides))
            return replace(colour, verdict=_BETWEEN)
        unguided = self._live_colours()
        unguided.note(wanted.asked)  # so that it goes on from here if the hints are switched off
        return self._guided.of(first, guides, unguided).colour(wanted.asked, show)

    def _by_host(self, live: LiveColours, wanted: Wanted, ask: AskHost) -> Colour:
        if wanted.is_between:
            colour = self._alone(wanted.asked, self._live_settings())
            return replace(colour, verdict=_BETWEEN)
        fetch = wanted.fetch
        return live.colour(
            wanted.asked, None if fetch is None else lambda number: ask(lambda host: fetch(host, number))
        )

    def _alone(self, asked: Asked, settings: LiveSettings) -> Colour:
        """For itself, without a trace in what is remembered of the clip."""
        one = LiveColours(self._server, replace(settings, alone=True))
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
            variant=settings.variant,
            want_confidence=True,
            shot_starts=(settings.first_number,) if settings.whole_clip else None,
            alone=settings.alone,
            client_name=self._client_name,
            search_frames=self._search_frames,
            patience_seconds=self._patience,
            memory_bytes=self._memory_bytes,
        )


def _shown(fetch: Callable[[HostAccess, int], Proxy | None], host: HostAccess, number: int) -> Proxy | None:
    """A host that wants no answer any more shows nothing either, which must not pass for one that cannot."""
    luma = fetch(host, number)
    if luma is None and host.aborted():
        raise AbortedError
    return luma
