"""What the guides of a shot say together, as each of their pictures sees it. Pure.

A place of a frame is found in that one of the kept pictures which shows it most alike (`bank`), and takes what is said
there. So each picture has to know what is said in the others: else a picture whose one hint is about something else
would take the word from them. It looks for itself in those nearest to it, as a frame would, and hears what they say by
themselves; of several, a place believes the one that was found most firmly around it. A picture's own hints count first
in it, then those of others, then its own colours or those of another colour picture.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.bank import Bank, doubts, find, recall
from kinemacolor.models.guides import GuideLayers, Layer
from kinemacolor.models.networks.recall import RecallNet
from kinemacolor.models.shot_memory import renew_told
from kinemacolor.models.temporal import Cells

__all__ = ["KnownPicture", "completed"]

_HINTED_NEAREST, _COLOURED_NEAREST = 8, 2
"""Whom a picture hears: each costs a search, and all pairs of 64 pictures would take minutes."""
_FARTHER = 0.7
"""What the word of the next nearest one weighs: of two who say different colours of a thing, one has all of it."""
_AREA = 9
"""Side of what decides together, in cells: colours by single cells would be a patchwork of two things."""


@dataclass(frozen=True, slots=True)
class KnownPicture:
    """The picture of a guide."""

    key: Tensor
    """(1, 32, h / 2, w / 2) from `RecallNet.key`."""
    observed: Cells
    """Its cells (B = 1), their colour that of the frame network."""
    said: GuideLayers


@dataclass(frozen=True, slots=True)
class _Heard:
    """What another picture said, where it is here."""

    layer: Layer
    claim: Tensor
    """(1, 1, h, w) evidence that it holds, in frames."""


def completed(net: RecallNet, pictures: Sequence[KnownPicture]) -> Generator[None, None, list[Layer]]:
    """What holds in each picture, all guides together; yields before each search.

    Args:
        net: The learned parts of the bank.
        pictures: In the order of their frames.
    """
    layers = []
    for number, listener in enumerate(pictures):
        hinted: list[_Heard] = []
        coloured: list[_Heard] = []
        tellers = [pictures[other] for other in sorted(range(len(pictures)), key=lambda other: abs(other - number))[1:]]
        with_hints = [(teller, layer) for teller in tellers if (layer := teller.said.hinted) is not None]
        with_colours = [(teller, layer) for teller in tellers if (layer := teller.said.coloured) is not None]
        for teller, layer in with_hints[:_HINTED_NEAREST]:
            yield
            hinted.append(_hear(net, teller, layer, listener))
        own = listener.said.coloured
        # A picture's own colours hide all that another one's could say.
        for teller, layer in with_colours[:_COLOURED_NEAREST] if own is None else ():
            yield
            coloured.append(_hear(net, teller, layer, listener))
        layers.append(_laid(listener.said.hinted, _firmest(hinted), own if own is not None else _firmest(coloured)))
    return layers


def _hear(net: RecallNet, teller: KnownPicture, layer: Layer, listener: KnownPicture) -> _Heard:
    """What a picture says, as another one sees it.

    It is doubted as a reference is: hints say where they end, but a thing that the teller does not show is found in it
    badly, and what is heard here is believed later as if it had been said here.
    """
    cells = replace(teller.observed, ab=layer.ab, confidence=layer.cover)
    bank = Bank(cells.stacked(), teller.key, doubts([False], layer.ab.device))
    place = find(net, bank, listener.key)
    told = renew_told(recall(net, bank, place, listener.observed, None), None)
    ab, cover, evidence = torch.split(told, [2, 1, 1], dim=1)
    return _Heard(Layer(ab, cover), cover * evidence)


def _firmest(heard: Sequence[_Heard]) -> Layer | None:
    """By places, who was found most firmly around them, the nearer before others: a mixture would be nobody's colour.

    Args:
        heard: From the nearest one on.
    """
    if not heard:
        return None
    claims = torch.cat([one.claim * _FARTHER**rank for rank, one in enumerate(heard)])
    around = F.avg_pool2d(claims, _AREA, stride=1, padding=_AREA // 2, count_include_pad=False)
    first = around.argmax(dim=0, keepdim=True)
    ab = torch.cat([one.layer.ab for one in heard]).gather(0, first.expand(-1, 2, -1, -1))
    return Layer(ab, torch.cat([one.layer.cover for one in heard]).gather(0, first))


def _laid(*layers: Layer | None) -> Layer:
    """Layers one over the other, the first one on top; at least one is there."""
    top, *lower = [layer for layer in layers if layer is not None]
    for layer in lower:
        top = top.over(layer)
    return top
