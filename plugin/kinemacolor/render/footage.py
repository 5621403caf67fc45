"""What is sent to a server of a film, whatever is made of its colours then."""

from collections.abc import Callable
from dataclasses import dataclass

from kinemacolor.media.types import SourceFrame
from kinemacolor.picture.proxy import Proxy
from kinemacolor.render.edit_list import EditList
from kinemacolor.render.film import Film
from kinemacolor.render.options import ColourOptions
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

    @property
    def transfer(self) -> int:
        """Code point of ITU-T H.273 table 3."""
        return self.film.info.encoding.transfer.value

    @property
    def client_name(self) -> str:
        """For the server's log and its list of clips."""
        return f"{self.purpose} {self.options.source.name}"
