"""The colours of a clip whose media file is known: from the store, or by colouring what the file holds before a frame.

    the store has the picture, for certain          its colour: nobody is asked
    the file shows the picture where it should be   the file's own frames go to the network, in whatever order; final if
                                                    the user has said where the clip begins
    else                                            what the store has that looks the same, provisional

"For certain" is what `store.lookup` calls final. "Where it should be" is at the clip's offset in the file; if nobody
said which, at the one that was learned, or none; and the frames beside it must look otherwise, or a still picture would
pass for any of its repetitions.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from kinemacolor.ofx.helper.effect import EffectError
from kinemacolor.ofx.session.film_frames import FilmFrames
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
        quality=Quality(media.quality),
        store=default_folder(),
        shots=media.shot_list,
    )


def footage_of(media: MediaSettings, server: Server, purpose: str = "effect") -> Footage:
    """The media file as the network sees it.

    Raises:
        EffectError: It is not a kind of film that can be coloured.
        SourceError: It cannot be read, or its list of shots cannot.
    """
    try:
        footage = read_footage(colour_options(media, server), purpose)
    except UsageError as error:
        raise EffectError(f"Media file: {error}") from error
    if not media.whole:
        return footage
    return replace(footage, edit_list=EditList((footage.film.first_number,), "the file is one shot"))


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
        self._store.close()

    def colour(self, asked: Asked) -> Colour | None:
        """The colour of a picture of the clip; None if the file does not show it.

        Raises:
            SourceError: The file cannot be read.
            ClientError: The server's side.
        """
        if asked.luma.shape != (self.geometry.height_px, self.geometry.width_px):
            return None
        found = self._stored(asked)
        if found is not None and not found.provisional:
            return Colour(found.colour.ab, found.colour.confidence, FINAL)
        place = self._place(asked) if found is None or self._media.start is not None else None
        if place is not None:
            first = self._footage.film.first_number
            colour = self._live.colour(Asked(place.number, place.luma, first), self._frames.at)
            return colour if self._media.start is not None else replace(colour, verdict=_GUESSED)
        if found is None:
            return None
        return Colour(found.colour.ab, found.colour.confidence, Verdict(False, _REASONS.get(found.rule, "")))

    # ---- the store ----

    def _stored(self, asked: Asked) -> Found | None:
        settings = self._settings(self._identity())
        query = Query(luma=luma_hash(asked.luma), number=asked.number, offset=self._media.start)
        found = self._store.find(settings, query, self._start_of)
        if found is None or found.provisional:
            query = replace(query, look=look_of(asked.luma), thumb=thumb_of(asked.luma))
            found = self._store.find(settings, query, self._start_of)
        if found is not None and found.rule in (Rule.UNIQUE_LUMA, Rule.NEIGHBOURS, Rule.ALIKE):
            self._guess.note(asked.number, found.number)
        if self._media.start is not None or self._guess.offset is None or (found is not None and not found.provisional):
            return found
        # What was learned may be over, the clip trimmed since: it helps to a colour, not to a final one.
        likely = self._store.find(settings, replace(query, offset=self._guess.offset), self._start_of)
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
