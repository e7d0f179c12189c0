"""Types of scan.pyx, where the docstrings are."""

from typing import Any

from numpy.typing import NDArray

JOINT: bytes

class Names:
    texts: list[bytes]
    def __len__(self) -> int: ...

def scan(
    data: bytes | memoryview,
    start: int,
    records: int,
    base_offset: int,
    first_timestamp: int,
    append_time: int,
    last_offset: int,
    after: int,
    dense: bool,
    may_read: bool,
    asked: int,
    max_record_bytes: int,
    pairs: Names,
    tenants: Names,
    columns: list[NDArray[Any]],
    formats: NDArray[Any],
    litellm: int,
    ids: NDArray[Any] | None,
    detects: bool,
    row: int,
) -> tuple[int, list[tuple[int, int, bytes | None, bytes | None, bytes]], int, int]: ...
def hash_of(text: bytes) -> int: ...
