"""How an extra is installed, by where this tokenshare comes from.

A package index need not have tokenshare: whoever takes the name there first would be installed by
our own advice. So a checkout is named by its path, a wheel or an archive by its address, and the
bare name only where pip took it from an index.
"""

from __future__ import annotations

import json
import shlex
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

NAME = "tokenshare"
_ROOT = Path(__file__).resolve().parents[2]


def advice(extra: str) -> str:
    """Return the command that installs an extra of ours: pip install '…[extra]'."""
    return _advice(extra, _origin())


def _advice(extra: str, origin: str) -> str:
    where, is_editable = _where(origin)
    if not where:
        return f"pip install {shlex.quote(f'{NAME}[{extra}]')}"
    if "://" in where:
        return f"pip install {shlex.quote(f'{NAME}[{extra}] @ {where}')}"
    return f"pip install {'-e ' if is_editable else ''}{shlex.quote(f'{where}[{extra}]')}"


@cache
def _origin() -> str:
    """Return what pip noted of where tokenshare came from (PEP 610); of a checkout, its place."""
    if (_ROOT / "pyproject.toml").is_file():
        return json.dumps({"url": _ROOT.as_uri(), "dir_info": {"editable": True}})
    try:
        return distribution(NAME).read_text("direct_url.json") or ""
    except PackageNotFoundError:
        return ""


def _where(origin: str) -> tuple[str, bool]:
    """Return a path or an address, "" for an index, and whether it is an editable checkout."""
    try:
        noted = json.loads(origin)
        address = str(noted["url"])
    except (ValueError, KeyError, TypeError):
        return "", False
    parts = urlsplit(address)
    vcs = noted.get("vcs_info")
    if isinstance(vcs, dict) and isinstance(vcs.get("vcs"), str):
        return f"{vcs['vcs']}+{address}", False
    if parts.scheme != "file":
        return address, False
    info = noted.get("dir_info")
    is_editable = isinstance(info, dict) and info.get("editable") is True
    return unquote(parts.path), is_editable
