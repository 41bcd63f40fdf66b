"""Renames versioned imports of an ELF shared object in place, so that it loads on an older glibc and libstdc++.

A shared object says which symbols it imports in `.dynsym`, by offsets into the strings of `.dynstr`; which version each
must have in `.gnu.version`, an index a symbol; and what those indices mean in `.gnu.version_r`. Overwriting a name by
one that is not longer, and an index's version by another of the same library, changes no size and moves nothing.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

SHT_DYNSYM = 11
SHT_GNU_VERNEED = 0x6FFFFFFE
SHT_GNU_VERSYM = 0x6FFFFFFF


class UnexpectedObjectError(ValueError):
    """The shared object is not what the renaming was written for."""


@dataclass(frozen=True)
class Need:
    """One entry of `.gnu.version_r`: the version `name` of some library, known to symbols as `index`."""

    offset: int
    library: str
    index: int
    name: str
    name_offset: int


class SharedObject:
    """The dynamic imports of a little-endian 64-bit ELF image, readable and renamable."""

    def __init__(self, image: bytes) -> None:
        if image[:6] != b"\x7fELF\x02\x01":
            raise UnexpectedObjectError("not a little-endian 64-bit ELF image")
        self.image = bytearray(image)
        (table,) = struct.unpack_from("<Q", image, 0x28)
        size, count = struct.unpack_from("<HH", image, 0x3A)
        sections = [struct.unpack_from("<4xIQQQQII", image, table + size * i) for i in range(count)]
        by_type = {kind: (offset, length, link, info) for kind, _, _, offset, length, link, info in sections}
        if not {SHT_DYNSYM, SHT_GNU_VERNEED, SHT_GNU_VERSYM} <= by_type.keys():
            raise UnexpectedObjectError("no versioned dynamic symbols")
        self._symbols, self._symbols_size, strings, _ = by_type[SHT_DYNSYM]
        self._strings = sections[strings][3]
        self._versions = by_type[SHT_GNU_VERSYM][0]
        self._needs, _, _, self._libraries = by_type[SHT_GNU_VERNEED]

    def imports(self) -> set[tuple[str, str]]:
        """Returns (symbol, version) of everything another library must provide; version "" where none is asked."""
        versions = {need.index: need.name for need in self.needs()}
        return {(name, versions.get(index, "")) for name, _, index, defined in self.symbols() if not defined}

    def needs(self) -> Iterator[Need]:
        """Yields the versions asked of other libraries."""
        offset = self._needs
        for _ in range(self._libraries):
            _, entries, library, first, following = struct.unpack_from("<HHIII", self.image, offset)
            entry = offset + first
            for _ in range(entries):
                _, _, index, name, step = struct.unpack_from("<IHHII", self.image, entry)
                yield Need(entry, self._string(library), index, self._string(name), name)
                entry += step
            offset += following

    def symbols(self) -> Iterator[tuple[str, int, int, bool]]:
        """Yields name, offset of the name, version index and whether this object defines it, of each dynamic symbol."""
        for i in range(1, self._symbols_size // 24):  # the first is the null symbol
            name, section = struct.unpack_from("<I2xH", self.image, self._symbols + 24 * i)
            (index,) = struct.unpack_from("<H", self.image, self._versions + 2 * i)
            yield self._string(name), name, index & 0x7FFF, section != 0

    def rename_version(self, old: str, new: str) -> None:
        """Makes every import of version `old` ask for `new`, a version the object already asks of the same library."""
        needs = list(self.needs())
        for need in needs:
            if need.name == old:
                offsets = [other.name_offset for other in needs if (other.library, other.name) == (need.library, new)]
                if not offsets:
                    raise UnexpectedObjectError(f"asks {need.library} for {old} but not for {new}")
                struct.pack_into("<I", self.image, need.offset, elf_hash(new))
                struct.pack_into("<I", self.image, need.offset + 8, offsets[0])

    def rename_symbol(self, old: str, new: str) -> None:
        """Overwrites the name of an imported symbol, unless another name ends in it: linkers share such tails."""
        if len(new) > len(old):
            raise UnexpectedObjectError(f"{new} is longer than {old}")
        symbols = list(self.symbols())
        for offset in {offset for name, offset, _, defined in symbols if name == old and not defined}:
            if sum(offset <= other <= offset + len(old) for _, other, _, _ in symbols) != 1:
                raise UnexpectedObjectError(f"the name {old} is shared")
            start = self._strings + offset
            self.image[start : start + len(old)] = new.encode().ljust(len(old), b"\0")

    def _string(self, offset: int) -> str:
        start = self._strings + offset
        return self.image[start : self.image.index(0, start)].decode()


def rename_imports(image: bytes, symbols: Mapping[str, str], versions: Mapping[str, str]) -> bytes:
    """Returns the image with imported symbols and versions renamed, after checking that exactly those changed.

    Raises:
        UnexpectedObjectError: a symbol of one of the versions is not in `symbols`, or the result is not as asked.
    """
    shared = SharedObject(image)
    before = shared.imports()
    unknown = sorted(name for name, version in before if version in versions and name not in symbols)
    if unknown:
        raise UnexpectedObjectError(f"no older equivalent is known for {', '.join(unknown)}")
    wanted = {
        (symbols[name], versions[version]) if version in versions else (name, version) for name, version in before
    }
    renamed = [name for name, version in before if version in versions]
    for old, new in versions.items():
        shared.rename_version(old, new)
    for old in renamed:
        shared.rename_symbol(old, symbols[old])
    if shared.imports() != wanted:
        raise UnexpectedObjectError("the renamed imports are not the expected ones")
    return bytes(shared.image)


def elf_hash(name: str) -> int:
    """Returns the System V hash of a name, by which the loader compares versions."""
    value = 0
    for byte in name.encode():
        value = (value << 4) + byte
        value = (value ^ (value & 0xF0000000) >> 24) & 0x0FFFFFFF
    return value
