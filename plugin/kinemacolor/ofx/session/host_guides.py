"""References and hints of a clip of one shot, of which nothing is known but what its host shows."""

from collections import OrderedDict
from collections.abc import Callable

from kinemacolor.colour.encoding import ColourEncoding
from kinemacolor.ofx.helper.effect import EffectError
from kinemacolor.ofx.session.film_guides import picture_versions
from kinemacolor.picture.proxy import Proxy
from kinemacolor.render.guide_frames import AskedGuides, ask_guides
from kinemacolor.render.guides import GuideOptions, ShownPicture, Turn
from kinemacolor.wire.frame import Geometry, GuideFrame
from kinemacolor.wire.limits import MAX_FRAME_NUMBER

__all__ = ["HostGuides"]

_KEPT = 4


class HostGuides:
    """For one thread at a time.

    Args:
        geometry: At which the network sees the pictures.
        encoding: Of their luma.
    """

    def __init__(self, geometry: Geometry, encoding: ColourEncoding) -> None:
        self._geometry, self._encoding = geometry, encoding
        self._known: OrderedDict[object, AskedGuides] = OrderedDict()

    def of(
        self, options: GuideOptions, first: int, show: Callable[[int], Proxy | None] | None
    ) -> tuple[GuideFrame, ...]:
        """What is said of the clip, in the order of frames.

        Args:
            options: By the numbers of the clip.
            first: The clip's first frame.
            show: Asks the host for the luma of a frame as it is now, for a hint is about that; None: it shows none.

        Raises:
            EffectError: A frame lies before the clip, or the host does not show one with hints.
            UsageError: It cannot be meant, together or for this clip.
            SourceError: A picture cannot be read.
        """
        asked = self._asked(options)
        for frame, origin in asked.origins.items():
            if frame < first:
                raise EffectError(f"{origin.words}: the clip begins with frame {first}, found {frame}")

        def luma_of(frame: int) -> Proxy:
            luma = show(frame) if show is not None else None
            if luma is None:
                name = asked.origins[frame].words
                raise EffectError(f"{name}: this host does not show the effect frame {frame}; name the Media file")
            return luma

        return tuple(asked.guide(frame, luma_of) for frame in sorted(asked.origins))

    def _asked(self, options: GuideOptions) -> AskedGuides:
        key = (options, picture_versions(options))
        if key not in self._known:
            shown = ShownPicture(float(self._geometry.width_px), float(self._geometry.height_px), Turn())
            extent = (0, MAX_FRAME_NUMBER)  # where a clip ends, hosts say as they like
            self._known[key] = ask_guides(options, extent, self._encoding, self._geometry, shown)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]
