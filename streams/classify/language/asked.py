"""The part of a text that a person wrote, where an application's template surrounds it.

Templates put the person's words in a block of their own (`<user_query>`), or last: after a chat
mark (`<|im_start|>user`, `[INST]`; turns.py knows those of a dozen models), or in the last
paragraph or line, often after a label (`Question:`). Behind it may be a label for the model to go
on from (`Answer:`).
"""

from __future__ import annotations

import re
from typing import Final

from streams.classify.language.prose import is_code
from streams.classify.language.turns import last_turn

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
    *(
        "प्रश्न",
        "user message",
        "user's message",
        "user input",
        "current task",
        "用户输入",
        "用户消息",
    ),
)
_MAX_LONG_LABEL = 80
# Of a label with its content below; longer ones tell the model what to do.
_MAX_ASKING_WORDS = 5
# Headings without a colon: `### Question`, `%Question%`, `【用户问题】`.
_HEADING = re.compile(r"[#%*【\[]{1,6}\s*+([^\n:：]{2,32}?)[%*】\]]*")
_HEADINGS: Final = frozenset("#%*【[")
# What stands for a letter's vowel, tone or accent in a label.
_LABEL = re.compile(
    r"(?:[^\W\d_]|[ \u0300-\u036f\u0591-\u05c7\u064b-\u0652\u0900-\u0dff\u0e31-\u0e4e])+"
)
_OTHER_SCRIPT = re.compile(r"[\u0370-\u1dff\u2e80-\ud7ff]")
# Characters of a first line that says no more than hello.
_GREETING_CHARACTERS = 5
# Of a line in Latin letters: a name has fewer.
_FEWEST_BLANKS = 2
# What a template says is the first thing to work on, and no quotation inside a person's own words.
_QUOTED_END = re.compile(
    r"""(?:[Ff]irst\ [\w ]{2,24}\ is|[:：])\s*["“”「«]([^"“”「」«»\n]{2,256})["”」»][.。]?\Z"""
)
#: Characters of the shortest text whose last quotation may be a person's words.
_TEMPLATE_CHARACTERS = 160
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
    turn = last_turn(text)
    if turn is not None:
        within = asked(turn)
        return turn if within is None else within
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
    if content is None and text != line:
        content = _asked_in(line)
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
    quoted = _QUOTED_END.search(text) if len(text) > _TEMPLATE_CHARACTERS else None
    ends = [] if quoted is None else [quoted[1]]
    if "\n" not in text:
        return ends + _before_colon(text)
    fenced: list[tuple[str, str]] = []
    if "```" in text or "~~~" in text:
        fenced = _FENCE.findall(text)
    fences = [inner for _, inner in fenced if not _OF_CODE.search(inner)]
    labelled = question(text)
    return [*([] if labelled is None else [labelled]), *fences, *ends, *_edges(text)]


def question(text: str) -> str | None:
    """Return what follows the last label with a word for what is asked, on its line or below it."""
    lowered = text.lower()
    if not any(word in lowered for word in _ASKS):
        return None
    below = ""
    for line in reversed(text.split("\n")):
        content = _asked_in(line)
        if content or (content == "" and below):
            return content or below
        below = line.strip() or below
    return None


def goes_on(text: str) -> bool:
    """Return whether a text ends with a label for the model to go on from."""
    return text.rstrip().endswith(_COLONS)


def _edges(text: str) -> list[str]:
    """Return the first and the last line beside what programs write: of letters beyond ASCII.

    None of a text with paragraphs or a label at its end, which set a person's words apart.
    """
    if text.isascii() or "\n\n" in text:
        return []
    lines = text.strip().split("\n")
    if _after_label(lines[-1]) is not None:
        return []
    edges = lines[-1:] + [line for line in lines[:1] if len(line) > _GREETING_CHARACTERS]
    return [line for line in edges if _OTHER_SCRIPT.search(line) or _is_wordy(line)]


def _is_wordy(line: str) -> bool:
    return not line.isascii() and line.count(" ") >= _FEWEST_BLANKS


def _before_colon(text: str) -> list[str]:
    """Return what precedes the colon in a line of letters beyond ASCII: three words or more."""
    if text.isascii():
        return []
    colon = _COLON.search(text, 0, _MAX_LONG_LABEL)
    before = "" if colon is None else text[: colon.start()]
    return [before] if _is_wordy(before) else []


def _asked_in(line: str) -> str | None:
    """Return what follows a label with a word for what is asked; None without one.

    Empty where it is below the label.
    """
    colon = _COLON.search(line, 0, _MAX_LONG_LABEL)
    if colon is not None:
        label, content = line[: colon.start()].lower(), line[colon.end() :].strip()
    else:
        heading = _HEADING.fullmatch(line.strip()) if line[:1] in _HEADINGS else None
        if heading is None:
            return None
        label, content = heading[1].lower(), ""
    if not any(word in label for word in _ASKS):
        return None
    return content if content or len(label.split()) <= _MAX_ASKING_WORDS else None


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


def _after_label(paragraph: str) -> str | None:
    """Return what follows a short label and a colon; None without one."""
    paragraph = paragraph.lstrip("# ")
    colon = _COLON.search(paragraph, 0, _MAX_LABEL + 1)
    if colon is None:
        return None
    label = paragraph[: colon.start()]
    is_label = len(label.split()) <= _MAX_LABEL_WORDS and _LABEL.fullmatch(label) is not None
    return paragraph[colon.end() :] if is_label else None
