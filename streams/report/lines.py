"""Split files into lines. A line is a record's value, as in Kafka, and its number is the offset."""

from __future__ import annotations

import contextlib
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

#: Bytes read at once: about 30,000 lines, as many as the reader takes in one piece.
BLOCK_BYTES = 4 * 1024 * 1024
_GZIP, _MARK = b"\x1f\x8b", b"\xef\xbb\xbf"
#: zlib's window for gzip.
_GZIP_WINDOW = 31


class BrokenOffError(Exception):
    """Compressed data is truncated or damaged; the message says which."""


def blocks(stream: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield a stream decompressed, in blocks, each with the number of bytes read for it.

    gzip is detected by its first bytes, whatever the file's name. Raises BrokenOffError once
    everything that can be decompressed has been yielded.
    """
    block = stream.read(BLOCK_BYTES)
    found = _inflated(stream, block) if block[:2] == _GZIP else _plain(stream, block)
    for first, read in found:
        yield first.removeprefix(_MARK), read
        break
    yield from found


def _plain(stream: BinaryIO, block: bytes) -> Iterator[tuple[bytes, int]]:
    while block:
        yield block, len(block)
        block = stream.read(BLOCK_BYTES)


def _inflated(stream: BinaryIO, block: bytes) -> Iterator[tuple[bytes, int]]:
    inflate = zlib.decompressobj(_GZIP_WINDOW)
    while block:
        read = len(block)
        while block:
            # One file may be several joined ones; some writers pad with zeros.
            if inflate.eof:
                block = block.lstrip(b"\0")
                if not block:
                    break
                inflate = zlib.decompressobj(_GZIP_WINDOW)
            before = inflate.copy()
            try:
                text = inflate.decompress(block, BLOCK_BYTES)
            except zlib.error:
                yield _until_damage(before, block), read
                raise BrokenOffError("the compressed data are damaged") from None
            block = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
            yield text, read
            read = 0
        # The remainder of a full block is output without further input.
        block = stream.read(BLOCK_BYTES)
    while not inflate.eof:
        text = inflate.decompress(b"", BLOCK_BYTES)
        if not text:
            raise BrokenOffError("the compressed data end early")
        yield text, 0


def _until_damage(inflate: zlib._Decompress, block: bytes) -> bytes:
    """Return the output before the damaged position, accurate almost to the byte."""
    found = bytearray()
    with contextlib.suppress(zlib.error):
        for at in range(len(block)):
            found += inflate.decompress(block[at : at + 1])
    return bytes(found)


def lines(texts: Iterable[tuple[bytes, int]], longest: int) -> Iterator[tuple[list[bytes], int]]:
    """Yield whole lines without their ends, in lists, each with the number of bytes read for it.

    A line over `longest` bytes is cut to one byte more than that: enough to be detected as too
    large. The last line may have no end, unless the text breaks off with an error: then it is not a
    whole line.
    """
    held: list[bytes] = []
    size = 0
    for text, read in texts:
        first, *rest = text.split(b"\n")
        if size <= longest:
            held.append(first)
            size += len(first)
        if not rest:
            yield [], read
            continue
        whole = [b"".join(held)[: longest + 1], *rest[:-1]]
        held, size = [rest[-1]], len(rest[-1])
        if b"\r" in text or whole[0].endswith(b"\r"):
            whole = [line.removesuffix(b"\r") for line in whole]
        yield whole, read
    if size:
        yield [b"".join(held)[: longest + 1].removesuffix(b"\r")], 0
