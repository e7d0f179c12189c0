"""What the name of a field says: of a model, of a count of tokens, of what holds either."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

#: Longer names say nothing.
MAX_NAME = 128

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_TOKENS = frozenset(("token", "tokens", "tok", "toks"))
_USAGE = _TOKENS | {"usage"}
_SIDES = frozenset(("prompt", "input", "output", "completion"))
_KINDS = _SIDES | frozenset(
    (
        *("total", "usage", "used", "count", "counts", "num", "number", "in", "out", "generated"),
        *("generation", "predicted", "evaluated", "processed", "consumed", "billed", "sent"),
        *("received", "request", "response", "embedding", "embeddings", "candidates"),
    )
)
#: Names of settings, quotas, prices, speeds and secrets: none says what a request used.
_OTHERS = frozenset(
    (
        *("max", "min", "maximum", "minimum", "limit", "limits", "ratelimit", "budget", "quota"),
        *("remaining", "reset", "threshold", "capacity", "allowed", "target", "truncate", "chunk"),
        *("window", "rate", "per", "speed", "throughput", "cost", "costs", "price", "prices"),
        *("pricing", "credit", "credits", "fee", "spend", "saved", "training", "trained"),
        *("issued", "redeemed", "revoked", "minted"),
        *("time", "latency", "duration", "ms", "second", "seconds", "ttl", "age", "lifetime"),
        *("expires", "expiry", "expiration", "refresh", "access", "auth", "csrf", "xsrf", "bearer"),
        *("jwt", "oauth", "id", "ids", "index", "position", "offset", "type", "stop", "special"),
        *("logprob", "logprobs", "vocab", "cpu", "gpu", "memory", "disk", "network", "byte"),
        "bytes",
    )
)
_MODEL_ENDS = frozenset(("model", "name", "id", "version"))
#: A model of a phone, for example.
_OTHER_MODELS = frozenset(("device", "hw", "hardware", "host", "vehicle", "printer"))
#: What some call a model, beside one of the words that say that it is one.
_DEPLOYED = frozenset(("engine", "deployment"))
_OF_LLMS = frozenset(("llm", "ai", "genai", "openai", "gpt"))
#: What holds a conversation: its contents are whatever people write.
_CONVERSATION = frozenset(
    (
        *("messages", "message", "contents", "content", "prompt", "choices", "arguments"),
        *("history", "tools", "functions", "tool_calls", "parts", "documents"),
        # What a caller asks for is written by people as well.
        *("querystring", "query", "query_params", "args"),
    )
)
#: Last words of names of what a model answered, which may hold its usage as well.
_ANSWERS = frozenset(("response", "output", "result", "completion"))
#: Names that may be shown: those of libraries, services and fields. Long numbers are of people.
_SHOWABLE = re.compile(r"[A-Za-z_$@][A-Za-z0-9_$@./:-]{0,63}")
_IDENTIFYING = re.compile(r"[0-9]{5}|[0-9a-fA-F]{12}")
#: In the place of a name that may not be shown, and of all beyond the bound.
OTHER = "other"


class Name(NamedTuple):
    """What a name says. `is_side` is a count only inside of `holds_usage`."""

    is_model: bool = False
    is_model_end: bool = False
    is_count: bool = False
    is_side: bool = False
    holds_model: bool = False
    holds_usage: bool = False
    holds_answer: bool = False
    is_other: bool = False
    is_conversation: bool = False


def may_count(name: str) -> bool:
    """Return whether a name may be that of a count, or hold one."""
    if len(name) > MAX_NAME:
        return False
    says = says_of(name)
    return says.is_count or says.holds_usage or says.holds_answer


def shown(name: str) -> str:
    """Return a name that may be a label, `OTHER` for one that may identify somebody."""
    if _SHOWABLE.fullmatch(name) and not _IDENTIFYING.search(name):
        return name
    return OTHER


@lru_cache(maxsize=8192)
def says_of(name: str) -> Name:
    """Return what a name of at most `MAX_NAME` characters says."""
    words = [word.lower() for word in _WORD.findall(name)]
    if not words:
        return Name()
    found = frozenset(words)
    is_other = not found.isdisjoint(_OTHERS)
    has_tokens = not found.isdisjoint(_TOKENS)
    has_kind = not found.isdisjoint(_KINDS) or found == {"tokens"}
    has_sides = not found.isdisjoint(_SIDES)
    is_count = (has_tokens and has_kind) or (has_sides and "usage" in found)
    last = words[-1]
    return Name(
        is_model=("model" in found and last in _MODEL_ENDS and found.isdisjoint(_OTHER_MODELS))
        or (last in _DEPLOYED and not found.isdisjoint(_OF_LLMS)),
        is_model_end=last in _MODEL_ENDS and len(words) == 1,
        is_count=(is_count and not is_other) or {"prompt", "eval", "count"} == found,
        is_side=found <= _KINDS | _TOKENS and not is_other,
        holds_model=last in {"model", "models"} or found >= {"model", "usage"},
        holds_usage=not found.isdisjoint(_USAGE) and not is_other,
        holds_answer=last in _ANSWERS,
        is_other=is_other and last not in {"id", "ids", "type"},
        is_conversation=name.lower() in _CONVERSATION,
    )
