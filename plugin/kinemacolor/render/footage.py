"""What is sent to a server of a film, whatever is made of its colours then."""

from collections.abc import Callable
from dataclasses import dataclass

from kinemacolor.media.types import SourceFrame
from kinemacolor.picture.proxy import Proxy
from kinemacolor.render.edit_list import EditList
from kinemacolor.render.film import Film
from kinemacolor.render.guidance import UNGUIDED, Guidance
from kinemacolor.render.guide_frames import NOTHING_ASKED, AskedGuides
from kinemacolor.render.options import ColourOptions
from kinemacolor.render.tone import NO_TONE, FilmTone
from kinemacolor.wire.frame import Geometry

__all__ = ["Footage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """A film and how the network sees it."""

    purpose: str
    """What the server's operator is told: `render`, `analyse`."""
    options: ColourOptions
    film: Film
    geometry: Geometry
    make_proxy: Callable[[SourceFrame], Proxy]
    """May be called in any thread."""
    edit_list: EditList | None
    """None: the server detects the cuts."""
    tone: FilmTone = NO_TONE
    """Of the film's print; `make_proxy` takes it off already."""
    asked: AskedGuides = NOTHING_ASKED
    """References and hints whose shots have to be found before the film is coloured."""
    guidance: Guidance = UNGUIDED
    """References and hints in their shots; with some, there is an edit list."""

    @property
    def transfer(self) -> int:
        """Code point of ITU-T H.273 table 3."""
        return self.film.info.encoding.transfer.value

    @property
    def wants_confidence(self) -> bool:
        """Whether colours are to say how sure they are."""
        return self.options.review is not None

    @property
    def client_name(self) -> str:
        """For the server's log and its list of clips."""
        return f"{self.purpose} {self.options.source.name}"
