"""A TOML file that a setting names: its bytes and its tables; errors say what to do."""

from __future__ import annotations

import hashlib
import re
import tomllib
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Some ten thousand entries take a megabyte; a wrong path may lead to a file without end.
MAX_BYTES = 16 * 1024 * 1024
#: Controls, line separators, and what turns the direction of a text around.
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class FaultsError(ValueError):
    """A file cannot be used.

    `faults` has the file, line and entry of each fault, and what to do.
    """

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def read(path: Path, kind: type[FaultsError]) -> bytes:
    """Return the bytes of a file in UTF-8. Raises `kind`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise kind(
                f"{path}: has more than {MAX_BYTES // 2**20} MiB. Remedy: point to the right file."
            )
        data.decode()
    except (OSError, UnicodeDecodeError) as error:
        # The text of a decoding error would repeat bytes of the file.
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise kind(
            f"{path}: cannot be read ({why}). Remedy: point to a readable UTF-8 file."
        ) from None
    return data


class _OfFile(Protocol):
    """The contents of a file, with the digest of its bytes: b"" without a file."""

    @property
    def digest(self) -> bytes: ...


_Contents = TypeVar("_Contents", bound=_OfFile)


def digest(data: bytes) -> bytes:
    """Return the digest by which a file's bytes are known again; what they say is not kept."""
    return hashlib.sha256(data).digest()


def read_again(
    path: Path,
    kind: type[FaultsError],
    known: _Contents | None,
    parse: Callable[[bytes, str], _Contents],
) -> _Contents:
    """Return `known` where a file has the same bytes, else what `parse` makes of bytes and name.

    Raises `kind`, and what `parse` raises.
    """
    data = read(path, kind)
    if known is not None and known.digest == digest(data):
        return known
    return parse(data, str(path))


def tables(data: bytes, file: str, kind: type[FaultsError]) -> tuple[str, dict[str, Any]]:
    """Return the text of a file's bytes, and what TOML it is. Raises `kind`."""
    # Windows editors put a byte order mark in front, which TOML does not allow.
    text = data.decode("utf-8-sig")
    return text, parsed(text, file, kind)


def parsed(text: str, file: str, kind: type[FaultsError]) -> dict[str, Any]:
    """Return what a text of TOML is, of a file called so. Raises `kind`."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise kind(f"{file}: not TOML ({error}). Remedy: mend that line.") from error
    except (RecursionError, ValueError) as error:
        # A number of thousands of digits, or a date that no calendar has.
        why = "nested too deeply" if isinstance(error, RecursionError) else error
        raise kind(f"{file}: not TOML ({why}). Remedy: mend it.") from error


def all_of(kind: type[FaultsError], *reads: Callable[[], Any]) -> list[Any]:
    """Return what each call returns. Raises `kind` with the faults of all of them."""
    found: list[Any] = []
    faults: list[str] = []
    for each in reads:
        try:
            found.append(each())
        except FaultsError as error:
            faults += error.faults
    if faults:
        raise kind(*faults)
    return found


def problem_of(text: str, limit: int) -> str:
    """Return what is wrong with a text to be shown in one line, with a remedy; "" if nothing."""
    if _NO_TEXT.search(text):
        return "has a line break or a control character. Remedy: write one line."
    if len(text) > limit:
        return f"has {len(text)} characters. Remedy: shorten it to {limit}."
    return ""
