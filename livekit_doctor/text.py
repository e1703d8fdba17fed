"""Read text as people save it: UTF-8, the UTF-16 of Windows PowerShell, or gzip."""

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

SAMPLE_BYTES = 4096
LINE_LIMIT = 10_000  # characters; the rest of a line is dropped. The longest one seen had 6,100.

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
GZIP = b"\x1f\x8b"
# What no text contains. A log may contain NULs, where it was truncated while a program wrote.
CONTROL = re.compile(rb"[\x01-\x06\x0e-\x1a\x7f]")
ARCHIVES = {
    b"PK\x03\x04": "a ZIP archive",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"%PDF": "a PDF",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
}


class NotText(ValueError):
    """This is not text; the message is a phrase, such as `is a folder`."""


def encoding(sample: bytes) -> str:
    """Return the encoding of a text by its first bytes.

    Raises:
        NotText: the bytes are no text.
    """
    for start, what in ARCHIVES.items():
        if sample.startswith(start):
            raise NotText(f"is {what}")
    for mark, name in BYTE_ORDER_MARKS:
        if sample.startswith(mark):
            return name
    if sample.startswith(bytes(16)):
        sample = sample.lstrip(b"\0")
    # The high bytes of UTF-16: of ASCII, and of the frames round a usage text.
    even, odd = (
        sum(half.count(byte) for byte in (0, 0x25)) for half in (sample[::2], sample[1::2])
    )
    if 0 in sample and max(even, odd) > 0.9 * len(sample) / 2 and even != odd:
        return "utf-16-le" if odd > even else "utf-16-be"  # as editors save it, without a mark
    if sample.count(0) > len(sample) / 20 or len(CONTROL.findall(sample)) > len(sample) / 50:
        raise NotText("is binary")
    return "utf-8"


def decoded(file: BinaryIO) -> io.TextIOWrapper:
    """Return the text in `file`. Bytes that are no characters are replaced.

    Raises:
        NotText: it holds no text.
        OSError: it cannot be read.
    """
    buffered = io.BufferedReader(cast("io.RawIOBase", file))
    sample = buffered.peek(SAMPLE_BYTES)[:SAMPLE_BYTES]
    if sample.startswith(GZIP):
        return decoded(cast("BinaryIO", gzip.GzipFile(fileobj=buffered, mode="rb")))
    return io.TextIOWrapper(buffered, encoding(sample), errors="replace")


def lines(file: BinaryIO) -> Iterator[str]:
    """Yield the lines in `file`, in constant memory, each with its line end unless it is the last.

    Raises:
        NotText: it holds no text, or ends in the middle of compressed data.
        OSError: it cannot be read.
    """
    try:
        text = decoded(file)
        while line := text.readline(LINE_LIMIT):
            rest = line
            while len(rest) == LINE_LIMIT and not rest.endswith("\n"):
                rest = text.readline(LINE_LIMIT)
                line = line.rstrip("\n") + ("\n" if rest.endswith("\n") else "")
            yield line.replace("\0", "")
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise NotText("is damaged: its compressed data ends early, or is invalid") from None


def read(path: Path, limit_bytes: int) -> str:
    """Return the text of the file `path`: code or settings, which are UTF-8 or have a mark.

    Raises:
        NotText: it holds no text, or is larger than `limit_bytes`.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise NotText(f"is larger than {limit_bytes // 1000:,} kB")
    try:
        return content.decode(encoding(content[:SAMPLE_BYTES])).lstrip("\ufeff")
    except UnicodeDecodeError:
        raise NotText("is neither UTF-8 nor UTF-16") from None
