"""The part of a text that a person wrote, where an application's template surrounds it.

Templates put the person's words in a block of their own (`<user_query>`), or last: after a chat
mark (`<|im_start|>user`, `[INST]`), or in the last paragraph or line, often after a label
(`Question:`). Behind it may be a label for the model to go on from (`Answer:`).
"""

from __future__ import annotations

import re
from typing import Final

from streams.classify.language.prose import is_code

#: Marks of chat templates before a user's turn, and what ends the turn.
_OPENINGS: Final = ("<|im_start|>user", "<|start_header_id|>user<|end_header_id|>", "[INST]")
_ENDINGS: Final = ("<|im_end|>", "<|eot_id|>", "[/INST]")
# Blocks whose names say that a person wrote what is in them.
_BLOCK = re.compile(
    r"""<((?:user|customer|human)?[-_]?(?:ask|comment|feedback|input|message|prompt|query|question
        |request|task))>(.{1,512}?)(?:</\1>|\Z)""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
#: Words in a label, of up to so many characters, in front of what is asked.
_ASKS: Final = (
    *("query", "question", "request", "anfrage", "frage", "domanda", "pergunta", "pregunta"),
    *("soru", "vraag", "вопрос", "запрос", "問題", "问题", "質問", "질문", "คำถาม", "سؤال", "सवाल"),
)
_MAX_LONG_LABEL = 80
# A fence that names no language.
_FENCE = re.compile(r"(```|~~~)[ \t]*\n(.*?)(?:\1|\Z)", re.DOTALL)
# What code has nearly always, and prose hardly ever: its comments are in any language.
_OF_CODE = re.compile(r"[{}=;<>\\_#$|]|\w\(")
_COLON = re.compile("[:：]")
_COLONS: Final = (":", "：")
#: Labels of what a person asks or says.
_PERSONS: Final = frozenset(
    """
    ask client customer guest human input message prompt q query question request user
    anfrage benutzer frage kunde nutzer cliente consulta mensaje pregunta usuario pergunta usuário
    client demande utilisateur domanda utente vraag gebruiker pytanie użytkownik soru kullanıcı
    вопрос запрос клиент пользователь запитання 问题 用户 提问 問題 用戶 質問 ユーザー 질문 사용자
    คำถาม سؤال السؤال प्रश्न सवाल
""".split()  # noqa: SIM905 - labels of many languages
)
#: Characters of the longest label in front of a colon, and the words of one.
_MAX_LABEL = 24
_MAX_LABEL_WORDS = 3


def asked(text: str) -> str | None:
    """Return the person's words at the end of a text; None where nothing sets them apart.

    Cost grows with the text: callers cut it first.
    """
    if ("<|" in text or "[INST]" in text) and any(opening in text for opening in _OPENINGS):
        return _last_turn(text)
    if "<" in text:
        blocks: list[tuple[str, str]] = _BLOCK.findall(text)
        if blocks:
            return blocks[-1][1]
    # Most texts are one paragraph without a label.
    if "\n" not in text and not _COLON.search(text, 0, _MAX_LABEL + 2):
        return None
    text = _without_last_label(text.rstrip())
    apart = text.rfind("\n\n")
    line = text[text.rfind("\n") + 1 :]
    content = _after_label(line)
    if content is not None and is_code(line.strip()):
        # Programs begin what they report with a label as well: `fatal: `.
        content = None
    if content is None and apart >= 0:
        paragraph = text[apart + 2 :]
        content = _after_label(paragraph)
        return paragraph if content is None else content
    return content


def apart(text: str) -> list[str]:
    """Return other parts of a text that are somebody's words: what is asked, what is quoted.

    Templates for retrieval have the question before the context as well, and some put what is to be
    worked on into a fence, which otherwise holds code and then names its language.
    """
    if "\n" not in text:
        return []
    fenced: list[tuple[str, str]] = []
    if "```" in text or "~~~" in text:
        fenced = _FENCE.findall(text)
    return _questions(text) + [inner for _, inner in fenced if not _OF_CODE.search(inner)]


def _questions(text: str) -> list[str]:
    """Return what follows labels with a word for what is asked, on their line or the next one."""
    if not _COLON.search(text):
        return []
    found = []
    lines = text.split("\n")
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        colon = _COLON.search(line, 0, _MAX_LONG_LABEL)
        if colon is None:
            continue
        label = line[: colon.start()].lower()
        if any(word in label for word in _ASKS):
            found.append(line[colon.end() :].strip() or following)
    return found


def instruction(text: str, part: str) -> str | None:
    """Return what precedes the last part of a text where that is material to work on.

    Material is longer than what to do with it. None where a mark or a label says that a person
    wrote the part.
    """
    before = text[: text.rfind(part)].rstrip()
    if not 0 < len(before) < len(part) or before.endswith((">", "]")):
        return None
    if before.endswith(_COLONS):
        label = before[before.rfind("\n") + 1 :].strip("#*:： ").lower()
        if not _PERSONS.isdisjoint(label.split()):
            return None
    return before


def _without_last_label(text: str) -> str:
    """Return a text without the label at its end that the model is to go on from."""
    start = text.rfind("\n") + 1
    if start and text.endswith(_COLONS) and _after_label(text[start:]) == "":
        return text[:start].rstrip()
    return text


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
