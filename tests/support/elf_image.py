"""Builds the smallest ELF image that has versioned dynamic symbols, field by field from the specification."""

import struct

from elf import elf_hash

HEADER, SECTION, SYMBOL = 64, 64, 24


def elf_image(
    needs: dict[str, list[str]],
    imports: list[tuple[str, str]],
    defined: tuple[str, ...] = (),
    tails: tuple[str, ...] = (),
) -> bytes:
    """Returns an image that asks each library for versions and imports (symbol, version), "" for no version.

    `defined` symbols are the image's own. `tails` are imports without version whose names are stored, as linkers do,
    inside a longer name that ends in them.
    """
    strings = bytearray(b"\0")

    def string(text: str) -> int:
        offset = strings.find(text.encode() + b"\0") if text in tails else -1
        if offset < 0:
            offset = len(strings)
            strings.extend(text.encode() + b"\0")
        return offset

    indices: dict[str, int] = {"": 1}
    needed = bytearray()
    for library, versions in needs.items():
        needed += struct.pack("<HHIII", 1, len(versions), string(library), 16, 16 + 16 * len(versions))
        for version in versions:
            indices[version] = len(indices) + 1
            needed += struct.pack("<IHHII", elf_hash(version), 0, indices[version], string(version), 16)

    symbols, versions_of = bytearray(SYMBOL), bytearray(2)
    for name, version in [*imports, *((tail, "") for tail in tails)]:
        symbols += struct.pack("<IBBHQQ", string(name), 0x12, 0, 0, 0, 0)
        versions_of += struct.pack("<H", indices[version])
    for name in defined:
        symbols += struct.pack("<IBBHQQ", string(name), 0x12, 0, 7, 0, 0)
        versions_of += struct.pack("<H", 1)

    sections: list[tuple[int, int, int, bytes]] = [
        (0, 0, 0, b""),
        (11, 2, 1, bytes(symbols)),
        (3, 0, 0, bytes(strings)),
        (0x6FFFFFFF, 1, 0, bytes(versions_of)),
        (0x6FFFFFFE, 2, len(needs), bytes(needed)),
    ]
    content, table = bytearray(), bytearray()
    for kind, link, info, body in sections:
        table += struct.pack("<IIQQQQIIQQ", 0, kind, 0, 0, HEADER + len(content), len(body), link, info, 1, 0)
        content += body
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header += struct.pack(
        "<HHIQQQIHHHHHH", 3, 62, 1, 0, 0, HEADER + len(content), 0, 64, 0, 0, SECTION, len(sections), 0
    )
    return bytes(header + content + table)
