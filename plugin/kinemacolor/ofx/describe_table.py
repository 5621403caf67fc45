"""Writes the shim's C tables: `python -m kinemacolor.ofx.describe_table [FOLDER]`. A test compares them with the files.

`table.h` describes the parameters, `wire.h` has the numbers of the protocol. The hash of the parameters is part of both
sides' handshake, so that an effect and a helper of different versions never guess at each other's values.
"""

import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from kinemacolor.ofx.helper import protocol
from kinemacolor.ofx.parameters import EFFECT_ID, EFFECT_VERSION, PARAMETERS, TEXT_LIMIT, Kind, Parameter

__all__ = ["generated", "main", "table_hash"]

_SHIM = Path(__file__).parent / "shim"
_MADE = "/* Made by kinemacolor.ofx.describe_table out of {}; do not edit. */\n"
_CONSTANT = {True: "true", False: "false"}


def generated() -> dict[str, str]:
    """The generated files by name."""
    return {"table.h": _table(), "wire.h": _wire()}


def main(arguments: list[str]) -> int:
    """Write the files into a folder, the shim's own if none is given."""
    folder = Path(arguments[0]) if arguments else _SHIM
    for name, text in generated().items():
        (folder / name).write_text(text, encoding="utf-8")
    return 0


# ---- table.h ----


def _rows() -> str:
    choices = "\n".join(_choices(each) for each in PARAMETERS if each.choices)
    rows = "\n".join(_row(each) for each in PARAMETERS)
    return f"{choices}\n\nconst struct kc_parameter kc_parameters[KC_PARAMETERS] = {{\n{rows}\n}};\n"


@cache
def table_hash() -> int:
    """64 bits of a hash of everything in the table."""
    return int.from_bytes(hashlib.sha256(_rows().encode()).digest()[:8], "little")


def _table() -> str:
    return (
        f"{_MADE.format('parameters.py')}\n{_rows()}\nconst uint64_t kc_table_hash = UINT64_C({table_hash():#018x});\n"
    )


def _choices(each: Parameter) -> str:
    labels = ", ".join(_text(choice.label) for choice in each.choices)
    return f"static const char *const {each.name}_choices[] = {{{labels}}};"


def _row(each: Parameter) -> str:
    fields = [
        f".kind = {each.kind.value}",
        f".name = {_text(each.name)}",
        f".label = {_text(each.label)}",
        f".hint = {_text(each.hint)}",
        f".group = {_text(each.group)}" if each.group else "",
        f".animates = {_CONSTANT[each.animates]}",
        f".cheap = {_CONSTANT[each.cheap]}",
        f".evaluates = {_CONSTANT[each.evaluates]}",
        *_bounds(each),
    ]
    lines = ",\n     ".join(line for line in fields if line)
    return f"    {{{lines}}},"


def _bounds(each: Parameter) -> Iterator[str]:
    match each.kind:
        case Kind.CHOICE:
            yield f".defaults = {{{each.choice_index}}}"
            yield f".choices = {each.name}_choices, .choice_count = {len(each.choices)}"
        case Kind.DOUBLE | Kind.INTEGER | Kind.BOOLEAN | Kind.POINT | Kind.COLOUR:
            numbers = each.default if isinstance(each.default, tuple) else (float(each.default),)
            yield f".defaults = {{{', '.join(repr(float(number)) for number in numbers)}}}"
            yield f".minimum = {float(each.minimum)!r}, .maximum = {float(each.maximum)!r}"
        case _:
            return


def _text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


# ---- wire.h ----


def _wire() -> str:
    places = "\n".join(f"    KC_AT_{each.name.upper()} = {index}," for index, each in enumerate(PARAMETERS))
    lines = [
        _MADE.format("helper/protocol.py and parameters.py"),
        "#ifndef KC_WIRE_H\n#define KC_WIRE_H\n",
        f"#define KC_EFFECT_ID {_text(EFFECT_ID)}",
        f"enum {{ KC_EFFECT_MAJOR = {EFFECT_VERSION[0]}, KC_EFFECT_MINOR = {EFFECT_VERSION[1]} }};",
        f"enum {{ KC_PROTOCOL_VERSION = {protocol.PROTOCOL_VERSION} }};",
        f"enum {{ KC_MAGIC = {protocol.MAGIC:#x} }};",
        f"enum {{ KC_MEMORY_MAGIC = {protocol.MEMORY_MAGIC:#x} }};",
        f"enum {{ KC_HEADER_BYTES = {protocol.HEADER_BYTES} }};",
        f"enum {{ KC_MAX_PAYLOAD_BYTES = {protocol.MAX_PAYLOAD_BYTES} }};",
        f"enum {{ KC_MEMORY_HEAD_BYTES = {protocol.MEMORY_HEAD_BYTES} }};",
        f"#define KC_PICTURE_LIMIT_BYTES UINT64_C({protocol.PICTURE_LIMIT_BYTES})",
        f"enum {{ KC_TEXT_LIMIT = {TEXT_LIMIT} }};",
        f"enum {{ KC_PARAMETERS = {len(PARAMETERS)} }};",
        f"\n/* Places in the table. */\nenum {{\n{places}\n}};",
    ]
    for kind in (
        protocol.MessageType,
        protocol.Purpose,
        protocol.Depth,
        protocol.Components,
        protocol.Premultiplication,
        protocol.Status,
    ):
        prefix = {"MessageType": "SAY"}.get(kind.__name__, kind.__name__.upper())
        members = "\n".join(f"    KC_{prefix}_{member.name} = {member.value}," for member in kind)
        lines.append(f"\nenum kc_{prefix.lower()} {{\n{members}\n}};")
    return "\n".join([*lines, "\n#endif\n"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
