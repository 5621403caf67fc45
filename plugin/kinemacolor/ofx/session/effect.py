"""The effect: a host's request in, colour in its picture out."""

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from kinemacolor.ofx.helper.effect import EffectError, HostAccess, Outcome, Picture
from kinemacolor.ofx.helper.protocol import Analyse, Changed, Hello, Purpose, Render
from kinemacolor.ofx.pixels.controls import Output
from kinemacolor.ofx.pixels.marks import mark_provisional
from kinemacolor.ofx.pixels.painter import HostPainter
from kinemacolor.ofx.session.analysing import Analyses
from kinemacolor.ofx.session.clip import ClipColours, Wanted
from kinemacolor.ofx.session.film_tags import FilmTags, Tags
from kinemacolor.ofx.session.hints import guide_options, guides_line
from kinemacolor.ofx.session.media import footage_of
from kinemacolor.ofx.session.painters import Painters
from kinemacolor.ofx.session.servers import Server, Servers
from kinemacolor.ofx.session.settings import FrameSettings, MediaSettings, frame_settings, media_settings, model_name
from kinemacolor.ofx.session.values import Asked, Colour
from kinemacolor.ofx.session.worker import AbortedError, Workers
from kinemacolor.picture.proxy import Proxy
from kinemacolor.render.guides import GuideOptions
from kinemacolor.render.report import plural

__all__ = ["ColourEffect"]

_CLIPS = 12
"""Each may hold a quarter of a gigabyte; the one unused for longest is left, and begun again when it is needed."""
_WORKERS = 4
_LARGE_PIXELS = 6 << 20
"""Painting more can take seconds on a busy machine; handing work to a thread costs a fraction of a millisecond."""
_CHOOSE_MODEL = frozenset(("model", "temporal", "server"))
_SAY_COLOURS = ("hint", "reference", "variant")
_ANSWER_SECONDS = 5.0
"""For a server that is asked because somebody chose a model; without an answer the render says what is wrong."""
_T = TypeVar("_T")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Key:
    """What has colours of its own."""

    instance: int
    purpose: Purpose
    network: tuple[object, ...]
    media: MediaSettings | None


class ColourEffect:
    """`kinemacolor.ofx.helper.effect.Effect`."""

    def __init__(self, host: Hello) -> None:
        self._client_name = f"effect in {host.host_label or host.host_name or 'a host without a name'}"
        self._workers = Workers(_WORKERS)
        self._servers = Servers(_LOG.warning)
        self._painters = Painters()
        self._tags = FilmTags()
        self._clips: OrderedDict[_Key, ClipColours] = OrderedDict()
        self._analyses = Analyses(self._workers, _LOG.info)

    def render(self, request: Render, picture: Picture, host: HostAccess) -> Outcome:
        """Colour the picture in place."""
        settings, media = frame_settings(request), media_settings(request)
        server = self._servers.named(settings.server)
        try:
            if media is not None:
                tags = self._tags_of(media, host)
                settings, media = settings.with_film(tags.encoding), replace(media, version=tags.version)
            if request.values.flag("analyseNow") and request.purpose is Purpose.FINAL:
                self._analyse_once(media, settings.guides, server, host)
            return self._rendered(request, settings, media, picture, host)
        except AbortedError:
            return Outcome.aborted()

    def _worked(self, work: Callable[[], _T], picture: Picture, host: HostAccess) -> _T:
        """Work on a picture; on a large one by a worker, so that the host hears that the helper lives."""
        is_large = picture.shape[0] * picture.shape[1] > _LARGE_PIXELS
        return self._workers.start(lambda _: work()).see_through(host) if is_large else work()

    def _tags_of(self, media: MediaSettings, host: HostAccess) -> Tags:
        """Looked at by a worker: a file on a slow share must not make the helper seem to hang."""
        known = self._tags.known(media.path)
        return known or self._workers.start(lambda _: self._tags.read(media.path)).wait(host)

    def _rendered(
        self, request: Render, settings: FrameSettings, media: MediaSettings | None, picture: Picture, host: HostAccess
    ) -> Outcome:
        painter = self._painters.of(settings)
        luma = self._worked(lambda: painter.read(picture), picture, host)
        wanted = self._wanted(request, settings, painter, luma.proxy)
        clip = self._clip(_Key(request.instance, request.purpose, settings.network, media), settings)
        if settings.controls.keeps_source:
            clip.note(wanted, host)
            return Outcome.final()
        colour = clip.colour(wanted, host)
        if wanted.needs_confidence and colour.confidence is None:
            raise EffectError("Output: the model does not say how sure it is; choose another output")
        work = partial(painter.colour, picture, luma, colour.ab, settings.controls, in_place=True)
        self._worked(lambda: work(confidence=colour.confidence), picture, host)
        return _told(colour, settings, picture)

    def _wanted(self, request: Render, settings: FrameSettings, painter: HostPainter, luma: Proxy) -> Wanted:
        def fetch(host: HostAccess, number: int) -> Proxy | None:
            if number < settings.first_number:
                return None
            other = host.fetch(float(number))
            return None if other is None else painter.read(other).proxy

        is_thumbnail = request.purpose is Purpose.THUMBNAIL
        return Wanted(
            Asked(settings.number, luma, settings.first_number),
            is_between=settings.is_between,
            needs_confidence=settings.controls.output is Output.CONFIDENCE,
            guides=settings.guides,
            # A thumbnail is worth no search for its past, but hints are honoured or refused.
            fetch=fetch if request.has_temporal_access and (settings.guides or not is_thumbnail) else None,
        )

    def _clip(self, key: _Key, settings: FrameSettings) -> ClipColours:
        if key not in self._clips:
            self._clips[key] = ClipColours(
                self._servers.named(settings.server),
                settings,
                key.media,
                purpose=key.purpose,
                client_name=self._client_name,
                workers=self._workers,
                say=_LOG.warning,
            )
            while len(self._clips) > _CLIPS:
                self._clips.popitem(last=False)[1].close()
        self._clips.move_to_end(key)
        return self._clips[key]

    # ---- analyse ----

    def analyse(self, request: Analyse, host: HostAccess) -> Outcome:
        """Colour the whole media file into the store."""
        media = media_settings(request)
        if media is None:
            raise EffectError("Analyse: name the Media file first")
        try:
            media = replace(media, version=self._tags_of(media, host).version)
            report = self._analyses.run(media, guide_options(request.values), self._servers.named(media.server), host)
        except AbortedError:
            return Outcome.aborted()
        return Outcome.final(report.line(media.path.name))

    def _analyse_once(
        self, media: MediaSettings | None, guides: GuideOptions, server: Server, host: HostAccess
    ) -> None:
        if media is None:
            raise EffectError("Analyse now: name the Media file first")
        if not self._analyses.is_done(media, guides):
            _LOG.info("%s", self._analyses.run(media, guides, server, host).line(media.path.name))

    # ---- what the user does ----

    def changed(self, request: Changed, host: HostAccess) -> Outcome:
        """Say what the new values mean, or what is wrong with them."""
        server = self._servers.named(request.values.text("server"))
        try:
            told = [
                self._media_line(request, server, host),
                self._model_line(request, server, host),
                self._guides_line(request, server, host),
            ]
        except AbortedError:
            return Outcome.aborted()
        return Outcome.final("; ".join(line for line in told if line))

    def _media_line(self, request: Changed, server: Server, host: HostAccess) -> str:
        media = media_settings(request)
        if media is None:
            return ""
        info = self._workers.start(lambda _: footage_of(media, server)).wait(host).film.info
        frames = plural(info.frame_count, "frame") if info.frame_count else "frames"
        return f"{media.path.name}: {info.width_px} x {info.height_px}, {frames}"

    def _model_line(self, request: Changed, server: Server, host: HostAccess) -> str:
        """Under which terms the model's weights are; only who chooses a model makes the server be asked."""
        model = model_name(request.values)
        identity = server.known(model)
        if identity is None and request.name in _CHOOSE_MODEL:
            identity = self._workers.start(lambda _: server.identity(model, _ANSWER_SECONDS)).wait(host)
        if identity is None:
            return ""
        said = f"{identity.model}: weights under {identity.terms.licence}"
        return f"{said}. {identity.terms.sentence}" if identity.terms.sentence else said

    def _guides_line(self, request: Changed, server: Server, host: HostAccess) -> str:
        """Which hints are honoured; only who changes one, or the model, makes the server be asked."""
        guides, variant = guide_options(request.values, request.time), int(request.values.choice("variant"))
        if not guides and variant == 1:
            return ""
        name = model_name(request.values)
        model = server.known_model(name)
        if model is None and (request.name in _CHOOSE_MODEL or request.name.startswith(_SAY_COLOURS)):
            model = self._workers.start(lambda _: server.model(name, _ANSWER_SECONDS)).wait(host)
        return "" if model is None else guides_line(guides, variant, model)

    def gone(self, instance: int) -> None:
        """Forget an instance."""
        for key in [key for key in self._clips if key.instance == instance]:
            self._clips.pop(key).close()

    def close(self) -> None:
        """Let go of everything."""
        for clip in self._clips.values():
            clip.close()
        self._servers.close()
        self._workers.close()
        self._painters.close()


def _told(colour: Colour, settings: FrameSettings, picture: Picture) -> Outcome:
    verdict = colour.verdict
    if verdict.is_final:
        return Outcome.final()
    if settings.marks_provisional:
        mark_provisional(picture, settings.form)
    return Outcome.provisional(f"provisional colour: {verdict.reason}")
