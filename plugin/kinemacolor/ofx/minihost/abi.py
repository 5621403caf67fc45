"""The binary interface as ctypes: the layouts that the shim's `abi.h` declares, from the host's side.

Functions with variable arguments are declared with as many as the effect may pass. On x86-64 and AArch64 Linux these
lie in the same registers as fixed ones; elsewhere this host does not run.
"""

import ctypes
from collections.abc import Sequence

__all__ = [
    "BAD_HANDLE",
    "FAILED",
    "OK",
    "REPLY_DEFAULT",
    "REPLY_NO",
    "REPLY_YES",
    "UNKNOWN",
    "EffectSuite",
    "Host",
    "MessageSuite",
    "ParamSuite",
    "Plugin",
    "ProgressSuite1",
    "ProgressSuite2",
    "PropertySuite",
    "RectD",
]

OK, FAILED, UNKNOWN, BAD_HANDLE = 0, 1, 3, 9
REPLY_YES, REPLY_NO, REPLY_DEFAULT = 12, 13, 14

_handle = ctypes.c_void_p
_text = ctypes.c_char_p
_int = ctypes.c_int
_double = ctypes.c_double
_where = ctypes.c_void_p


def _function(*arguments: type) -> type:
    return ctypes.CFUNCTYPE(_int, *arguments)


class RectD(ctypes.Structure):
    """OfxRectD."""

    _fields_ = [("x1", _double), ("y1", _double), ("x2", _double), ("y2", _double)]


def _set(value: type) -> type:
    return _function(_handle, _text, _int, value)


def _access(names: Sequence[str], kinds: Sequence[type]) -> list[tuple[str, type]]:
    return [(name, _set(kind)) for name, kind in zip(names, kinds, strict=True)]


class PropertySuite(ctypes.Structure):
    """OfxPropertySuite 1."""

    _fields_ = [
        *_access(("set_pointer", "set_string", "set_double", "set_int"), (_where, _text, _double, _int)),
        *_access(("set_pointers", "set_strings", "set_doubles", "set_ints"), (_where,) * 4),
        *_access(("get_pointer", "get_string", "get_double", "get_int"), (_where,) * 4),
        *_access(("get_pointers", "get_strings", "get_doubles", "get_ints"), (_where,) * 4),
        ("reset", _function(_handle, _text)),
        ("dimension", _function(_handle, _text, _where)),
    ]


class EffectSuite(ctypes.Structure):
    """OfxImageEffectSuite 1."""

    _fields_ = [
        ("get_properties", _function(_handle, _where)),
        ("get_params", _function(_handle, _where)),
        ("clip_define", _function(_handle, _text, _where)),
        ("clip_handle", _function(_handle, _text, _where, _where)),
        ("clip_properties", _function(_handle, _where)),
        ("clip_image", _function(_handle, _double, _where, _where)),
        ("clip_release", _function(_handle)),
        ("clip_definition", _function(_handle, _double, ctypes.POINTER(RectD))),
        ("abort", _function(_handle)),
        ("memory_alloc", _function(_handle, ctypes.c_size_t, _where)),
        ("memory_free", _function(_handle)),
        ("memory_lock", _function(_handle, _where)),
        ("memory_unlock", _function(_handle)),
    ]


class ParamSuite(ctypes.Structure):
    """OfxParameterSuite 1, as far as the effect uses it; what lies behind is zero."""

    _fields_ = [
        ("define", _function(_handle, _text, _text, _where)),
        ("handle", _function(_handle, _text, _where, _where)),
        ("set_properties", _function(_handle, _where)),
        ("properties", _function(_handle, _where)),
        ("get_value", _function(_handle, _where, _where, _where)),
        ("get_value_at", _function(_handle, _double, _where, _where, _where)),
        ("get_derivative", _where),
        ("get_integral", _where),
        ("set_value", _function(_handle, _where, _double)),
        ("set_value_at", _where),
        ("others", _where * 8),
    ]


class MessageSuite(ctypes.Structure):
    """OfxMessageSuite 2; version 1 is its first field."""

    _fields_ = [
        ("message", _function(_handle, _text, _text, _text, _text)),
        ("set_persistent", _function(_handle, _text, _text, _text, _text)),
        ("clear_persistent", _function(_handle)),
    ]


class ProgressSuite1(ctypes.Structure):
    """OfxProgressSuite 1."""

    _fields_ = [
        ("start", _function(_handle, _text)),
        ("update", _function(_handle, _double)),
        ("end", _function(_handle)),
    ]


class ProgressSuite2(ctypes.Structure):
    """OfxProgressSuite 2."""

    _fields_ = [
        ("start", _function(_handle, _text, _text)),
        ("update", _function(_handle, _double)),
        ("end", _function(_handle)),
    ]


class Host(ctypes.Structure):
    """OfxHost."""

    _fields_ = [
        ("properties", _handle),
        ("fetch_suite", ctypes.CFUNCTYPE(ctypes.c_void_p, _handle, _text, _int)),
    ]


class Plugin(ctypes.Structure):
    """OfxPlugin."""

    _fields_ = [
        ("api", _text),
        ("api_version", _int),
        ("identifier", _text),
        ("version_major", ctypes.c_uint),
        ("version_minor", ctypes.c_uint),
        ("set_host", ctypes.CFUNCTYPE(None, ctypes.POINTER(Host))),
        ("main_entry", _function(_text, _handle, _handle, _handle)),
    ]
