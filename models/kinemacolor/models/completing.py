"""What all guides of a shot say together, as each of their pictures sees it. Pure.

A place of a frame is found in that one of the kept pictures which shows it most alike (`bank`), and takes what is said
there. So each picture has to know what is said in the others: else a picture whose one hint is about something else
would take the word from them. What is said goes from each picture to the next and back again, as from a picture to
a frame: so it costs two searches a picture, however many there are. A picture's own hints count first in it, then hints
of others, then its own colours or those of another colour picture.
"""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kinemacolor.models.bank import Bank, Found, doubts, find, recall
from kinemacolor.models.guides import Layer
from kinemacolor.models.networks.recall import RecallNet
from kinemacolor.models.shot_memory import renew_told
from kinemacolor.models.temporal import Cells

__all__ = ["KnownPicture", "completed"]


@dataclass(frozen=True, slots=True)
class KnownPicture:
    """The picture of a guide."""

    key: Tensor
    """(1, 32, h / 2, w / 2) from `RecallNet.key`."""
    observed: Cells
    """Its cells (B = 1), their colour that of the frame network."""
    hinted: Layer | None
    """What its hints say."""
    pictured: Layer | None
    """Its own colours, if it is a colour picture."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """What a picture was told by others."""

    hinted: Layer | None = None
    pictured: Layer | None = None

    @property
    def nothing(self) -> bool:
        return self.hinted is None and self.pictured is None


def completed(net: RecallNet, pictures: Sequence[KnownPicture]) -> Generator[None, None, list[Layer]]:
    """What holds in each picture, all guides together; yields between two searches.

    Args:
        net: The learned parts of the bank.
        pictures: In the order of their frames: neighbours show what is most alike.
    """
    forth = yield from _told(net, pictures, range(len(pictures)))
    back = yield from _told(net, pictures, range(len(pictures) - 1, -1, -1))
    return [
        _together(picture, _surer(one.hinted, other.hinted), _surer(one.pictured, other.pictured))
        for picture, one, other in zip(pictures, forth, back, strict=True)
    ]


def _told(
    net: RecallNet, pictures: Sequence[KnownPicture], order: Iterable[int]
) -> Generator[None, None, list[_Heard]]:
    """What each was told, by number, if all pass on in this order what they say and what they heard."""
    heard = [_Heard()] * len(pictures)
    before: int | None = None
    passed = _Heard()
    for number in order:
        picture = pictures[number]
        if before is not None and not passed.nothing:
            yield
            heard[number] = _hear(net, pictures[before], passed, picture)
        passed = _Heard(
            picture.hinted.over(heard[number].hinted) if picture.hinted is not None else heard[number].hinted,
            picture.pictured if picture.pictured is not None else heard[number].pictured,
        )
        before = number
    return heard


def _hear(net: RecallNet, teller: KnownPicture, said: _Heard, listener: KnownPicture) -> _Heard:
    place = find(net, _bank(teller, None, ends=True), listener.key)
    return _Heard(
        _recalled(net, teller, said.hinted, place, listener, ends=True),
        # A colour picture that is there already hides all that another one could say.
        None if listener.pictured is not None else _recalled(net, teller, said.pictured, place, listener, ends=False),
    )


def _recalled(
    net: RecallNet, teller: KnownPicture, said: Layer | None, place: Found, listener: KnownPicture, *, ends: bool
) -> Layer | None:
    if said is None:
        return None
    told = renew_told(recall(net, _bank(teller, said, ends=ends), place, listener.observed, None), None)
    return Layer(told[:, :2], told[:, 2:3])


def _bank(picture: KnownPicture, said: Layer | None, *, ends: bool) -> Bank:
    cells = picture.observed
    if said is not None:
        cells = replace(cells, ab=said.ab, confidence=said.cover)
    return Bank(cells.stacked(), picture.key, doubts([ends], cells.ab.device))


def _surer(one: Layer | None, other: Layer | None) -> Layer | None:
    """By places, which of two tells the more firmly: their mixture would be neither's colour."""
    if one is None or other is None:
        return one if other is None else other
    first = one.cover >= other.cover
    return Layer(torch.where(first, one.ab, other.ab), torch.where(first, one.cover, other.cover))


def _together(picture: KnownPicture, hinted: Layer | None, pictured: Layer | None) -> Layer:
    layers = [picture.hinted, hinted, picture.pictured if picture.pictured is not None else pictured]
    top, *lower = [layer for layer in layers if layer is not None]
    for layer in lower:
        top = top.over(layer)
    return top
