"""The file of tenants' names, named by TOKENSHARE_TENANT_NAMES.

    74e4dbdb632baffb = "Acme, search"

One line a tenant: the hash that it is counted under, and what people read in its place. The names
stay in the file and in the answers of page and API: they reach no topic, no metric and no log.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from streams.classify import toml_file
from streams.classify.tenant import MARK
from streams.classify.toml_file import FaultsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Characters of a name.
MAX_NAME = 120
_HASH = re.compile(r"[0-9a-f]{16}")
_REMEDY = 'Remedy: write lines like 74e4dbdb632baffb = "Acme"; `tokenshare tenant --toml` has them.'


class TenantNamesError(FaultsError):
    """A file of tenants' names cannot be used; no fault repeats a name."""


@dataclass(frozen=True, slots=True)
class TenantNames:
    """The names of tenants by their hash, and the digest of their file.

    `is_current` is False where a fault in the file keeps the names read before, None without one.
    """

    by_hash: Mapping[str, str] = field(default_factory=dict)
    digest: bytes = b""
    is_current: bool | None = None
    read_at: float | None = None

    def of(self, tenant: str) -> str:
        """Return what to show of a tenant: its name, else its hash."""
        return self.by_hash.get(tenant, tenant)


def read(path: Path | None, known: TenantNames | None = None) -> TenantNames:
    """Return the names of a file, reusing `known` where the bytes are unchanged; none of None.

    Raises TenantNamesError, which has every fault in it by its line.
    """
    if path is None:
        return TenantNames()
    return toml_file.read_again(path, TenantNamesError, known, parse)


def parse(data: bytes, file: str) -> TenantNames:
    """Return the names in the bytes of a file, called `file` in errors; as `read`."""
    text, entries = toml_file.tables(data, file, TenantNamesError)
    lines = _lines(text)
    faults = []
    found = {}
    for key, value in entries.items():
        line = lines.get(key)
        place = f"{file}: " if line is None else f"{file}: line {line}: "
        fault = _fault(key, value)
        if fault:
            faults.append(f"{place}{fault}")
        else:
            found[key.removeprefix(MARK)] = value.strip()
    if faults:
        raise TenantNamesError(*faults)
    return TenantNames(found, toml_file.digest(data), True, time.time())


def line(tenant: str, name: str) -> str:
    """Return a line for the file, of a hash and its name."""
    # A JSON string is a TOML string as well, whatever characters the name has.
    return f"{tenant} = {orjson.dumps(name).decode()}".replace("\x7f", "\\u007f")


def _fault(key: str, value: object) -> str:
    # What stands here in place of a hash may be a name: it is not repeated.
    if not _HASH.fullmatch(key.removeprefix(MARK)):
        return f"the key is no hash of a tenant (16 digits of 0-9 and a-f). {_REMEDY}"
    if not isinstance(value, str) or not value.strip():
        return f"{key} has no name. {_REMEDY}"
    problem = toml_file.problem_of(value.strip(), MAX_NAME)
    return f"the name of {key} {problem}" if problem else ""


def _lines(text: str) -> dict[str, int]:
    """Return the line of each key; those that are not written plainly have none."""
    found: dict[str, int] = {}
    for number, each in enumerate(text.split("\n"), 1):
        key = re.match(r"""\s*["']?([^"'=\s]+)["']?\s*=""", each)
        if key is not None:
            found.setdefault(key[1], number)
    return found
