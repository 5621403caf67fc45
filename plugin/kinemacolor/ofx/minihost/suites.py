"""The suites of the mini host: C functions that look up handles and do what the interface says."""

import ctypes
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from kinemacolor.ofx.minihost import abi
from kinemacolor.ofx.minihost.images import HostImage
from kinemacolor.ofx.minihost.objects import Clip, EffectObject, Param, ParamSet, store
from kinemacolor.ofx.minihost.properties import PropertySet

if TYPE_CHECKING:
    from kinemacolor.ofx.minihost.host import MiniHost

__all__ = ["Suites"]

_SUITES: dict[tuple[str, int], str] = {
    ("OfxPropertySuite", 1): "property",
    ("OfxImageEffectSuite", 1): "effect",
    ("OfxParameterSuite", 1): "param",
    ("OfxMessageSuite", 1): "message",
    ("OfxMessageSuite", 2): "message",
    ("OfxProgressSuite", 1): "progress_1",
    ("OfxProgressSuite", 2): "progress_2",
}
_C_KINDS: dict[type, type] = {int: ctypes.c_int, float: ctypes.c_double, ctypes.c_void_p: ctypes.c_void_p}


class Suites:
    """Makes the suites of one host and keeps them alive."""

    def __init__(self, host: "MiniHost") -> None:
        self._host = host
        self.property = self._fill(abi.PropertySuite(), "property")
        self.effect = self._fill(abi.EffectSuite(), "effect")
        self.param = self._fill(abi.ParamSuite(), "param")
        self.message = self._fill(abi.MessageSuite(), "message")
        self.progress_1 = self._fill(abi.ProgressSuite1(), "progress")
        self.progress_2 = self._fill(abi.ProgressSuite2(), "progress")

    def address(self, name: str, version: int) -> int | None:
        """Of a suite; None if the host does not have it."""
        attribute = _SUITES.get((name, version))
        if attribute is None or (name, version) in self._host.traits.missing_suites:
            return None
        return ctypes.addressof(getattr(self, attribute))

    def _fill(self, suite: Any, prefix: str) -> Any:
        """Put the methods `_PREFIX_NAME` into the suite's fields of these names."""
        for name, kind in suite._fields_:
            method = getattr(self, f"_{prefix}_{name}", None)
            if method is not None:
                setattr(suite, name, kind(self._guarded(method)))
        return suite

    def _guarded(self, method: Callable[..., int | None]) -> Callable[..., int]:
        def call(*arguments: Any) -> int:
            try:
                status = method(*arguments)
            except LookupError:
                return abi.UNKNOWN
            except BaseException as error:  # noqa: BLE001 - C cannot take it; the host raises it later
                self._host.record.errors.append(error)
                return abi.FAILED
            return abi.OK if status is None else status

        return call

    # ---- properties ----

    def _set(self, handle: int) -> PropertySet:
        return self._host.handles.find(handle, PropertySet)

    def _property_set_pointer(self, handle: int, name: bytes, index: int, value: int | None) -> None:
        self._set(handle).put(name.decode(), index, ctypes.c_void_p(value))

    def _property_set_string(self, handle: int, name: bytes, index: int, value: bytes) -> None:
        self._set(handle).put(name.decode(), index, value.decode("utf-8", "surrogateescape"))

    def _property_set_double(self, handle: int, name: bytes, index: int, value: float) -> None:
        self._set(handle).put(name.decode(), index, value)

    _property_set_int = _property_set_double

    def _property_get_pointer(self, handle: int, name: bytes, index: int, where: int) -> None:
        self._get(handle, name, index, where, ctypes.c_void_p)

    def _property_get_string(self, handle: int, name: bytes, index: int, where: int) -> None:
        store(where, self._set(handle).c_string(name.decode(), index), ctypes.c_void_p)

    def _property_get_double(self, handle: int, name: bytes, index: int, where: int) -> None:
        self._get(handle, name, index, where, float)

    def _property_get_int(self, handle: int, name: bytes, index: int, where: int) -> None:
        self._get(handle, name, index, where, int)

    def _get(self, handle: int, name: bytes, index: int, where: int, kind: type) -> None:
        value = self._set(handle).get(name.decode(), index)
        if not isinstance(value, kind):
            raise KeyError(f"{name!r} is no {kind.__name__}")
        store(where, value, _C_KINDS[kind])

    def _property_dimension(self, handle: int, name: bytes, where: int) -> None:
        store(where, len(self._set(handle).values[name.decode()]), ctypes.c_int)

    # ---- effects, clips, pictures ----

    def _effect(self, handle: int) -> EffectObject:
        return self._host.handles.find(handle, EffectObject)

    def _effect_get_properties(self, handle: int, where: int) -> None:
        store(where, self._effect(handle).properties_handle, ctypes.c_void_p)

    def _effect_get_params(self, handle: int, where: int) -> None:
        store(where, self._effect(handle).params.handle, ctypes.c_void_p)

    def _effect_clip_define(self, handle: int, name: bytes, where: int) -> None:
        store(where, self._host.define_clip(self._effect(handle), name.decode()).properties_handle, ctypes.c_void_p)

    def _effect_clip_handle(self, handle: int, name: bytes, where: int, where_properties: int | None) -> None:
        clip = self._effect(handle).clips[name.decode()]
        store(where, clip.handle, ctypes.c_void_p)
        if where_properties:
            store(where_properties, clip.properties_handle, ctypes.c_void_p)

    def _effect_clip_properties(self, handle: int, where: int) -> None:
        store(where, self._host.handles.find(handle, Clip).properties_handle, ctypes.c_void_p)

    def _effect_clip_image(self, handle: int, time: float, region: int | None, where: int) -> int:
        clip = self._host.handles.find(handle, Clip)
        if clip.name == "Source":
            self._host.record.fetched.append(time)
        image = clip.source(time) if clip.source is not None else None
        if image is None:
            return abi.FAILED
        self._host.record.images_out += 1
        store(where, self._host.handles.give(_image_properties(image)), ctypes.c_void_p)
        return abi.OK

    def _effect_clip_release(self, handle: int) -> None:
        self._set(handle)
        self._host.handles.take_back(handle)
        self._host.record.images_out -= 1

    def _effect_clip_definition(self, handle: int, time: float, where: Any) -> int:
        clip = self._host.handles.find(handle, Clip)
        image = clip.source(time) if clip.source is not None else None
        if image is None:
            return abi.FAILED
        where[0].x1, where[0].y1, where[0].x2, where[0].y2 = map(float, image.layout.bounds)
        return abi.OK

    def _effect_abort(self, handle: int) -> int:
        rendering = self._effect(handle).rendering
        return int(rendering is not None and rendering.aborted())

    # ---- parameters ----

    def _param_define(self, handle: int, kind: bytes, name: bytes, where: int | None) -> int:
        if kind.decode() in self._host.traits.refused_parameters:
            return abi.UNKNOWN
        param = self._host.define_param(self._host.handles.find(handle, ParamSet), kind.decode(), name.decode())
        if where:
            store(where, param.properties_handle, ctypes.c_void_p)
        return abi.OK

    def _param_handle(self, handle: int, name: bytes, where: int, where_properties: int | None) -> None:
        param = self._host.handles.find(handle, ParamSet).by_name[name.decode()]
        store(where, param.handle, ctypes.c_void_p)
        if where_properties:
            store(where_properties, param.properties_handle, ctypes.c_void_p)

    def _param_properties(self, handle: int, where: int) -> None:
        store(where, self._host.handles.find(handle, Param).properties_handle, ctypes.c_void_p)

    def _param_get_value(self, handle: int, first: int, second: int, third: int) -> None:
        self._param_get_value_at(handle, 0.0, first, second, third)

    def _param_get_value_at(self, handle: int, time: float, first: int, second: int, third: int) -> None:
        param = self._host.handles.find(handle, Param)
        value = param.value_at(time)
        if isinstance(value, str):
            param.properties.values["the value"] = [value]
            store(first, param.properties.c_string("the value", 0), ctypes.c_void_p)
        elif isinstance(value, tuple):
            for where, number in zip((first, second, third), value, strict=False):
                store(where, number, ctypes.c_double)
        else:
            store(first, value, ctypes.c_double if param.type == "OfxParamTypeDouble" else ctypes.c_int)

    def _param_set_value(self, handle: int, word: int | None, number: float) -> None:
        param = self._host.handles.find(handle, Param)
        if param.type == "OfxParamTypeString":
            param.value = ctypes.string_at(word or 0).decode("utf-8", "surrogateescape")
        elif param.type == "OfxParamTypeDouble":
            param.value = number
        else:
            param.value = ctypes.c_int(word or 0).value
        self._host.note_set(param)

    # ---- messages and progress ----

    def _message_message(self, handle: int, kind: bytes, name: bytes, form: bytes, argument: bytes) -> None:
        self._host.record.messages.append((kind.decode(), _printed(form, argument)))

    def _message_set_persistent(self, handle: int, kind: bytes, name: bytes, form: bytes, argument: bytes) -> None:
        self._effect(handle)
        self._host.record.persistent = _printed(form, argument)
        self._host.record.messages.append((kind.decode(), self._host.record.persistent))

    def _message_clear_persistent(self, handle: int) -> None:
        self._effect(handle)
        self._host.record.persistent = None

    def _progress_start(self, handle: int, *texts: bytes) -> None:
        self._effect(handle)

    def _progress_update(self, handle: int, fraction: float) -> int:
        self._effect(handle)
        self._host.record.progress.append(fraction)
        return abi.REPLY_NO if self._host.cancel_progress else abi.OK

    def _progress_end(self, handle: int) -> None:
        self._effect(handle)
        self._host.record.progress_ended += 1


def _printed(form: bytes, argument: bytes) -> str:
    if form != b"%s":
        raise ValueError(f"the format {form!r} is not %s: a percent sign in the text would crash the host")
    return argument.decode("utf-8", "surrogateescape")


class _ImageSet(PropertySet):
    """The properties of a picture that was handed out; it keeps the picture's memory until it is given back."""

    def __init__(self, image: HostImage, values: Mapping[str, tuple[Any, ...]]) -> None:
        super().__init__(values)
        self.image = image


def _image_properties(image: HostImage) -> _ImageSet:
    layout = image.layout
    return _ImageSet(
        image,
        {
            "OfxImagePropData": (ctypes.c_void_p(image.address),),
            "OfxImagePropBounds": layout.bounds,
            "OfxImagePropRegionOfDefinition": layout.bounds,
            "OfxImagePropRowBytes": (image.row_bytes,),
            "OfxImageEffectPropPixelDepth": (layout.depth.value,),
            "OfxImageEffectPropComponents": (layout.components,),
            "OfxImageEffectPropPreMultiplication": (layout.premultiplication,),
            "OfxImagePropPixelAspectRatio": (1.0,),
            "OfxImagePropUniqueIdentifier": ("constant",),
            "OfxImagePropField": ("OfxFieldNone",),
            "OfxImageEffectPropRenderScale": (1.0, 1.0),
            **image.said,
        },
    )
