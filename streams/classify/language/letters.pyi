"""Types of letters.pyx, where the docstrings are."""

from collections.abc import Callable, Iterable
from typing import Any, Literal

def may_be_code(line: str) -> bool: ...
def signs(whole: str) -> int: ...
def without_names(whole: str, replace: Callable[[str], str], most: int) -> str: ...
def scripts(whole: str) -> list[tuple[int, int]]: ...
def only(whole: str, number: int) -> str: ...
def traditional(whole: str) -> int: ...

class Ranker:
    def __init__(self, details: Callable[[str], Any], tags: dict[str, str]) -> None: ...
    def __call__(self, text: str) -> list[tuple[str, float]]: ...

class Quick:
    def __init__(
        self,
        first: Callable[[str], list[tuple[str, float]]],
        least: dict[str, float],
        ladder: tuple[tuple[int, float], ...],
        *,
        tie: float,
        fewest: int,
        shared: Iterable[int],
        dense: Iterable[int],
        weights: Iterable[int],
        han_per_kana: int,
        english: str,
        no_title: float,
        title_characters: int,
        quotes: str,
        clients: tuple[str, ...],
    ) -> None: ...
    def __call__(
        self, whole: str, is_prose: bool
    ) -> tuple[str, float] | tuple[int, int, str, list[tuple[str, float]] | None] | int: ...
    def of_message(
        self, whole: str
    ) -> (
        tuple[str, float, Literal["script", "model"]]
        | tuple[int, int, float, str, list[tuple[str, float]], str]
        | None
    ): ...

class Words:
    def __init__(self, table: dict[str, str], *, is_ascii: bool) -> None: ...
    def found(self, whole: str, most: int) -> tuple[list[str], int]: ...
