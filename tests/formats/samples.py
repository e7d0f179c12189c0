"""The samples of this folder, each with what is expected of it. README.md says how to write one."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from streams.decode.options import Options

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Sample:
    name: str
    value: bytes | None
    headers: list = field(default_factory=list)
    options: Options = field(default_factory=Options)
    format: str | None = None
    events: list = field(default_factory=list)
    rejected: list = field(default_factory=list)
    skipped: list = field(default_factory=list)

    @property
    def folder(self):
        return self.name.partition("/")[0]

    @property
    def is_plain(self):
        """Whether its value alone says how it is read."""
        return self.value is not None and not self.headers and self.options == Options()


@cache
def load():
    """Return all samples, of all formats."""
    return [
        _sample(expected.parent, name, said)
        for expected in sorted(HERE.glob("*/expected.toml"))
        for name, said in tomllib.loads(expected.read_text()).items()
    ]


def _sample(folder, name, said):
    said = dict(said)
    is_tombstone = said.pop("tombstone", False)
    pattern = said.pop("sample", f"{name}.*")
    return Sample(
        name=f"{folder.name}/{name}",
        value=None if is_tombstone else _file(folder, pattern).read_bytes(),
        headers=[(key, value.encode()) for key, value in said.pop("headers", {}).items()],
        options=Options(**said.pop("options", {})),
        **said,
    )


def _file(folder, pattern):
    match sorted(folder.glob(pattern)):
        case [path]:
            return path
        case paths:
            raise ValueError(f"{folder.name}/{pattern} is {len(paths)} files")


def unused():
    """Return files that nothing is expected of."""
    expected = {
        _file(path.parent, said.get("sample", f"{name}.*"))
        for path in HERE.glob("*/expected.toml")
        for name, said in tomllib.loads(path.read_text()).items()
        if not said.get("tombstone")
    }
    sources = {".toml", ".py", ".pyc"}
    return {path for path in HERE.glob("*/*.*") if path.suffix not in sources} - expected
