"""Makes record batches out of broken values, and breaks them as disks, clients and attackers do."""

from __future__ import annotations

import gzip
import struct
from random import Random
from typing import NamedTuple

import cramjam
import lz4.frame
from mutate import Mutator

from streams.kafka import compression
from streams.kafka.record_batch import HEADER, varint

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
CODECS = (NONE, GZIP, SNAPPY, LZ4, ZSTD)
#: Formats that compiled code reads: half of all values are of their samples.
COMPILED_FORMATS = frozenset({"native", "litellm"})
#: A sound batch lies before and behind the broken one, with so many records each.
NEIGHBOURS = 2
_GOOD = b'{"model":"gpt-4o","prompt_tokens":10,"completion_tokens":5}'

# Lengths and deltas that no sound record has: of no length, endless, of 64 bits, just too long.
_VARINTS = (
    *(varint(number) for number in (-1, -2, 0, 1, 63, 64, 2**31 - 1, 2**31, 2**63 - 1, -(2**63))),
    *(b"\xff" * 9 + b"\x01", b"\xff" * 10, b"\x80" * 9 + b"\x00", b"\x80" * 10 + b"\x00", b"\x80"),
)
_NUMBERS = (-(2**63), -(2**63) + 1, -1, 0, 1, 2**31, 1_800_000_000_000, 2**63 - 2, 2**63 - 1)
_SMALL = (-(2**31), -2, -1, 0, 1, 7, 65_536, 65_537, 2**31 - 1)
#: Of a batch, so many have a header that contradicts its records.
_BROKEN_HEADER = 0.15


class Broken(NamedTuple):
    """A broken record batch of offsets `first` to `last`.

    Where `keeps_offsets` its header has both, and where `keeps_base` the first: Kafka sets that one
    itself, so that another one can only be a fault of its disk or of ours.
    """

    raw: bytes
    first: int
    last: int
    keeps_offsets: bool
    keeps_base: bool


class BatchMutator:
    """Makes broken record batches of all codecs and formats; the same seed makes the same ones."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._any = Mutator(random)
        self._compiled = Mutator(random, COMPILED_FORMATS)

    def next(self) -> Broken:
        """Return a broken batch that begins behind a sound one."""
        random = self._random
        codec = random.choice(CODECS)
        count = random.choice((1, 1, 2, 3, 8, 20))
        body = b"".join(self._record(at) for at in range(count))
        is_sound = random.random() < 0.3
        if not is_sound and random.random() < 0.7:
            body = damaged(body, random)
        data = compressed(codec, body, random)
        if not is_sound and codec and random.random() < 0.4:
            data = damaged(data, random)
        if random.random() < 0.2:
            data += random.choice((b"\0", b"xy", bytes(100), random.randbytes(20), data[:40]))
        fields = header(NEIGHBOURS, count, codec, len(data))
        keeps_offsets = random.random() > _BROKEN_HEADER
        if not keeps_offsets:
            self._break_header(fields)
        elif random.random() < 0.2:
            fields["first"], fields["latest"] = random.choice(_NUMBERS), random.choice(_NUMBERS)
            fields["attributes"] |= random.choice((0, 8))
        raw = HEADER.pack(*fields.values()) + data
        if random.random() < 0.02:
            raw, keeps_offsets = raw[: random.randrange(len(raw))], False
        keeps_base = len(raw) >= HEADER.size and fields["base"] == NEIGHBOURS
        return Broken(raw, NEIGHBOURS, NEIGHBOURS + count - 1, keeps_offsets, keeps_base)

    def value(self) -> tuple[bytes, list[tuple[str, bytes]]]:
        """Return a broken value, in half of all cases of a format that compiled code reads."""
        value, headers, _ = (self._compiled if self._random.random() < 0.5 else self._any).next()
        return value, headers

    def _record(self, at: int) -> bytes:
        random = self._random
        value: bytes | None
        value, headers = self.value()
        if random.random() < 0.1:
            value = random.choice((None, b"", _GOOD, _GOOD[:-1], b" " * 9 + _GOOD))
        delta = at if random.random() < 0.95 else random.choice((at - 1, at + 1, *_SMALL))
        time = random.choice((0, 5, at, 1_000, 2**31, *_NUMBERS))
        key = random.choice((None, b"", b"key", b"k" * 200))
        return record(delta, time, key, value, headers, lie=self._lie)

    def _lie(self, number: int) -> bytes:
        """Return a number as Kafka writes it, now and then another one."""
        if self._random.random() < 0.99:
            return varint(number)
        near = varint(number + self._random.choice((-1, 1, 2, 8)))
        return self._random.choice((*_VARINTS, near, near, near))

    def _break_header(self, fields: dict[str, int]) -> None:
        random = self._random
        for name in random.sample(("base", "last", "count", "attributes", "magic"), 2):
            fields[name] = {
                "base": lambda: random.choice(_NUMBERS),
                "last": lambda: random.choice(_SMALL),
                "count": lambda: random.choice(_SMALL),
                "attributes": lambda: random.randrange(-(2**15), 2**15),
                "magic": lambda: random.choice((-1, 0, 1, 2, 2, 2, 3, 127)),
            }[name]()


def damaged(data: bytes, random: Random) -> bytes:
    """Return bytes with one to four of their parts cut off, left out, added, replaced, flipped."""
    broken = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(len(broken) + 1)
        some = random.choice((random.randbytes(random.randint(1, 6)), *_VARINTS))
        match random.randrange(5):
            case 0:
                del broken[at:]
            case 1:
                del broken[at : at + len(some)]
            case 2:
                broken[at:at] = some
            case 3:
                broken[at : at + len(some)] = some
            case _ if broken:
                broken[at - 1] ^= 1 << random.randrange(8)
    return bytes(broken)


def header(base: int, count: int, codec: int, size: int) -> dict[str, int]:
    """Return the fields of a sound batch's header, in their order; `size` is that of its data."""
    return {
        "base": base,
        "length": HEADER.size - 12 + size,
        "epoch": -1,
        "magic": 2,
        "crc": 0,
        "attributes": codec,
        "last": count - 1,
        "first": 5,
        "latest": 5,
        "producer": -1,
        "producer_epoch": -1,
        "sequence": -1,
        "count": count,
    }


def record(delta, time, key, value, headers, lie=varint):
    """Return a record's bytes; `lie` writes the numbers that say how long something is."""
    body = b"\0" + varint(time) + varint(delta)
    for each in (key, value):
        body += lie(-1) if each is None else lie(len(each)) + each
    body += lie(len(headers))
    for name, each in headers:
        body += lie(len(name.encode())) + name.encode() + lie(len(each)) + each
    return lie(len(body)) + body


def sound(base: int) -> bytes:
    """Return a batch of events as a neighbour of a broken one."""
    body = b"".join(record(at, 0, None, _GOOD, ()) for at in range(NEIGHBOURS))
    return HEADER.pack(*header(base, NEIGHBOURS, NONE, len(body)).values()) + body


def compressed(codec: int, body: bytes, random: Random) -> bytes:
    """Return a batch's records as a client compresses them; some formats have two forms."""
    match codec:
        case 1:
            return gzip.compress(body, 1)
        case 2:
            raw = bytes(cramjam.snappy.compress_raw(body))
            return raw if random.random() < 0.5 else _xerial(raw)
        case 3:
            return lz4.frame.compress(body, block_linked=random.random() < 0.5)
        case 4:
            return bytes(cramjam.zstd.compress(body, 1))
    return body


def _xerial(block: bytes) -> bytes:
    return compression.XERIAL + struct.pack(">iii", 1, 1, len(block)) + block
