"""Types of scan.pyx, where the docstrings are."""

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

JOINT: bytes
MAX_PROMPTS: int

class Names:
    texts: list[bytes]
    def __len__(self) -> int: ...
    def longest_probe(self) -> int: ...

class Columns:
    def __init__(
        self,
        columns: list[NDArray[Any]],
        more: list[NDArray[Any]],
        formats: NDArray[Any],
        litellm: int,
        ids: NDArray[Any] | None,
    ) -> None: ...

class Scanner:
    pairs: Names
    tenants: Names
    providers: Names
    prompts: int
    def __init__(
        self,
        max_record_bytes: int,
        may_read: bool,
        may_read_litellm: bool,
        detect: Callable[[bytes], bytes | None] | None = None,
        detect_last: Callable[[str], str | None] | None = None,
    ) -> None: ...
    def records(
        self,
        data: bytes | memoryview,
        start: int,
        records: int,
        base_offset: int,
        first_timestamp: int,
        append_time: int,
        last_offset: int,
        after: int,
        dense: bool,
        asked: int,
        columns: Columns,
        row: int,
    ) -> tuple[int, list[tuple[int, int, bytes | None, bytes | None, bytes]], int, int]: ...
    def values(
        self, values: list[bytes], base_offset: int, columns: Columns, row: int
    ) -> tuple[int, list[int]]: ...

def hash_of(text: bytes) -> int: ...
