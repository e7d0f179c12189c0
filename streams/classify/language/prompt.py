"""The texts of a prompt that people wrote, in the order of their value for language detection.

Gateways log prompts as text, as JSON in text, or as the request's own structure: messages of
OpenAI, Anthropic and OpenTelemetry, contents of Gemini, input of the Responses API, the one text of
Titan, Cohere, Dify and Hugging Face. The last user message is the best evidence; earlier ones and
then the system prompt are fallbacks. Tool results, images, and the model's own words are left out.
"""

from __future__ import annotations

import re
from collections import deque
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from streams.classify.language.tool_blocks import without_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Characters of JSON that are read; longer JSON is cut to its beginning, like JSON that breaks off.
MAX_JSON = 65_536
MAX_BROKEN_JSON = 8_192
#: Texts of one prompt that are returned: the best evidence.
MAX_TEXTS = 8
#: Messages that are read, from the last; system prompts are the first one or two.
MAX_MESSAGES = 64
FIRST_MESSAGES = 2
MAX_PARTS = 32
#: Characters of each part: the limit of a detector for a whole prompt.
MAX_CHARACTERS = 512
#: Colons before the tail at which the label of a question is looked for; characters of one, and of
#: its line.
_COLONS: Final = 8
_LABEL: Final = 16
_LINE: Final = 160
_QUESTIONS: Final = (
    *("question", "query", "frage", "pregunta", "pergunta", "вопрос"),
    *("问题", "問題", "質問", "질문"),
)
#: JSON in text, in a structure, in text: deeper than any gateway goes.
DEEPEST = 4

# Keys of the messages in a request body, best evidence first, and of the system prompt.
_MESSAGES: Final = (
    *("messages", "contents", "input", "prompt"),
    *("query", "message", "inputText", "inputs"),
)
_SYSTEM: Final = ("system", "instructions", "systemInstruction", "system_instruction")
#: Keys of what a person wrote in a message that is JSON.
_SAID: Final = ("text", "query", "question", "message", "prompt", "input", "content")
_USER: Final = frozenset({"user", "human"})
_OPERATOR: Final = frozenset({"system", "developer"})
_MODELS: Final = frozenset({"assistant", "model", "tool"})
# Any other type is a call, a tool result, an image, a thought.
_MESSAGE_TYPES: Final = frozenset({"message", "text", "input_text"})
_TEXT_TYPES: Final = frozenset({"text", "input_text"})

_BEGINS_JSON = re.compile(r"\s*[\[{\"]")
# Placeholders where a deployment logs no text.
_REDACTED = re.compile(r"\W*redacted\b.{0,40}", re.IGNORECASE)
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?P<closed>")?|[\[\]{},]', re.DOTALL)
# A truncated escape, and the first half of a surrogate pair.
_BROKEN_ESCAPE = re.compile(r"(?:\\u[dD][89aAbB][0-9a-fA-F]{2})?(?:\\(?:u[0-9a-fA-F]{0,3})?)?\Z")
# Maximum open brackets in any request; anything with more is not a request.
_MAX_OPEN = 32
# Positions before the break from which repair of truncated JSON is tried.
_CUTS = 3


class Texts(NamedTuple):
    """The users' texts, latest first, and the system prompts of the application's operator."""

    users: list[str]
    systems: list[str]


def texts(logged: object) -> list[str]:
    """Return the texts of a logged prompt, best evidence first; empty where it has none."""
    users, systems = read(logged)
    return (users + systems)[:MAX_TEXTS]


def read(logged: object, most: int = MAX_TEXTS) -> Texts:
    """Return the texts of a logged prompt by who wrote them: of the users, so many at most.

    Where those are found, earlier messages are not read, nor are system prompts before them.
    `logged` is text, JSON in text (which may break off), a list of messages, or a request's body.
    Never raises, whatever the value; work is bounded by the limits above.
    """
    found = _texts(logged, most, DEEPEST)
    del found.users[most:], found.systems[MAX_TEXTS:]
    return found


def last_content(logged: object) -> str | None:
    """Return the content of the last message where that is a user's, and text."""
    if type(logged) is not list or not logged:
        return None
    message = logged[-1]
    if type(message) is not dict or message.get("role") != "user" or "type" in message:
        return None
    content = message.get("content")
    return content if type(content) is str else None


def only_text(content: str) -> str | None:
    """Return the text of a content where it is all of it; None says nothing.

    It is then the first text that `read` returns.
    """
    if not content or content.startswith("{"):
        return None
    text = _cut(content)
    return None if _REDACTED.fullmatch(text) else text


def _texts(logged: object, most: int, depth: int) -> Texts:
    if depth == 0:
        return Texts([], [])
    if isinstance(logged, str):
        return _of_string(logged, most, depth)
    if isinstance(logged, dict):
        return _of_body(logged, most, depth)
    if isinstance(logged, list | tuple):
        return _of_list(logged, most)
    return Texts([], [])


def _of_string(text: str, most: int, depth: int) -> Texts:
    if _BEGINS_JSON.match(text, 0, MAX_CHARACTERS):
        for value in _read(text):
            found = _texts(value, most, depth - 1)
            if found.users or found.systems:
                return found
    return Texts(_written(text), [])


def _of_body(body: dict[object, object], most: int, depth: int) -> Texts:
    inner = next((body[key] for key in _MESSAGES if body.get(key)), None)
    if inner is None or "role" in body:
        return _of_list([body], most)
    users, systems = _texts(inner, most, depth - 1)
    for key in _SYSTEM:
        value = body.get(key)
        # Gemini's is a message, Anthropic's the content of one.
        _, parts = _message(value if isinstance(value, dict) else {"content": value})
        _join(systems, parts)
    return Texts(users, systems)


def _of_list(messages: list[object] | tuple[object, ...], most: int) -> Texts:
    users: list[str] = []
    systems: list[str] = []
    last = messages[-MAX_MESSAGES:]
    first = messages[: min(FIRST_MESSAGES, len(messages) - len(last))]
    for message in chain(reversed(last), reversed(first)):
        role, parts = _message(message)
        if role in _USER:
            users.extend(reversed(parts))
            if len(users) >= most:
                break
        elif role in _OPERATOR:
            _join(systems, parts)
    return Texts(users, systems)


def _join(systems: list[str], parts: list[str]) -> None:
    if parts:
        systems.append("\n".join(parts))


def _message(message: object) -> tuple[str, list[str]]:
    """Return the role of a message (by default the user) and the text of each part."""
    if isinstance(message, str):
        return "user", _written(message)
    if not isinstance(message, dict) or not _is_of(message, _MESSAGE_TYPES):
        return "", []
    role = message.get("role") or "user"
    if not isinstance(role, str) or role in _MODELS:
        return "", []
    content = message.get("content") or message.get("parts") or message.get("text")
    if isinstance(content, str):
        return role, _written(content)
    parts = content[:MAX_PARTS] if isinstance(content, list | tuple) else [content]
    return role, [text for part in parts for text in _part(part)]


def _part(part: object) -> list[str]:
    if isinstance(part, dict) and _is_of(part, _TEXT_TYPES):
        # OpenTelemetry calls the text of a part its content.
        part = part.get("text") or part.get("content")
    return _written(part) if isinstance(part, str) else []


def _written(text: str) -> list[str]:
    """Return a text in a list; none where it is empty, or a placeholder for it.

    Of a JSON object, as applications send it instead of text, the texts that a person wrote.
    """
    if text.startswith("{") and len(text) <= MAX_JSON:
        said = _said(text)
        if said:
            return said
    text = _cut(text)
    return [text] if text and not _REDACTED.fullmatch(text) else []


def _said(text: str) -> list[str]:
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        return []
    found = (body.get(key) for key in _SAID)
    return [_cut(each) for each in found if isinstance(each, str) and each]


def _cut(text: str) -> str:
    """Return a text, or of a long one its head and tail, where templates have the question.

    Without what an application puts before and behind a person's words.
    """
    text = without_blocks(text)
    if len(text) <= MAX_CHARACTERS:
        return text
    half = MAX_CHARACTERS // 2
    return text[:half] + "\n" + _question(text[half : _LABEL - half]) + text[1 - half :]


def _question(middle: str) -> str:
    """Return the line of the last label of a question in what is left out of a text, or nothing.

    Templates have rules after the question as well.
    """
    at = len(middle)
    for _ in range(_COLONS):
        at = max(middle.rfind(":", 0, at), middle.rfind("：", 0, at))
        if at < 0:
            break
        if middle[max(0, at - _LABEL) : at].rstrip("*】 ").lower().endswith(_QUESTIONS):
            start = middle.rfind("\n", 0, at) + 1
            # The question may be on the line below the label.
            end = middle.find("\n", at + 2)
            return middle[start : end if end > at else None][:_LINE] + "\n\n"
    return ""


def _is_of(item: dict[object, object], types: frozenset[str]) -> bool:
    kind = item.get("type")
    return kind is None or (isinstance(kind, str) and kind in types)


def _read(text: str) -> Iterator[object]:
    """Return the possible values of JSON in text: the value itself, or what precedes a break."""
    if len(text) <= MAX_JSON:
        try:
            yield orjson.loads(text)
        except orjson.JSONDecodeError:
            pass
        else:
            return
    for mended in _mended(text[:MAX_BROKEN_JSON]):
        try:
            yield orjson.loads(mended)
        except orjson.JSONDecodeError:
            continue


def _mended(text: str) -> Iterator[str]:
    """Return broken JSON with its open string and brackets closed, or cut some values earlier."""
    closing: list[str] = []
    cuts: deque[tuple[int, str]] = deque(maxlen=_CUTS)
    broken = ""
    for token in _JSON_TOKEN.finditer(text):
        sign = token[0][0]
        if sign == '"':
            broken = "" if token["closed"] else '"'
        elif sign in "[{":
            if len(closing) == _MAX_OPEN:
                return
            closing.append("]" if sign == "[" else "}")
            cuts.append((token.end(), _closed(closing)))
        elif sign == ",":
            cuts.append((token.start(), _closed(closing)))
        elif closing:
            closing.pop()
    yield (_BROKEN_ESCAPE.sub("", text) if broken else text) + broken + _closed(closing)
    for end, brackets in reversed(cuts):
        yield text[:end] + brackets


def _closed(closing: list[str]) -> str:
    return "".join(reversed(closing))
