"""Names of files as text that any terminal, document and disk can take. Pure."""

import hashlib
import unicodedata

__all__ = ["file_stem", "name_of", "printable"]

_NOT_PRINTED = frozenset({"Cc", "Cs", "Cn", "Zl", "Zp"})
"""Unicode's categories: control characters, bytes that are not UTF-8, no characters, and ends of lines."""
_LONGEST_BYTES = 120  # with an ending: encrypted disks take 143, others 255


def printable(text: str) -> str:
    r"""The text, with `\x1b` for what would be a command to a terminal, and the like."""
    return "".join(each if unicodedata.category(each) not in _NOT_PRINTED else _escaped(each) for each in text)


def name_of(file: str) -> str:
    """What is called after a file or folder; two files never have one name."""
    return printable(file.replace("\\", "\\\\"))


def file_stem(name: str) -> str:
    """A name for files: the name, or its start and a number of its own if it is too long."""
    data = name.encode()
    if len(data) <= _LONGEST_BYTES:
        return name
    mark = "-" + hashlib.sha256(data).hexdigest()[:12]
    return data[: _LONGEST_BYTES - len(mark)].decode(errors="ignore") + mark


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
