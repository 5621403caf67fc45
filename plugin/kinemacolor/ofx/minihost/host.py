"""The mini host itself: loads an effect, describes it, makes instances and renders with them."""

import contextlib
import ctypes
import sys
from _ctypes import dlclose
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kinemacolor.ofx.minihost import abi
from kinemacolor.ofx.minihost.images import HostImage, Layout
from kinemacolor.ofx.minihost.objects import Clip, EffectObject, Handles, Param, ParamSet, ParamValue, Record, Source
from kinemacolor.ofx.minihost.properties import PropertySet
from kinemacolor.ofx.minihost.suites import Suites
from kinemacolor.ofx.minihost.traits import HostTraits, RenderArguments

__all__ = ["Effect", "Instance", "MiniHost", "Rendered"]


@dataclass(frozen=True, slots=True)
class Rendered:
    """One answer of the effect."""

    status: int
    image: HostImage

    @property
    def ok(self) -> bool:
        """Whether the effect says that it worked."""
        return self.status == abi.OK


class MiniHost:
    """A host with one loaded effect. A context manager; leaving it unloads the library.

    Args:
        binary: The `.ofx` file.
        traits: What kind of host to be.
    """

    def __init__(self, binary: Path, traits: HostTraits | None = None) -> None:
        self.traits = traits or HostTraits()
        self.record = Record()
        self.handles = Handles(self.record)
        self.suites = Suites(self)
        self.cancel_progress = False
        self._on_set: Callable[[str, ParamValue | None], None] | None = None
        self._own = PropertySet(self.traits.own_properties)
        self._host = abi.Host(self.handles.give(self._own), abi.Host._fields_[1][1](self._fetch))
        self._library = ctypes.CDLL(str(binary))
        self._library.OfxGetPlugin.restype = ctypes.POINTER(abi.Plugin)
        if hasattr(self._library, "OfxSetHost"):
            self._library.OfxSetHost(ctypes.byref(self._host))
        if self._library.OfxGetNumberOfPlugins() < 1:
            raise ValueError(f"{binary} holds no effect")
        self.plugin: Any = self._library.OfxGetPlugin(0).contents
        self.plugin.set_host(ctypes.byref(self._host))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.act("OfxActionUnload")
        self.close()
        if kind is None:
            self.check()

    def close(self) -> None:
        """Unload the library, as hosts do at their end; some do so without an Unload action."""
        dlclose(self._library._handle)

    def check(self) -> None:
        """Raise what went wrong in the host's functions, and what the effect must not do."""
        for error in self.record.errors:
            raise error
        if self.record.violations or self.record.images_out:
            raise AssertionError(f"{self.record.violations}, {self.record.images_out} pictures not given back")

    def _fetch(self, host: int, name: bytes, version: int) -> int | None:
        return self.suites.address(name.decode(), version)

    # ---- actions ----

    def act(
        self, action: str, effect: EffectObject | None = None, given: PropertySet | None = None,
        wanted: PropertySet | None = None,
    ) -> int:  # fmt: skip
        """Call the effect; the property sets' handles live as long as the call."""
        sets = [self.handles.give(each) if each is not None else None for each in (given, wanted)]
        try:
            return int(self.plugin.main_entry(action.encode(), effect.handle if effect else None, *sets))
        finally:
            for handle in sets:
                self.handles.take_back(handle or 0)

    def load(self) -> int:
        """The Load action."""
        return self.act("OfxActionLoad")

    def describe(self, context: str | None = None) -> "Effect":
        """Describe and DescribeInContext; failing is an error."""
        descriptor = self.new_effect(self.property_set())
        chosen = context or self.traits.context
        given = self._own if self.traits.host_properties_as_context else self.property_set(
            {"OfxImageEffectPropContext": (chosen,)}
        )  # fmt: skip
        for action, arguments in (("OfxActionDescribe", None), ("OfxImageEffectActionDescribeInContext", given)):
            status = self.act(action, descriptor, arguments)
            if status != abi.OK:
                raise RuntimeError(f"{action} returned {status}")
        return Effect(self, descriptor, chosen)

    # ---- what the suites need ----

    def property_set(self, values: Mapping[str, tuple[Any, ...]] | None = None) -> PropertySet:
        """A property set that refuses what this host does not know."""
        return PropertySet(values, self.traits.unknown_properties)

    def new_effect(self, properties: PropertySet) -> EffectObject:
        """An effect object with its handles."""
        effect = EffectObject(properties, ParamSet())
        effect.handle = self.handles.give(effect)
        effect.properties_handle = self.handles.give(effect.properties)
        effect.params.handle = self.handles.give(effect.params)
        return effect

    def define_clip(self, effect: EffectObject, name: str, properties: PropertySet | None = None) -> Clip:
        """A clip of an effect."""
        clip = Clip(name, properties or self.property_set())
        clip.handle, clip.properties_handle = self.handles.give(clip), self.handles.give(clip.properties)
        effect.clips[name] = clip
        return clip

    def define_param(self, params: ParamSet, kind: str, name: str, properties: PropertySet | None = None) -> Param:
        """A parameter; the same name twice is a violation."""
        if name in params.by_name:
            self.record.violations.append(f"the parameter {name} is defined twice")
        param = Param(name, kind, properties or self.property_set())
        param.handle, param.properties_handle = self.handles.give(param), self.handles.give(param.properties)
        params.by_name[name] = param
        return param

    def note_set(self, param: Param) -> None:
        """The effect has set a parameter."""
        if self._on_set is not None and not callable(param.value):
            self._on_set(param.name, param.value)

    @contextlib.contextmanager
    def watching(self, on_set: Callable[[str, ParamValue | None], None]) -> Any:
        """Calls `on_set` for each parameter that the effect sets."""
        self._on_set = on_set
        try:
            yield
        finally:
            self._on_set = None


class Effect:
    """A described effect."""

    def __init__(self, host: MiniHost, descriptor: EffectObject, context: str) -> None:
        self.host, self.descriptor, self.context = host, descriptor, context

    @property
    def params(self) -> dict[str, Param]:
        """The parameters by name, in the order in which they were defined."""
        return self.descriptor.params.by_name

    def texts(self, name: str) -> list[str]:
        """A text property of the effect."""
        return self.descriptor.properties.texts(name)

    def create(self, source: Source, clip_properties: Mapping[str, tuple[Any, ...]] | None = None) -> "Instance":
        """Make an instance.

        Args:
            source: The pictures of its clip.
            clip_properties: What the host says about the clip beside what is always said.
        """
        return Instance(self, source, clip_properties or {})


class Instance:
    """An effect on a clip."""

    def __init__(self, effect: Effect, source: Source, clip_properties: Mapping[str, tuple[Any, ...]]) -> None:
        self._host, self._source = effect.host, source
        self._object = self._host.new_effect(effect.descriptor.properties.copy())
        self._object.is_instance = True
        self._object.properties.values["OfxImageEffectPropContext"] = [effect.context]
        for param in effect.params.values():
            if param.type not in self._host.traits.drops_parameters:
                self._host.define_param(self._object.params, param.type, param.name, param.properties.copy())
        for name, clip in effect.descriptor.clips.items():
            self._host.define_clip(self._object, name, clip.properties.copy())
        self._object.clips["Source"].properties.values.update(
            {name: list(values) for name, values in clip_properties.items()}
        )
        self._object.clips["Source"].source = source
        self.created = self._host.act("OfxActionCreateInstance", self._object)

    @property
    def params(self) -> dict[str, Param]:
        """The parameters by name."""
        return self._object.params.by_name

    def set(self, **values: ParamValue | Callable[[float], ParamValue]) -> "Instance":
        """Set parameters, as a project that is loaded does; the effect is not told."""
        for name, value in values.items():
            self.params[name].value = value
        return self

    def change(
        self, name: str, value: ParamValue | None = None, reason: str = "OfxChangeUserEdited", time: float = 0.0
    ) -> int:
        """Set a parameter and tell the effect; without a value, press the button.

        Args:
            name: Of the parameter.
            value: The new one.
            reason: The host's word for who did it.
            time: Of the frame that the user sees.
        """
        if value is not None:
            self.params[name].value = value
        given = self._host.property_set(
            {
                "OfxPropType": ("OfxTypeParameter",),
                "OfxPropName": (name,),
                "OfxPropChangeReason": (reason,),
                "OfxPropTime": (time,),
                "OfxImageEffectPropRenderScale": (1.0, 1.0),
            }
        )
        return self.act("OfxActionInstanceChanged", given)

    def act(self, action: str, given: PropertySet | None = None, wanted: PropertySet | None = None) -> int:
        """Any action on this instance."""
        return self._host.act(action, self._object, given, wanted)

    def render(
        self,
        time: float = 0.0,
        arguments: RenderArguments | None = None,
        layout: Layout | None = None,
        into: HostImage | None = None,
    ) -> Rendered:
        """Render a frame.

        Args:
            time: Of the frame.
            arguments: How it is asked for.
            layout: Of the output; None: that of the source at that time.
            into: The output, instead; it is not looked at afterwards.
        """
        arguments = arguments or RenderArguments()
        if layout is None and into is None:
            source = self._source(time)
            layout = source.layout if source is not None else Layout()
        output = into or HostImage(layout or Layout())
        self._object.clips["Output"].source = lambda _: output
        self._object.rendering = arguments
        try:
            status = self.act("OfxImageEffectActionRender", self._render_set(time, arguments, output.layout))
        finally:
            self._object.rendering = None
        if into is None and not output.intact:
            self._host.record.violations.append(f"the frame at {time} was written beyond its bounds")
        return Rendered(status, output)

    def _render_set(self, time: float, arguments: RenderArguments, layout: Layout) -> PropertySet:
        optional: dict[str, Any] = {
            "OfxImageEffectPropRenderScale": arguments.scale,
            "OfxImageEffectPropSequentialRenderStatus": arguments.sequential,
            "OfxImageEffectPropInteractiveRenderStatus": arguments.interactive,
            "OfxImageEffectPropRenderQualityDraft": arguments.draft,
            "OfxImageEffectPropThumbnailRender": arguments.thumbnail,
            "OfxImageEffectPropFieldToRender": arguments.field_to_render,
        }
        said = {
            name: value if isinstance(value, tuple) else (value,)
            for name, value in optional.items()
            if value is not None
        }
        window = arguments.window or layout.bounds
        return self._host.property_set(
            {"OfxPropTime": (float(time),), "OfxImageEffectPropRenderWindow": window, **said}
        )

    def identity(self, time: float = 0.0) -> str | None:
        """The clip that the effect says is its output, if it does so."""
        wanted = self._host.property_set()
        given = self._host.property_set({"OfxPropTime": (float(time),), "OfxImageEffectPropRenderScale": (1.0, 1.0)})
        status = self.act("OfxImageEffectActionIsIdentity", given, wanted)
        return wanted.texts("OfxPropName")[0] if status == abi.OK else None

    def sequence(self, time: float, *, begin: bool) -> int:
        """Begin or end a sequence of that one frame, as MLT and Natron do around every frame."""
        given = self._host.property_set(
            {
                "OfxImageEffectPropFrameRange": (time, time),
                "OfxImageEffectPropFrameStep": (1.0,),
                "OfxPropIsInteractive": (0,),
                "OfxImageEffectPropRenderScale": (1.0, 1.0),
                "OfxImageEffectPropSequentialRenderStatus": (1,),
            }
        )
        return self.act(f"OfxImageEffectAction{'Begin' if begin else 'End'}SequenceRender", given)

    def destroy(self) -> int:
        """Delete the instance."""
        status = self.act("OfxActionDestroyInstance")
        self._host.handles.take_back(self._object.handle)
        return status


if sys.byteorder != "little":
    raise ImportError("the mini host runs on little-endian machines only")
