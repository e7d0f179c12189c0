"""Record batches sent to Kafka as they are, byte by byte, which no client library allows."""

from __future__ import annotations

import socket
import struct
from typing import Self

import google_crc32c

#: Kafka's API key of Produce, in version 7: the newest that knows no tagged fields.
PRODUCE, VERSION = 0, 7


def with_checksum(batch: bytes) -> bytes:
    """Return a batch as a producer sends it: offsets from 0, length and checksum as they are."""
    data = bytearray(batch)
    data[:8] = bytes(8)
    struct.pack_into(">i", data, 8, len(data) - 12)
    struct.pack_into(">I", data, 17, google_crc32c.value(bytes(data[21:])))
    return bytes(data)


class RawProducer:
    """A connection to the one broker of `bootstrap`, which leads all partitions."""

    def __init__(self, bootstrap: str) -> None:
        host, _, port = bootstrap.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=20)
        self._number = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, topic: str, partition: int, batch: bytes) -> tuple[int, int]:
        """Send one batch; returns Kafka's error code (0: taken) and the base offset it got."""
        self._number += 1
        name = topic.encode()
        header = struct.pack(">hhih", PRODUCE, VERSION, self._number, -1)
        body = struct.pack(">hhii", -1, -1, 10_000, 1) + struct.pack(">h", len(name)) + name
        body += struct.pack(">iii", 1, partition, len(batch)) + batch
        self._socket.sendall(struct.pack(">i", len(header) + len(body)) + header + body)
        (size,) = struct.unpack(">i", self._read(4))
        answer = self._read(size)
        at = 4 + 4 + 2 + len(name) + 4 + 4
        error, base = struct.unpack_from(">hq", answer, at)
        return error, base

    def _read(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            some = self._socket.recv(size - len(found))
            if not some:
                raise ConnectionError("Kafka has closed the connection")
            found += some
        return found
