"""Turns of a conversation: those that say little about its language, the last of a text.

An agent's client sends words of its own and the output of tools as if the user had written them,
and people prompt a model with a word or two of English, whatever language they write in.

A conversation as text has the marks of the template of a model: ChatML (Qwen, Kimi), Llama 2 to 4,
Mistral, Gemma, Phi, Zephyr, GLM, DeepSeek, Command, Granite, gpt-oss, or the roles by their names.
"""

from __future__ import annotations

import re
from typing import Final

#: Words of the longest turn that is only a nudge: `continue`, `go on`, `yes please`.
_NUDGE_WORDS: Final = 2
_NUDGE_CHARACTERS: Final = 24

#: What the turns of a client that are sentences begin with.
CLIENTS: Final = (
    "This session is being continued",
    "Your response was cut off",
    "Your previous response",
    "Your last response",
    "Your command ran",
    "The user doesn't want to",
    "Continue from where",
    "Continue with",
    "Please continue",
    "I have *added these files",
)

_CLIENT = re.compile(
    r"""(?:
      # Cline, Roo: `[ERROR] You did not use a tool`, `[read_file for 'a.py'] Result:`
      \[[A-Z][A-Z\ _]+\] | \[[a-z_]+(?:\ for\ [^\]\n]{0,200})?\]
      # Claude Code
    | \[Request\ interrupted | Caveat:\
      # output of tools, as agents that have no role for it send it
    | (?:(?:Tool|Function|Command)\ (?:[Rr]esults?|[Oo]utputs?|[Rr]esponses?)|Observations?|Outputs?
        |Results?|OBSERVATIONS?|TOOL\ (?:RESULTS?|OUTPUTS?|RESPONSES?)|stdout|stderr)\s?:
    )""",
    re.VERBOSE,
)
#: What those begin with.
_FIRST: Final = frozenset("[CFORTs")

_ROLES: Final = ("USER:", "User:", "HUMAN:", "Human:")
_MODELS: Final = ("ASSISTANT:", "Assistant:", "AI:", "Bot:", "BOT:", "Chatbot:")
_OPENING = re.compile(
    r"""<\|im_start\|>user\b | <\|(?:start_header_id|header_start|start_of_role|start)\|>user
        <\|(?:end_header_id|header_end|end_of_role|message)\|>
    | <\|(?:user|USER_TOKEN|im_user|prompter)\|>(?:user)?(?:<\|im_middle\|>)?
    | <｜User｜> | <start_of_turn>user\b | \[INST\]""",
    re.VERBOSE,
)
_ENDING = re.compile(
    r"""<\|(?:im_end|eot_id|eot|end|end_of_text|endoftext|END_OF_TURN_TOKEN|assistant)\|>
    | <｜(?:Assistant|end▁of▁sentence)｜> | <end_of_turn> | </s> | \[/INST\]""",
    re.VERBOSE,
)
_AFTER_SYSTEM: Final = "<</SYS>>"


def is_weak(text: str) -> bool:
    """Return whether earlier turns decide where they are sure of another language."""
    text = text.lstrip()
    if text.startswith(CLIENTS) or (text[:1] in _FIRST and _CLIENT.match(text)):
        return True
    return len(text) <= _NUDGE_CHARACTERS and text.isascii() and len(text.split()) <= _NUDGE_WORDS


def last_turn(text: str) -> str | None:
    """Return the last turn of a user that says something, by the marks of a template.

    None without such marks. Cost grows with the text: callers cut it first.
    """
    if "<|" in text or "<｜" in text or "<start_of" in text or "[INST]" in text:
        turns = [_ENDING.split(turn, 1)[0] for turn in _OPENING.split(text)[1:]]
    elif text.rstrip().endswith(_MODELS):
        turns = _of_roles(text)
    else:
        return None
    if not turns:
        return None
    turns = [turn.rpartition(_AFTER_SYSTEM)[2].strip() for turn in turns]
    return next((turn for turn in reversed(turns) if not is_weak(turn)), turns[-1])


def _of_roles(text: str) -> list[str]:
    at, role = max((text.rfind(role), role) for role in _ROLES)
    if at < 0:
        return []
    turn = text[at + len(role) :].rstrip()
    return [turn[: max(turn.rfind(model) for model in _MODELS)]]
