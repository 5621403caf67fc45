"""The colours of a clip whose media file is known: from the store, or by colouring what the file holds before a frame.

    the store has the picture, for certain          its colour: nobody is asked
    the file shows the picture where it should be   the file's own frames go to the network, in whatever order; final if
                                                    the user has said where the clip begins
    else                                            what the store has that looks the same, provisional

"For certain" is what `store.lookup` calls final. "Where it should be" is at the clip's offset in the file; if nobody
said which, at the one that was learned, or none; and the frames beside it must look otherwise, or a still picture would
pass for any of its repetitions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from kinemacolor.ofx.helper.effect import EffectError
from kinemacolor.ofx.session.film_frames import FilmFrames
from kinemacolor.ofx.session.film_guides import FilmGuides, GuidedStretch
from kinemacolor.ofx.session.guided_lives import GuidedLives
from kinemacolor.ofx.session.hints import UNGUIDED, shifted
from kinemacolor.ofx.session.live import LiveColours, LiveSettings
from kinemacolor.ofx.session.offset import OffsetGuess
from kinemacolor.ofx.session.servers import Server
from kinemacolor.ofx.session.settings import MediaSettings
from kinemacolor.ofx.session.values import FINAL, Asked, Colour, Verdict
from kinemacolor.picture.proxy import Proxy
from kinemacolor.render.analysis import read_footage
from kinemacolor.render.edit_list import EditList
from kinemacolor.render.errors import UsageError
from kinemacolor.render.footage import Footage
from kinemacolor.render.guide_frames import read_guides
from kinemacolor.render.guides import GuideOptions, ShownPicture
from kinemacolor.render.options import ColourOptions, Quality
from kinemacolor.render.server_print import private_server_print
from kinemacolor.render.stored_colours import clip_key
from kinemacolor.store.clip_file import ServerIdentity
from kinemacolor.store.clip_store import ClipStore, Found
from kinemacolor.store.dependency import ColourSettings
from kinemacolor.store.folder import StoreFolder, default_folder
from kinemacolor.store.look import look_of
from kinemacolor.store.lookup import Query, Rule
from kinemacolor.store.prints import luma_hash
from kinemacolor.store.thumb import are_alike, thumb_of
from kinemacolor.wire.frame import Geometry

__all__ = ["MediaColours", "colour_options", "footage_of"]

_REASONS = {
    Rule.SAME_LUMA: "several frames of the media file are equal",
    Rule.ONE_OF_ALIKE: "several frames of the media file look the same",
    Rule.LOOK: "the picture is not quite the media file's",
}
_MEMORY_BYTES = 64 << 20
_GUESSED = Verdict(False, "where the clip begins in the media file is a guess: analyse it, or set Media start")


def colour_options(media: MediaSettings, server: Server) -> ColourOptions:
    """What the renderer calls the same."""
    return ColourOptions(
        source=media.path,
        server=server.options,
        model=media.model,
        variant=media.variant,
        quality=Quality(media.quality),
        store=default_folder(),
        shots=media.shot_list,
    )


def footage_of(
    media: MediaSettings, server: Server, purpose: str = "effect", guides: GuideOptions = UNGUIDED
) -> Footage:
    """The media file as the network sees it.

    Args:
        media: The file.
        server: Colours.
        purpose: For the server's operator.
        guides: What is said of its colours, by the numbers of the clip; only with `media.start`.

    Raises:
        EffectError: It is not a kind of film that can be coloured.
        UsageError: The guides do not fit it.
        SourceError: It cannot be read, or its list of shots cannot.
    """
    try:
        footage = read_footage(colour_options(media, server), purpose)
    except UsageError as error:
        raise EffectError(f"Media file: {error}") from error
    if guides:
        shown = ShownPicture.as_stored(footage.film.info)
        asked = read_guides(_in_film(guides, media), footage.film, footage.geometry, shown)
        footage = replace(footage, asked=asked)
    if not media.whole:
        return footage
    return replace(footage, edit_list=EditList((footage.film.first_number,), "the file is one shot"))


def _in_film(guides: GuideOptions, media: MediaSettings) -> GuideOptions:
    """By the numbers of the file."""
    if guides and media.start is None:
        raise ValueError("guides of a file need its start")
    return shifted(guides, media.start or 0)


@dataclass(frozen=True, slots=True)
class _Place:
    """A frame of the file that shows the picture."""

    number: int
    luma: Proxy


class MediaColours:
    """For one thread at a time.

    Args:
        media: Which file, and how it is coloured.
        server: Colours what the store does not have.
        live: For the file's own frames; the rest of it is filled in here.
        say: Takes what is to be said once, in one line.

    Raises:
        EffectError: The file is not one that can be coloured.
        SourceError: It cannot be read.
    """

    def __init__(self, media: MediaSettings, server: Server, live: LiveSettings, say: Callable[[str], None]) -> None:
        self._media, self._server = media, server
        self._footage = footage_of(media, server)
        self._frames = FilmFrames(self._footage)
        options, edit_list = self._footage.options, self._footage.edit_list
        self._print = private_server_print(options.server, options.model) if server.connection.is_private else None
        settings = replace(
            live,
            geometry=self._footage.geometry,
            transfer=self._footage.transfer,
            shot_starts=edit_list.starts if edit_list is not None else None,
            memory_bytes=_MEMORY_BYTES,
        )
        self._live = LiveColours(server, settings)
        self._guided = GuidedLives(server, settings)
        self._film_guides = FilmGuides(self._footage, self._frames)
        self._patience = live.patience_seconds
        self._start_of = edit_list.start_of if edit_list is not None else None
        self._guess = OffsetGuess()
        self._store = ClipStore(StoreFolder(default_folder()), clip_key(options), str(media.path.absolute()), say)
        self._store.__enter__()

    @property
    def geometry(self) -> Geometry:
        """At which the network sees the file."""
        return self._footage.geometry

    def close(self) -> None:
        """Let go of everything."""
        self._live.close()
        self._guided.close()
        self._store.close()

    def colour(self, asked: Asked, guides: GuideOptions = UNGUIDED, *, needs_confidence: bool = False) -> Colour | None:
        """The colour of a picture of the clip; None if the file does not show it.

        Args:
            asked: The picture.
            guides: What is said of the clip, by its own numbers; with some, the settings have a start.
            needs_confidence: Colours without it are not wanted; renders store none.

        Raises:
            UsageError: The guides do not fit the file, or the model takes none.
            SourceError: The file, or a reference, cannot be read.
            ClientError: The server's side.
        """
        stretches = self._film_guides.stretches(_in_film(guides, self._media))
        if asked.luma.shape != (self.geometry.height_px, self.geometry.width_px):
            return None
        # What the film's own frames are compared and coloured by is their luma before the print was toned.
        asked = replace(asked, luma=self._footage.tone.neutral(asked.luma))
        found = self._stored(asked, stretches)
        if found is not None and needs_confidence and found.colour.confidence is None:
            found = None
        if found is not None and not found.provisional:
            return Colour(found.colour.ab, found.colour.confidence, FINAL)
        place = self._place(asked) if found is None or self._media.start is not None else None
        if place is not None:
            first = self._footage.film.first_number
            live = self._live_of(place.number, stretches)
            colour = live.colour(Asked(place.number, place.luma, first), self._frames.at)
            return colour if self._media.start is not None else replace(colour, verdict=_GUESSED)
        if found is None or guides:
            return None  # what hints are for has to be certain
        return Colour(found.colour.ab, found.colour.confidence, Verdict(False, _REASONS.get(found.rule, "")))

    def reaches(self, number: int, guides: GuideOptions) -> bool:
        """Whether something is said of the shot that the file has at the place of a frame of the clip."""
        at = number + (self._media.start or 0)
        return any(stretch.shot.has(at) for stretch in self._film_guides.stretches(_in_film(guides, self._media)))

    def _live_of(self, number: int, stretches: Sequence[GuidedStretch]) -> LiveColours:
        for stretch in stretches:
            if stretch.shot.has(number):
                return self._guided.of(stretch.shot.first, stretch.guides)
        return self._live

    # ---- the store ----

    def _stored(self, asked: Asked, stretches: Sequence[GuidedStretch]) -> Found | None:
        guided = [stretch.shot for stretch in stretches]
        settings = self._settings(self._identity())
        query = Query(luma=luma_hash(asked.luma), number=asked.number, offset=self._media.start)
        found = self._store.find(settings, query, self._start_of, guided)
        if found is None or found.provisional:
            query = replace(query, look=look_of(asked.luma), thumb=thumb_of(asked.luma))
            found = self._store.find(settings, query, self._start_of, guided)
        if found is not None and found.rule in (Rule.UNIQUE_LUMA, Rule.NEIGHBOURS, Rule.ALIKE):
            self._guess.note(asked.number, found.number)
        if self._media.start is not None or self._guess.offset is None or (found is not None and not found.provisional):
            return found
        # What was learned may be over, the clip trimmed since: it helps to a colour, not to a final one.
        likely = self._store.find(settings, replace(query, offset=self._guess.offset), self._start_of, guided)
        return replace(likely, provisional=True) if likely is not None else found

    @property
    def _offset(self) -> int | None:
        start = self._media.start
        return start if start is not None else self._guess.offset

    def _identity(self) -> ServerIdentity:
        """Who would colour; if the store knows it of the private server that would be started, none is."""
        known = self._server.known(self._media.model)
        if known is not None:
            return known
        stored = self._store.server(self._print) if self._print is not None else None
        if stored is not None:
            return stored
        identity = self._server.identity(self._media.model, self._patience)
        if self._print is not None:
            self._store.remember_server(self._print, identity)
        return identity

    def _settings(self, identity: ServerIdentity) -> ColourSettings:
        return ColourSettings(
            model=identity.model,
            weights_sha256=identity.weights_sha256,
            device_class=identity.device_class,
            transfer=self._footage.transfer,
            width_px=self.geometry.width_px,
            height_px=self.geometry.height_px,
            variant=self._media.variant,
        )

    # ---- the file ----

    def _place(self, asked: Asked) -> _Place | None:
        """Where the file shows the picture, and nothing like it right before and after."""
        offset = self._offset
        number = asked.number + (offset if offset is not None else self._footage.film.first_number)
        thumb = thumb_of(asked.luma)
        luma = self._frames.at(number)
        if luma is None or not are_alike(thumb_of(luma), thumb):
            return None
        if self._offset is None:
            beside = [self._frames.at(number - 1), self._frames.at(number + 1)]
            if any(other is not None and are_alike(thumb_of(other), thumb) for other in beside):
                return None
            self._guess.note(asked.number, number)
        return _Place(number, luma)
