"""What a host is like, as values: what it says about itself, what it lacks, how it asks for a frame. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["MLT", "NATRON", "RESOLVE", "HostTraits", "RenderArguments"]

Property = int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostTraits:
    """One kind of host."""

    name: str = "MiniHost"
    context: str = "OfxImageEffectContextFilter"
    properties: dict[str, tuple[Property, ...]] = field(default_factory=dict)
    """More that the host says about itself."""
    temporal_access: bool = False
    missing_suites: frozenset[tuple[str, int]] = frozenset()
    unknown_properties: frozenset[str] = frozenset()
    """Properties that the host refuses, as one of an older version does."""
    refused_parameters: frozenset[str] = frozenset()
    """Types of parameters that the host does not take."""
    drops_parameters: frozenset[str] = frozenset()
    """Types of parameters that the host takes and never has in an instance."""
    host_properties_as_context: bool = False
    """Whether DescribeInContext gets the host's own properties, as in MLT."""

    @property
    def own_properties(self) -> dict[str, tuple[Property, ...]]:
        """All that the host says about itself."""
        return {
            "OfxPropName": (self.name,),
            "OfxPropLabel": (self.name,),
            "OfxPropVersion": (7, 42, 0),
            "OfxPropVersionLabel": ("7.42.0",),
            "OfxPropAPIVersion": (1, 5),
            "OfxImageEffectPropContext": (self.context,),
            "OfxImageEffectPropTemporalClipAccess": (int(self.temporal_access),),
            **self.properties,
        }


_NEWER_THAN_1_4 = frozenset(
    {
        "OfxImageEffectPropNoSpatialAwareness",
        "OfxImageEffectPropColourManagementStyle",
        "OfxImageEffectPropColourManagementAvailableConfigs",
        "OfxImageEffectPropThumbnailRender",
    }
)
MLT = HostTraits(
    name="MLT",
    properties={"OfxImageEffectInstancePropSequentialRender": (0,), "OfxImageEffectHostPropIsBackground": (1,)},
    drops_parameters=frozenset({"OfxParamTypePushButton", "OfxParamTypePage"}),
    host_properties_as_context=True,
)
NATRON = HostTraits(
    name="fr.inria.Natron",
    context="OfxImageEffectContextGeneral",
    temporal_access=True,
    unknown_properties=_NEWER_THAN_1_4,
)
RESOLVE = HostTraits(
    name="DaVinciResolve",
    temporal_access=True,
    missing_suites=frozenset({("OfxMessageSuite", 2), ("OfxProgressSuite", 2)}),
    unknown_properties=_NEWER_THAN_1_4,
)


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderArguments:
    """How one frame is asked for. None: the host does not say."""

    scale: tuple[float, float] | None = (1.0, 1.0)
    window: tuple[int, int, int, int] | None = None
    """Render window in pixels; None: the whole output."""
    sequential: int | None = 1
    interactive: int | None = 0
    draft: int | None = 0
    thumbnail: str | None = "false"
    field_to_render: str | None = "OfxFieldNone"
    aborted: Callable[[], bool] = _never
    """What the host answers when the effect asks whether to stop."""
