"""The page's modules as one: a browser asks for it once, and not for each of twenty.

Each module becomes a function of its own, called in the order of the imports, so that names of two
modules never meet. Modules that are imported when they are needed stay files of their own, and take
what they import from the one that is there.
"""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_IMPORT = re.compile(r'^import \{ ([^}]+) \} from "\./([a-z]+)\.js";$', re.MULTILINE)
_LATE = re.compile(r'\bimport\("\./([a-z]+)\.js"\)')
_EXPORT = re.compile(r"^export ((?:async )?function|const|class) (\w+)", re.MULTILINE)
#: Other forms than these would be sent as they are, and a browser would refuse them.
_UNREAD = re.compile(r"^(import|export)\b.*", re.MULTILINE)


class UnreadModuleError(ValueError):
    """A module has an import or export in a form that is not read here."""


def bundled(sources: Mapping[str, str], entry: str) -> dict[str, str]:
    """Return the texts to send by name: `entry` with all that it imports, and the late modules.

    `sources` are all modules by name, without `.js`. Raises UnreadModuleError, and
    graphlib.CycleError where modules import each other.
    """
    late = {name for text in sources.values() for name in _LATE.findall(text)}
    order = TopologicalSorter(
        {name: [each[1] for each in _IMPORT.findall(sources[name])] for name in sorted(sources)}
    ).static_order()
    inside = [name for name in order if name != entry and name not in late]
    parts = [_as_function(name, sources[name]) for name in inside]
    names = ", ".join(map(_variable, inside))
    whole = [*parts, f"(() => {{\n{_read(entry, sources[entry])[0]}}})();\nexport {{ {names} }};\n"]
    return {entry: "".join(whole)} | {
        name: _IMPORT.sub(
            lambda found: (
                f'import {{ {_variable(found[2])} }} from "./{entry}.js";\n{_assignment(found)}'
            ),
            sources[name],
        )
        for name in late
    }


def _variable(name: str) -> str:
    return f"{name}_js"


def _assignment(found: re.Match[str]) -> str:
    names = re.sub(r"(\w+) as (\w+)", r"\1: \2", found[1])
    return f"const {{ {names} }} = {_variable(found[2])};"


def _as_function(name: str, source: str) -> str:
    text, exported = _read(name, source)
    return (
        f"const {_variable(name)} = (() => {{\n{text}return {{ {', '.join(exported)} }};\n}})();\n"
    )


def _read(name: str, source: str) -> tuple[str, list[str]]:
    """Return a module without imports and exports, and the names that it exports."""
    text = _EXPORT.sub(r"\1 \2", _IMPORT.sub(_assignment, source))
    unread = _UNREAD.search(text)
    if unread is not None:
        raise UnreadModuleError(f"{name}.js: {unread[0]!r} is not read; write it as the others do")
    return text, [found[2] for found in _EXPORT.finditer(source)]
