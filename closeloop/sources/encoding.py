"""Finds out how a text file is encoded, and gives DuckDB a UTF-8 copy where it is not UTF-8."""

from __future__ import annotations

import codecs
from pathlib import Path

CHUNK = 1 << 20

PACKED = {
    b"\x1f\x8b": "a gzip file", b"PK\x03\x04": "a zip file or a workbook", b"\x28\xb5\x2f\xfd": "a zstd file",
    b"BZh": "a bzip2 file", b"PAR1": "a Parquet file",
}  # fmt: skip
"""How files begin that are no text, whatever their name says."""


def as_utf8(path: Path, scratch: Path) -> tuple[Path, str]:
    """Return a file that is UTF-8, and what was assumed about it ("" where it was UTF-8 already).

    A byte order mark decides; else UTF-8; else Windows-1252, which covers ISO 8859-1's letters. A file that is
    UTF-8 but for a few bytes, such as one cut off within a letter, is left alone: its broken lines are set aside.
    Raises ValueError for a packed file.
    """
    encoding = _encoding(path)
    if encoding == "utf-8":
        return path, ""
    copy = scratch / path.name
    text = path.read_bytes().decode(encoding, errors="replace").removeprefix("\ufeff")
    copy.write_bytes(text.encode("utf-8", errors="replace"))
    return copy, f"{path.name} is not UTF-8; it was read as {encoding}."


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4)
    for mark, what in PACKED.items():
        if head.startswith(mark):
            raise ValueError(f"{path}: this is {what}; unpack it first, or give it the ending that it should have")
    if head in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(head) == 4 and head[1::2] == b"\0\0" and head[0] and head[2]:
        return "utf-16-le"
    if len(head) == 4 and head[::2] == b"\0\0" and head[1] and head[3]:
        return "utf-16-be"
    return "utf-8" if _is_utf8(path) else _of_broken(path)


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _of_broken(path: Path) -> str:
    """Tell a UTF-8 file with some broken letters from one in an older encoding: whichever has more letters."""
    text = path.read_bytes().decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    sound = sum(ord(letter) > 127 for letter in text) - broken
    return "utf-8" if sound > broken else "cp1252"
