"""Blocks that an application puts beside a person's words: what tools see, files, reminders.

Names are those of Claude Code (`system-reminder`, `local-command-stdout`, `ide_selection`), Cline
and Roo (`environment_details`, `file_content`), Cursor (`attached_files`, `additional_data`),
Copilot (`attachments`, `environment_info`), Codex (`environment_context`), Gemini CLI
(`session_context`) and of prompts for retrieval (`context`, `documents`, `search_results`).
"""

from __future__ import annotations

import re
from typing import Final

#: Names of blocks that hold no words of a person.
NAMES: Final = r"""
    system-reminder|context|documents?|files?|tool_results?|std(?:out|err)|snippets?|passages?
    |sources?|attachments?|diagnostics|metadata|additional_data|project_layout|state_snapshot
    |environment(?:[_-]\w+)?|(?:\w+[_-])?context|ide[_-]\w+|open_and_recently_viewed_files
    |(?:local-)?(?:command|bash)-(?!input)\w+|(?:attached|file|folder|url|document)_\w+
    |(?:search|tool|retrieved|function)_(?:results?|outputs?|documents?|passages?|response)
    |(?:user|workspace|repo)_(?:info|instructions|layout|rules)|editorContext|reminderInstructions
"""
_NAMES = re.sub(r"\s", "", NAMES)
_OPENING = re.compile(rf"<({_NAMES})\b[^<>]{{0,200}}>", re.IGNORECASE)
_CLOSING = re.compile(rf"</({_NAMES})>\Z", re.IGNORECASE)
#: Blocks that are taken off at each end, and the characters in which the other end of one is looked
#: for: a file may be longer, and is cut anyway.
_MOST: Final = 8
_REACH: Final = 65_536
_TAIL: Final = 128


def without_blocks(text: str) -> str:
    """Return a text without the blocks at its beginning and end.

    The cost is bounded, however long the text is.
    """
    if "<" not in text[:_TAIL] and ">" not in text[-_TAIL:]:
        return text
    if len(text) > 2 * _REACH:
        text = text[:_REACH] + "\n" + text[-_REACH:]
    return _from_the_end(_from_the_beginning(text))


def _from_the_beginning(text: str) -> str:
    for _ in range(_MOST):
        text = text.lstrip()
        opening = _OPENING.match(text)
        if opening is None:
            break
        closing = f"</{opening[1]}>"
        at = text.find(closing, opening.end(), opening.end() + _REACH)
        if at < 0:
            break
        text = text[at + len(closing) :]
    return text


def _from_the_end(text: str) -> str:
    for _ in range(_MOST):
        text = text.rstrip()
        closing = _CLOSING.search(text, max(0, len(text) - _TAIL))
        if closing is None:
            break
        reached = max(0, closing.start() - _REACH)
        at = text.rfind(f"<{closing[1]}", reached, closing.start())
        if at < 0 and reached == 0:
            break
        text = text[: max(at, reached)]
    return text
