"""What a pickle of weights may call: a list of what is known to do no more than make data.

Nothing that a file names is ever called here. The list is for those who will open the file elsewhere: what is known to
attack cannot be listed, since any function of any installed package can be named; what files of weights hold can. So a
call of anything else is refused with its name, whatever becomes of its result.

Known are: containers and numbers of Python; what torch, numpy and pathlib write for their objects; classes, by their
capital letter, of the packages whose optimisers and schedules the authors' files carry (torch.optim, torch.nn, fastai);
and functools.partial, with which fastai notes how an optimiser is made. A partial is noted, never called: a pickle that
calls what another call gave is refused.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.files.pickled import Persistent, Symbol

__all__ = ["refuse_unknown"]

_PYTHON = frozenset(
    {"set", "frozenset", "slice", "complex", "bytearray", "list", "dict", "tuple", "object", "range"}
    | {"int", "float", "bool", "str", "bytes"}
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
        "datetime": frozenset({"datetime", "date", "time", "timedelta"}),
        "decimal": frozenset({"Decimal"}),
        "fractions": frozenset({"Fraction"}),
        "pathlib": frozenset(
            {"Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath"},
        ),
        "torch": frozenset({"Size", "device", "Tensor", "Generator"}) | _STORAGES,
        "torch._utils": _REBUILDERS | {"_rebuild_parameter_with_state", "_rebuild_device_tensor_from_numpy"},
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


def refuse_unknown(called: object, arguments: tuple[object, ...]) -> None:
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
        refuse_unknown(arguments[0], ())


def _is_known(symbol: Symbol) -> bool:
    if symbol.name in _CALLS.get(symbol.module, ()):
        return True
    return _OF_CLASSES.fullmatch(symbol.module) is not None and _CLASS.fullmatch(symbol.name) is not None


def _refusal(what: str) -> str:
    return (
        f"expected a file of weights, found one that would run {what} where it is opened in the usual way (here nothing"
        " was run); if you trust it, save its tensors alone where it was made: torch.save(network.state_dict(), FILE)"
    )
