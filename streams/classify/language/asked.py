"""The part of a text that a person wrote, where an application's template surrounds it.

Templates put the person's words last: after a chat mark (`<|im_start|>user`, `[INST]`), or in the
last paragraph, often after a label (`Question:`).
"""

from __future__ import annotations

import re
from typing import Final

#: Marks of chat templates before a user's turn, and what ends the turn.
_OPENINGS: Final = ("<|im_start|>user", "<|start_header_id|>user<|end_header_id|>", "[INST]")
_ENDINGS: Final = ("<|im_end|>", "<|eot_id|>", "[/INST]")
_COLON = re.compile("[:：]")
#: Characters of the longest label in front of a colon, and the words of one.
_MAX_LABEL = 24
_MAX_LABEL_WORDS = 3


def asked(text: str) -> str | None:
    """Return the person's words at the end of a text; None where nothing sets them apart.

    Cost grows with the text: callers cut it first.
    """
    if ("<|" in text or "[INST]" in text) and any(opening in text for opening in _OPENINGS):
        return _last_turn(text)
    # Most texts are one paragraph without a label.
    if "\n" not in text and not _COLON.search(text, 0, _MAX_LABEL + 2):
        return None
    text = text.rstrip()
    apart = text.rfind("\n\n")
    paragraph = text[apart + 2 :] if apart >= 0 else text[text.rfind("\n") + 1 :]
    content = _after_label(paragraph)
    if content is not None:
        return content
    return paragraph if apart >= 0 else None


def _last_turn(text: str) -> str:
    at, opening = max((text.rfind(opening), opening) for opening in _OPENINGS)
    turn = text[at + len(opening) :]
    for ending in _ENDINGS:
        turn = turn.partition(ending)[0]
    return turn


def _after_label(paragraph: str) -> str | None:
    """Return what follows a short label and a colon; None without one."""
    paragraph = paragraph.lstrip("# ")
    colon = _COLON.search(paragraph, 0, _MAX_LABEL + 1)
    if colon is None:
        return None
    label = paragraph[: colon.start()]
    is_label = len(label.split()) <= _MAX_LABEL_WORDS and label.replace(" ", "").isalpha()
    return paragraph[colon.end() :] if is_label else None
