"""What a pickle of weights may call: a list of what is known to do no more than make data.

Nothing that a file names is ever called here. The list is for those who will open the file elsewhere: what is known to
attack cannot be listed, since any function of any installed package can be named; what files of weights hold can. So a
call of anything else is refused with its name, whatever becomes of its result.

Known are: containers and numbers of Python; what torch, numpy and pathlib write for their objects; classes, by their
capital letter, of the packages whose optimisers and schedules the authors' files carry (torch.optim, torch.nn, fastai);
and functools.partial, with which fastai notes how an optimiser is made. A partial is noted, never called: a pickle that
calls what another call gave is refused.

Python's machine also calls methods: what appends looks up `append` on the object, whose state may have put anything
there. So lists alone are appended to, dicts alone get items, and no state holds a name that is not known.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

import torch

from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.files.pickled import Made, Persistent, Rules, Symbol

__all__ = ["KNOWN"]

_PYTHON = frozenset(
    {"set", "frozenset", "slice", "complex", "bytearray", "list", "dict", "tuple", "object", "range"}
    | {"xrange", "int", "float", "bool", "str", "bytes"}
)
_REBUILDERS = frozenset({"_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_parameter"})
_STORAGES = frozenset(
    {
        f"{kind}Storage"
        for kind in ("Float", "Half", "BFloat16", "Double", "Long", "Int", "Short", "Char", "Byte", "Bool")
    }
)
_COPYREG = frozenset({"_reconstructor", "__newobj__"})
"""They call their first argument, a class."""
_NUMPY_ARRAYS = frozenset({"scalar", "_reconstruct"})

_CALLS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "builtins": _PYTHON,
        "__builtin__": _PYTHON,
        "collections": frozenset({"OrderedDict", "defaultdict", "Counter", "deque"}),
        "copyreg": _COPYREG,
        "copy_reg": _COPYREG,
        "_codecs": frozenset({"encode"}),  # how bytes are written in older protocols
        "functools": frozenset({"partial"}),
        "argparse": frozenset({"Namespace"}),
        "types": frozenset({"SimpleNamespace"}),
        "datetime": frozenset({"datetime", "date", "time", "timedelta", "timezone"}),
        "decimal": frozenset({"Decimal"}),
        "fractions": frozenset({"Fraction"}),
        "pathlib": frozenset(
            {"Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath"},
        ),
        "torch": frozenset({"Size", "device", "Tensor", "Generator"}) | _STORAGES,
        "torch._utils": _REBUILDERS | {"_rebuild_parameter_with_state", "_rebuild_device_tensor_from_numpy"},
        "torch.amp.grad_scaler": frozenset({"GradScaler", "OptState", "_refresh_per_optimizer_state"}),
        "torch.serialization": frozenset({"_get_layout"}),
        "torch.storage": frozenset({"TypedStorage", "UntypedStorage"}),
        "torch.torch_version": frozenset({"TorchVersion"}),
        "numpy": frozenset({"dtype", "ndarray"}),
        "numpy.core.multiarray": _NUMPY_ARRAYS,
        "numpy._core.multiarray": _NUMPY_ARRAYS,
        "numpy.core.numeric": frozenset({"_frombuffer"}),
        "numpy._core.numeric": frozenset({"_frombuffer"}),
    }
)
_OF_CLASSES = re.compile(r"(torch\.optim|torch\.nn|fastai)(\.\w+)*")
_CLASS = re.compile(r"[A-Z]\w*")
_CALLING_A_CLASS = frozenset(Symbol(module, name) for module in ("copyreg", "copy_reg") for name in _COPYREG)
_BUILTINS = ("builtins", "__builtin__")
_BASES = frozenset(Symbol(module, name) for module in _BUILTINS for name in ("object", "list", "dict", "tuple"))
"""Of which `_reconstructor` makes an object, by their `__new__` and `__init__`."""
_LISTS = frozenset(Symbol(module, name) for module in _BUILTINS for name in ("list", "set")) | {
    Symbol("collections", "deque")
}
_DICTS = frozenset(Symbol(module, "dict") for module in _BUILTINS) | {
    Symbol("collections", name) for name in ("OrderedDict", "defaultdict", "Counter")
}
_TORCH_VALUES = frozenset(
    name for name, value in vars(torch).items() if isinstance(value, (torch.dtype, torch.layout, torch.memory_format))
)
"""Written by their names, as classes are."""


def _refuse_unknown(called: object, arguments: tuple[object, ...]) -> None:
    """Look at one call of a pickle.

    Raises:
        CheckpointError: It is not known to be harmless; the text names it and says how the tensors can be saved alone.
    """
    match called:
        case Persistent(("module", Symbol() as of_class, *_)):  # the former form, with the text of its source beside it
            called = of_class
    if not isinstance(called, Symbol):
        raise CheckpointError(_refusal("what another call has given"))
    if not _is_known(called):
        raise CheckpointError(_refusal(str(called)))
    if called in _CALLING_A_CLASS and arguments:
        _refuse_unknown(arguments[0], ())
    if called.name == "_reconstructor" and not (len(arguments) > 1 and _is_one_of(arguments[1], _BASES)):
        raise CheckpointError(_refusal(f"{called} with another base than object, list, dict and tuple"))


def _refuse_appending(target: Made) -> None:
    if not _is_one_of(_class_of(target), _LISTS):
        raise CheckpointError(_refusal(f"append of {_class_of(target)}"))


def _refuse_setting_items(target: Made) -> None:
    if not _is_one_of(_class_of(target), _DICTS):
        raise CheckpointError(_refusal(f"__setitem__ of {_class_of(target)}"))


def _refuse_holding(symbol: Symbol) -> None:
    if not _is_known(symbol) and not (symbol.module == "torch" and symbol.name in _TORCH_VALUES):
        raise CheckpointError(_refusal(f"{symbol}, of which it makes a method of an object,"))


def _class_of(target: Made) -> Symbol | None:
    found = target.of
    if _is_one_of(found, _CALLING_A_CLASS) and target.arguments:
        found = target.arguments[0]
    match found:
        case Persistent(("module", Symbol() as of_class, *_)):
            return of_class
    return found if isinstance(found, Symbol) else None


def _is_one_of(value: object, symbols: frozenset[Symbol]) -> bool:
    """Others may be nested without end, and are never hashed."""
    return isinstance(value, Symbol) and value in symbols


def _is_known(symbol: Symbol) -> bool:
    if symbol.name in _CALLS.get(symbol.module, ()):
        return True
    return _OF_CLASSES.fullmatch(symbol.module) is not None and _CLASS.fullmatch(symbol.name) is not None


def _refusal(what: str) -> str:
    return (
        f"expected a file of weights, found one that would run {what} where it is opened in the usual way (here nothing"
        " was run); if you trust it, save its tensors alone where it was made: torch.save(network.state_dict(), FILE)"
    )


KNOWN = Rules(_refuse_unknown, _refuse_appending, _refuse_setting_items, _refuse_holding)
"""Refuse what is not known to be harmless: each raises a CheckpointError that names it."""
