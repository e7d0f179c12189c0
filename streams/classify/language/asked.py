"""The part of a text that a person wrote, where an application's template surrounds it.

Templates put the person's words last: after a chat mark (`<|im_start|>user`, `[INST]`), or in the
last paragraph, often after a label (`Question:`).
"""

from __future__ import annotations

from typing import Final

#: Marks of chat templates before a user's turn, and what ends the turn.
_OPENINGS: Final = ("<|im_start|>user", "<|start_header_id|>user<|end_header_id|>", "[INST]")
_ENDINGS: Final = ("<|im_end|>", "<|eot_id|>", "[/INST]")
_COLONS: Final = ":："
#: Characters of the longest label in front of a colon, and the words of one.
_MAX_LABEL = 24
_MAX_LABEL_WORDS = 3


def asked(text: str) -> str | None:
    """Return the person's words at the end of a text; None where nothing sets them apart.

    Cost grows with the text: callers cut it first.
    """
    turn = _last_turn(text)
    if turn is not None:
        return turn
    _, apart, paragraph = text.rstrip().rpartition("\n\n")
    if not apart:
        paragraph = text.rstrip().rpartition("\n")[2]
    content = _after_label(paragraph)
    if content is not None:
        return content
    return paragraph if apart else None


def _last_turn(text: str) -> str | None:
    at, opening = max((text.rfind(opening), opening) for opening in _OPENINGS)
    if at < 0:
        return None
    turn = text[at + len(opening) :]
    for ending in _ENDINGS:
        turn = turn.partition(ending)[0]
    return turn


def _after_label(paragraph: str) -> str | None:
    """Return what follows a short label and a colon; None without one."""
    paragraph = paragraph.lstrip("# ")
    start = paragraph[: _MAX_LABEL + 1]
    at = next((n for n, sign in enumerate(start) if sign in _COLONS), 0)
    label = start[:at]
    is_label = 0 < len(label.split()) <= _MAX_LABEL_WORDS and label.replace(" ", "").isalpha()
    return paragraph[at + 1 :] if is_label else None
