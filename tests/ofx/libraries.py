"""What a shared library is for and what it gives and needs, read out of its bytes: ELF, PE and Mach-O of 64 bits."""

import struct
from collections.abc import Iterator
from typing import NamedTuple


class Library(NamedTuple):
    machine: str
    exports: set[str]
    versions: set[str]
    """Of symbols that other libraries must have; ELF only."""


MACHINES = {
    ("elf", 62): "Linux x86-64",
    ("elf", 183): "Linux aarch64",
    ("pe", 0x8664): "Windows x86-64",
    ("macho", 0x01000007): "macOS x86-64",
    ("macho", 0x0100000C): "macOS aarch64",
}


def libraries_in(data: bytes) -> list[Library]:
    """One, or those for each processor."""
    if data[:4] == b"\x7fELF":
        return [_elf(data)]
    if data[:2] == b"MZ":
        return [_pe(data)]
    if data[:4] == b"\xca\xfe\xba\xbe":
        return [_macho(slice_) for slice_ in _slices(data)]
    return [_macho(data)]


def _text(data: bytes, at: int) -> str:
    return data[at : data.index(0, at)].decode("ascii")


# ---- ELF ----


class _Section(NamedTuple):
    name: int
    kind: int
    flags: int
    address: int
    at: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int


def _elf(data: bytes) -> Library:
    (machine,) = struct.unpack_from("<H", data, 18)
    (sections_at,) = struct.unpack_from("<Q", data, 40)
    entry_size, count = struct.unpack_from("<2H", data, 58)
    sections = [_Section(*struct.unpack_from("<2I4Q2I2Q", data, sections_at + n * entry_size)) for n in range(count)]
    exports, versions = set(), set()
    for section in sections:
        strings = sections[section.link].at if section.link < count else 0
        if section.kind == 11:  # dynamic symbols
            exports |= set(_elf_exports(data, section, strings))
        if section.kind == 0x6FFFFFFE:  # needed versions
            versions |= set(_elf_versions(data, section, strings))
    return Library(MACHINES["elf", machine], exports, versions)


def _elf_exports(data: bytes, section: _Section, strings: int) -> Iterator[str]:
    for at in range(section.at, section.at + section.size, 24):
        name, _, _, defined_in = struct.unpack_from("<I2BH", data, at)
        if name and defined_in:
            yield _text(data, strings + name)


def _elf_versions(data: bytes, section: _Section, strings: int) -> Iterator[str]:
    file_at = section.at
    for _ in range(section.info):
        _, count, _, first, next_file = struct.unpack_from("<2H3I", data, file_at)
        at = file_at + first
        for _ in range(count):
            name, following = struct.unpack_from("<2I", data, at + 8)
            yield _text(data, strings + name)
            at += following
        file_at += next_file


# ---- PE ----


def _pe(data: bytes) -> Library:
    (header,) = struct.unpack_from("<I", data, 0x3C)
    assert data[header : header + 4] == b"PE\0\0"
    machine, count = struct.unpack_from("<2H", data, header + 4)
    (optional_size,) = struct.unpack_from("<H", data, header + 20)
    sections = [
        struct.unpack_from("<4I", data, header + 24 + optional_size + n * 40 + 8) for n in range(count)
    ]  # size in memory, address, size in the file, place in the file

    def place(address: int) -> int:
        return next(at + address - start for _, start, size, at in sections if start <= address < start + size)

    (table,) = struct.unpack_from("<I", data, header + 24 + 112)
    names, _, names_at = struct.unpack_from("<3I", data, place(table) + 24)
    addresses = struct.unpack_from(f"<{names}I", data, place(names_at))
    return Library(MACHINES["pe", machine], {_text(data, place(address)) for address in addresses}, set())


# ---- Mach-O ----


def _slices(data: bytes) -> list[bytes]:
    (count,) = struct.unpack_from(">I", data, 4)
    found = []
    for index in range(count):
        processor, _, at, size, alignment = struct.unpack_from(">5I", data, 8 + 20 * index)
        assert at % (1 << alignment) == 0
        assert struct.unpack_from("<2I", data, at)[1] == processor
        found.append(data[at : at + size])
    return found


def _macho(data: bytes) -> Library:
    magic, machine, _, _, commands = struct.unpack_from("<5I", data)
    assert magic == 0xFEEDFACF
    at, exports = 32, set()
    for _ in range(commands):
        command, size = struct.unpack_from("<2I", data, at)
        if command in (0x80000022, 0x80000033):  # the trie of exports, in the older and in the newer command
            trie_at, trie_size = struct.unpack_from("<2I", data, at + (40 if command == 0x80000022 else 8))
            exports |= set(_trie(data[trie_at : trie_at + trie_size], 0, ""))
        at += size
    # The linker's own name for the start of the file is always among them.
    return Library(MACHINES["macho", machine], {name[1:] for name in exports if not name.startswith("__")}, set())


def _trie(trie: bytes, at: int, prefix: str) -> Iterator[str]:
    size, at = _uleb(trie, at)
    if size:
        yield prefix
    at += size
    children, at = trie[at], at + 1
    for _ in range(children):
        part = _text(trie, at)
        child, at = _uleb(trie, at + len(part) + 1)
        yield from _trie(trie, child, prefix + part)


def _uleb(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at
