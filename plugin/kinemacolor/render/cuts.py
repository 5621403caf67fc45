"""The shots of a film as a render finds them, in one run through its frames, without a server."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from kinemacolor.media.source import Item
from kinemacolor.media.types import SourceFrame
from kinemacolor.picture.proxy import Proxy
from kinemacolor.wire.shots import is_cut

__all__ = ["Look", "look_through"]


@dataclass(frozen=True, slots=True)
class Look:
    """One frame, looked at."""

    number: int
    luma: Proxy
    begins_shot: bool
    """The first frame begins one."""


def look_through(items: Iterable[Item], make_proxy: Callable[[SourceFrame], Proxy]) -> Iterator[Look]:
    """Every frame of a film.

    Args:
        items: What the film's source yields, from its first frame on.
        make_proxy: The luma that is sent to the server, which looks for cuts in it by the same rule.
    """
    previous: Proxy | None = None
    for item in items:
        if isinstance(item, SourceFrame):
            luma = make_proxy(item)
            yield Look(item.number, luma, previous is None or is_cut(previous, luma))
            previous = luma
