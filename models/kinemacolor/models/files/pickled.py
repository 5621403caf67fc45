"""What a pickle describes, without making it: no class is imported, no function is called, whatever the bytes say.

A pickle is a program for a small stack machine. Python's own machine imports and calls what the program names; this one
builds a picture of it instead: names stay names (`Symbol`), and the result of a call is a note of what would have been
called (`Made`). So a file that carries an optimiser, or an attack, can be read for the tensors that are in it.

Opcodes as in the standard library's pickletools, which takes the bytes apart here.
"""

import os
import pickletools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from kinemacolor.models.errors import CheckpointError

__all__ = ["Made", "Persistent", "Rules", "Symbol", "parts_of", "read_pickle"]


@dataclass(frozen=True, slots=True)
class Symbol:
    """A class or function that the pickle names."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(slots=True, eq=False)
class Made:
    """What calling `of` with `arguments` would have given, and what was done to it afterwards."""

    of: object
    """A `Symbol`, or what stands in its place; compared only when it is one: another may be nested without end."""
    arguments: tuple[object, ...]
    state: object = None
    items: dict[Any, object] = field(default_factory=dict)
    """Set by key, as in an OrderedDict."""
    values: list[object] = field(default_factory=list)
    """Appended."""


@dataclass(frozen=True, slots=True)
class Persistent:
    """A reference to something outside of the pickle."""

    key: object


def _nothing(*_: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Rules:
    """Are told what the pickle would do, whatever becomes of its result; each may raise."""

    calls: Callable[[object, tuple[object, ...]], None] = _nothing
    """What, with what; a class is called by its instances' making, too."""
    appends: Callable[[Made], None] = _nothing
    """To an object, by a method that is looked up on it."""
    sets_items: Callable[[Made], None] = _nothing
    holds: Callable[[Symbol], None] = _nothing
    """A name within the state of an object, however deep."""


_LIMIT_BYTES = 64 << 20
_LIMIT_INSTRUCTIONS = 2_000_000
"""Each may make an object of some hundred bytes out of one or two. The largest official file has 100,000."""
_LIMIT_INTEGER_BITS = 1024
"""Those of a random generator have 128. Python takes as long for each use of one as it has digits."""
_LIMIT_DEPTH = 100
"""Of tuples in tuples, which C compares and hashes by recursion."""
_LIMIT_KEY = (1 << 61) - 1
"""Python's hashes of integers begin anew there, so many keys could have one."""
_LIMIT_KEY_PARTS = 16


def read_pickle(file: BinaryIO, rules: Rules = Rules()) -> object:
    """Read one pickle; the file then stands behind it.

    Args:
        file: Stands before it.
        rules: Are told of every call and of what is done to its result.

    Returns:
        None, numbers, texts, bytes, tuples, lists, dicts, sets, and the classes above.

    Raises:
        CheckpointError: The bytes are no pickle, or one that does more than data needs.
    """
    machine = _Machine(rules)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of texts with unknown escapes
            for count, (opcode, argument, _) in enumerate(pickletools.genops(_Bounded(file))):  # type: ignore[arg-type]
                if count >= _LIMIT_INSTRUCTIONS:
                    raise CheckpointError(
                        f"expected a pickle of at most {_LIMIT_INSTRUCTIONS} instructions, found more"
                    )
                machine.run(opcode.name, argument)
        machine.judge_states()
    except CheckpointError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, EOFError, UnicodeError, OverflowError) as error:
        raise CheckpointError(f"expected a pickle, found bytes that are none: {error}") from error
    return machine.result


class _Bounded:
    """A file that makes no room for more than it has, whatever length a damaged pickle asks for."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, here = file, file.tell()
        self._end = min(file.seek(0, os.SEEK_END), here + _LIMIT_BYTES)
        file.seek(here)

    def read(self, count: int) -> bytes:
        return self._file.read(min(count, self._left()))

    def readline(self) -> bytes:
        return self._file.readline(self._left())

    def tell(self) -> int:
        return self._file.tell()

    def _left(self) -> int:
        return max(0, self._end - self._file.tell())


class _Machine:
    """The stack machine."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._states: list[object] = []
        self._depths: dict[int, int] = {}
        """By `id`, of tuples and references; who has the `id` of one that is gone has written its own."""
        self.result: object = None

    def run(self, name: str, argument: Any) -> None:
        """One instruction."""
        if name in _PUSHES_ARGUMENT:
            if isinstance(argument, int) and argument.bit_length() > _LIMIT_INTEGER_BITS:
                raise CheckpointError(f"expected integers of at most {_LIMIT_INTEGER_BITS} bits, found a longer one")
            self._stack.append(argument)
        elif name in _PUSHES_NEW:
            self._stack.append(_PUSHES_NEW[name]())
        elif name in _IGNORED:
            return
        elif name in _DOES:
            _DOES[name](self, argument)
        else:
            raise CheckpointError(f"expected a pickle of data, found the instruction {name}")

    def judge_states(self) -> None:
        """At the end: what a state holds may have been put there after the object had got it."""
        waiting, seen = list(self._states), set[int]()
        while waiting:
            value = waiting.pop()
            if isinstance(value, Symbol):
                self._rules.holds(value)
            elif id(value) not in seen:
                seen.add(id(value))
                waiting += parts_of(value)

    # ---- the stack ----

    def _mark(self, _: Any) -> None:
        self._marks.append(len(self._stack))

    def _since_mark(self) -> list[Any]:
        place = self._marks.pop()
        taken = self._stack[place:]
        del self._stack[place:]
        return taken

    def _pop(self, _: Any) -> None:
        if self._marks and self._marks[-1] == len(self._stack):
            self._marks.pop()  # a mark lies on the stack of Python's own machine
        else:
            self._stack.pop()

    def _pop_mark(self, _: Any) -> None:
        self._since_mark()

    def _dup(self, _: Any) -> None:
        self._stack.append(self._stack[-1])

    def _stop(self, _: Any) -> None:
        self.result = self._stack.pop()

    def _put(self, index: Any) -> None:
        place = int(index)
        if not 0 <= place < _LIMIT_INSTRUCTIONS:
            raise CheckpointError("expected a pickle that counts what it keeps, found one with a place far beyond")
        self._memo[place] = self._stack[-1]

    def _memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _get(self, index: Any) -> None:
        self._stack.append(self._memo[int(index)])

    # ---- containers ----

    def _tuple(self, _: Any) -> None:
        taken = tuple(self._since_mark())
        self._stack.append(self._nested(taken, taken))

    def _tuple_of(self, count: int) -> None:
        taken = tuple(self._stack[-count:])
        del self._stack[-count:]
        self._stack.append(self._nested(taken, taken))

    def _nested(self, outer: object, parts: tuple[object, ...]) -> object:
        depth = 1 + max((self._depths.get(id(part), 0) for part in parts if _nests(part)), default=0)
        if depth > _LIMIT_DEPTH:
            raise CheckpointError(f"expected tuples nested at most {_LIMIT_DEPTH} deep, found deeper ones")
        if parts:  # there is one empty tuple only
            self._depths[id(outer)] = depth
        return outer

    def _list(self, _: Any) -> None:
        self._stack.append(self._since_mark())

    def _dict(self, _: Any) -> None:
        made: dict[Any, Any] = {}
        _set_items(made, self._since_mark())
        self._stack.append(made)

    def _frozenset(self, _: Any) -> None:
        self._stack.append(self._since_mark())

    def _append(self, _: Any) -> None:
        value = self._stack.pop()
        self._append_to(self._stack[-1], [value])

    def _appends(self, _: Any) -> None:
        values = self._since_mark()
        self._append_to(self._stack[-1], values)

    def _set_item(self, _: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._set_items(self._stack[-1], [key, value])

    def _set_all_items(self, _: Any) -> None:
        pairs = self._since_mark()
        self._set_items(self._stack[-1], pairs)

    def _append_to(self, target: Any, values: list[Any]) -> None:
        if isinstance(target, Made):
            self._rules.appends(target)
            target.values.extend(values)
        elif isinstance(target, list):
            target.extend(values)
        else:
            raise CheckpointError("expected a pickle of data, found one that appends to no list")

    def _set_items(self, target: Any, pairs: list[Any]) -> None:
        if isinstance(target, Made):
            self._rules.sets_items(target)
            _set_items(target.items, pairs)
        else:
            _set_items(target, pairs)

    # ---- names and calls, of which a note is made ----

    def _global(self, argument: Any) -> None:
        module, _, name = str(argument).partition(" ")
        self._stack.append(Symbol(module, name))

    def _stack_global(self, _: Any) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise CheckpointError("expected a pickle of data, found a name that is no text")
        self._stack.append(Symbol(module, name))

    def _call(self, _: Any) -> None:
        arguments, called = self._stack.pop(), self._stack.pop()
        if not isinstance(arguments, tuple):  # Python's own machine wants one, and to make one may take any memory
            raise CheckpointError("expected a pickle of data, found a call whose arguments are no tuple")
        self._make(called, arguments)

    def _call_with_keywords(self, _: Any) -> None:
        self._stack.pop()
        self._call(None)

    def _call_since_mark(self, _: Any) -> None:
        called, *arguments = self._since_mark()
        self._make(called, tuple(arguments))

    def _instance(self, argument: Any) -> None:
        arguments = self._since_mark()
        self._global(argument)
        self._make(self._stack.pop(), tuple(arguments))

    def _make(self, called: object, arguments: tuple[object, ...]) -> None:
        self._rules.calls(called, arguments)
        self._stack.append(Made(called, arguments))

    def _build(self, _: Any) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if not isinstance(target, Made):  # of a class, it would be the state of all of its objects
            raise CheckpointError("expected a pickle of data, found one that changes what it has not made")
        self._states.append(state)
        target.state = state

    def _persistent(self, _: Any) -> None:
        key = self._stack.pop()
        self._stack.append(self._nested(Persistent(key), (key,)))

    def _persistent_text(self, argument: Any) -> None:
        self._stack.append(Persistent(argument))


def parts_of(value: object) -> list[object]:
    """What a container or an object holds; of a reference nothing."""
    match value:
        case Made():
            return [*value.arguments, value.state, *value.items, *value.items.values(), *value.values]
        case dict():
            return [*value, *value.values()]
        case list() | tuple():
            return list(value)
    return []


def _nests(value: object) -> bool:
    return isinstance(value, (tuple, Persistent))


def _set_items(items: Any, pairs: list[Any]) -> None:
    if not isinstance(items, dict):
        raise CheckpointError("expected a pickle of data, found one that sets items of no dict")
    for key, value in _pairs(pairs):
        if not _is_key(key) and not (
            isinstance(key, tuple) and len(key) <= _LIMIT_KEY_PARTS and all(map(_is_key, key))
        ):
            raise CheckpointError("expected a pickle with keys of text, found one with keys that may take long")
        items[key] = value


def _is_key(key: object) -> bool:
    """Whether a dict finds its place at once: `Made` by its identity, so as torch does with its tensors."""
    if isinstance(key, int):
        return -_LIMIT_KEY < key < _LIMIT_KEY
    return key is None or isinstance(key, (str, bytes, float, Symbol, Made))


def _pairs(flat: list[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(flat[::2], flat[1::2], strict=True)


_PUSHES_ARGUMENT = frozenset(
    {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
    | {"STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
    | {"UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"}
)
_PUSHES_NEW: dict[str, Callable[[], object]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_SET": list,
}
_IGNORED = frozenset({"PROTO", "FRAME"})
_DOES: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine._mark,
    "POP": _Machine._pop,
    "POP_MARK": _Machine._pop_mark,
    "DUP": _Machine._dup,
    "STOP": _Machine._stop,
    "PUT": _Machine._put,
    "BINPUT": _Machine._put,
    "LONG_BINPUT": _Machine._put,
    "MEMOIZE": _Machine._memoize,
    "GET": _Machine._get,
    "BINGET": _Machine._get,
    "LONG_BINGET": _Machine._get,
    "TUPLE": _Machine._tuple,
    "TUPLE1": lambda machine, _: machine._tuple_of(1),
    "TUPLE2": lambda machine, _: machine._tuple_of(2),
    "TUPLE3": lambda machine, _: machine._tuple_of(3),
    "LIST": _Machine._list,
    "DICT": _Machine._dict,
    "FROZENSET": _Machine._frozenset,
    "APPEND": _Machine._append,
    "APPENDS": _Machine._appends,
    "ADDITEMS": _Machine._appends,
    "SETITEM": _Machine._set_item,
    "SETITEMS": _Machine._set_all_items,
    "GLOBAL": _Machine._global,
    "STACK_GLOBAL": _Machine._stack_global,
    "REDUCE": _Machine._call,
    "NEWOBJ": _Machine._call,
    "NEWOBJ_EX": _Machine._call_with_keywords,
    "OBJ": _Machine._call_since_mark,
    "INST": _Machine._instance,
    "BUILD": _Machine._build,
    "BINPERSID": _Machine._persistent,
    "PERSID": _Machine._persistent_text,
}
