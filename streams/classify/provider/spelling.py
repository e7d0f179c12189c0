"""The spellings of a provider's name, and the key of an unknown one."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from streams.classify.provider.values import MAX_KEY, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

# Ends of names that say which API was called, as in `openai.responses` and `vertex.messages`.
_API = {
    *("api", "chat", "chatcompletions", "completion", "completions", "embedding", "embeddings"),
    *("generate", "generativeai", "image", "images", "inference", "language", "messages"),
    *("rerank", "reranking", "responses", "speech", "text", "transcription", "video"),
}
# What is written like this is a secret that somebody put into the wrong field.
_SECRET = re.compile(
    r"(?:sk|pk|rk|ak|hf|gh[opsu]|github_pat|xox[a-z]|glpat|r8|nvapi|gsk|pplx|tgp)[-_].{12,}"
    r"|eyj[\w.-]{20,}|akia[a-z0-9]{12,}|aiza[\w-]{20,}|(?:bearer|basic|token|key)[ =:].*"
    r"|[0-9a-f]{32,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
# A second deployment, a subscription's endpoint: `Together 2`, `zai-coding-plan`.
_NUMBERED = re.compile(r"(.*\S)[ _-]\d{1,2}")
_PLAN = re.compile(r"[ _-](?:coding|token|step)[ _-]plan\b", re.IGNORECASE)
# What follows a name in brackets is a region, or who is behind a router.
_BRACKETS = re.compile(r"([^()]*[^()\s])\s*\(([^()]*)\)\s*")
_WORD = re.compile(r"[\s_]+")
# Texts that gateways write where they do not know.
_NOTHING = {"unknown", "none", "null", "undefined", "nil", "n-a", "na", "nan", "false", "true"}
# Everything behind it is a path, a model, a port or a query.
_CUT = re.compile(r"[/\\:?#=&;,|]")


def folded(name: str) -> str:
    """Return the letters, digits and dots of a name, in which all spellings of it agree.

    Dots count: `azure_ai` is a provider, azure.ai somebody's domain.
    """
    plain = unicodedata.normalize("NFKC", name).casefold()
    return "".join(each for each in plain if each.isalnum() or each == ".").strip(".")


def spellings(name: str) -> Iterator[tuple[str, str]]:
    """Yield what may be a provider's name, folded, and what follows it, the likeliest first."""
    yield folded(name), ""
    if _PLAN.search(name):
        name = _PLAN.sub("", name)
        yield folded(name), ""
    bracketed = _BRACKETS.fullmatch(name)
    if bracketed is not None:
        yield folded(bracketed[1]), bracketed[2]
    cut = _CUT.search(name)
    head, tail = (name, "") if cut is None else (name[: cut.start()], name[cut.end() :])
    if cut is not None:
        yield folded(head), tail
    numbered = _NUMBERED.fullmatch(head)
    if numbered is not None:
        yield folded(numbered[1]), tail
    parts = head.split(".")
    while len(parts) > 1 and folded(parts[-1]) in _API:
        parts.pop()
        yield folded(".".join(parts)), tail


def routed(name: str) -> tuple[str, str]:
    """Return the first word of a name, folded, and the rest: `huggingface_groq`."""
    first, *rest = _WORD.split(name.strip(), maxsplit=1)
    return folded(first), "".join(rest)


def key_of(text: str) -> str:
    """Return a key of a name that is not known: printable, lower case, short, without secrets.

    What follows a slash, a colon or a question mark is left out.
    """
    plain = unicodedata.normalize("NFKC", text).strip().lower()
    if any(map(_SECRET.match, (plain, *re.split(r"[\s,;|=()]+", plain)))):
        return UNKNOWN
    head = _CUT.split(plain.lstrip("/\\:?#=&;,|"), maxsplit=1)[0]
    kept = "".join(each if each.isalnum() or each in "-_." else " " for each in head)
    key = "-".join(kept.split()).strip("-_.")[:MAX_KEY].rstrip("-_.")
    return UNKNOWN if not key or key in _NOTHING else key
