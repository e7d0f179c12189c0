"""Turns of a conversation that say little about its language.

An agent's client sends words of its own and the output of tools as if the user had written them,
and people prompt a model with a word or two of English, whatever language they write in.
"""

from __future__ import annotations

import re
from typing import Final

#: Words of the longest turn that is only a nudge: `continue`, `go on`, `yes please`.
_NUDGE_WORDS: Final = 2
_NUDGE_CHARACTERS: Final = 24

#: What a client's words and the output of tools begin with.
_FIRST: Final = frozenset("[CFORTs")

_CLIENT = re.compile(
    r"""\s*+(?:
      # Cline, Roo: `[ERROR] You did not use a tool`, `[read_file for 'a.py'] Result:`
      \[[A-Z][A-Z\ _]+\] | \[[a-z_]+(?:\ for\ [^\]\n]{0,200})?\]
      # Claude Code
    | \[Request\ interrupted | Caveat:\ | This\ session\ is\ being\ continued
      # output of tools, as agents that have no role for it send it
    | (?:Observations?|(?:Tool|Function|Command)\ (?:results?|outputs?|responses?)|Outputs?|Results?
        |stdout|stderr)\s?:
    )""",
    re.VERBOSE,
)


def is_weak(text: str) -> bool:
    """Return whether earlier turns decide where they are sure of another language."""
    if (text[:1] in _FIRST or text[:1].isspace()) and _CLIENT.match(text):
        return True
    return len(text) <= _NUDGE_CHARACTERS and text.isascii() and len(text.split()) <= _NUDGE_WORDS
