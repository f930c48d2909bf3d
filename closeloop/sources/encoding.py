"""Finds out how a text file is encoded, and gives DuckDB a UTF-8 copy where it is not UTF-8."""

from __future__ import annotations

import codecs
from pathlib import Path

CHUNK = 1 << 20


def as_utf8(path: Path, scratch: Path) -> tuple[Path, str]:
    """Return a file that is UTF-8, and what was assumed about it ("" where it was UTF-8 already).

    A byte order mark decides; else UTF-8; else Windows-1252, which covers ISO 8859-1's letters. A file that is
    UTF-8 but for a few bytes, such as one cut off within a letter, is left alone: its broken lines are set aside.
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
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(head) == 4 and head[1::2] == b"\0\0" and head[0] and head[2]:
        return "utf-16-le"
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
