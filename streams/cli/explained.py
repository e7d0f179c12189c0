"""An explanation of a record, as JSON and as lines for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.decode.explanation import Explained, Explanation, Language, LeftOut, Term

#: Why an item has nothing to count.
SKIPPED: Final = {
    "cache_hit": "answered from the gateway's own cache: the tokens were counted the first time",
    "no_usage": "a request without token counts",
    "stream_chunk": "a piece of a streamed response, which its last piece repeats",
    "not_a_request": "not a request to a model",
    "no_llm": "ordinary traffic of a gateway",
    "empty_batch": "a batch without items",
    "duplicate": "the same request as another item",
}
#: Why an item with counts does not count beside others of the record.
NESTED: Final = {
    "not_a_request": "a sum: the requests inside it count",
    "duplicate": "the same request as the one inside it, or the same id",
}
#: Why a number that looks like a count is in none.
LEFT_OUT: Final = {
    "cache_inside_the_prompt": "a cache that is inside the prompt tokens",
    "reasoning_inside_the_completion": "reasoning that is inside the completion tokens",
    "total": "a total",
    "another_name_of_the_same_number": "the same number in another place",
    "not_read": "not read by this reader where the keys above are there",
    "item_skipped": "its item does not count",
    "item_rejected": "its item is rejected",
    "in_no_item": "in no item that counts",
}
#: What decided on a language.
RULES: Final = {
    "script": "by its letters, which only one language has",
    "model": "by the detector eldc, checked by cld2",
    "second": "by the detector cld2",
    "none": "no text was sure enough",
}


def as_json(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as it is printed beside what is read."""
    return {
        "items": [_item(each) for each in explanation.items],
        "left_out": [*map(_left_out, explanation.left_out)],
        "is_whole": explanation.is_whole,
    }


def _item(item: Explained) -> dict[str, Any]:
    found: dict[str, Any] = {
        "item": item.number,
        "reader": item.reader,
        "outcome": item.outcome,
        "why": _why(item),
        "at": item.at,
        "envelopes": [*item.envelopes],
    }
    for name, count in item.counts.items():
        found[name] = {"count": count, "keys": [*map(_term, item.terms[name])]}
    if item.counts:
        found["keys"] = item.keys
        found["language"] = None if item.language is None else _language(item.language)
    found["left_out"] = [*map(_left_out, item.left_out)]
    return found


def _term(term: Term) -> dict[str, Any]:
    return {"key": term.key, "value": term.value, "sign": term.sign}


def _left_out(each: LeftOut) -> dict[str, Any]:
    return {"key": each.key, "value": each.value, "why": LEFT_OUT[each.why]}


def _language(language: Language) -> dict[str, Any]:
    return {
        "from": language.source,
        "keys": language.keys,
        "rule": language.rule,
        "confidence": language.confidence,
    }


def _why(item: Explained) -> str | None:
    if item.outcome != "skipped" or item.why is None:
        return item.why
    return (NESTED if item.is_nested else SKIPPED).get(item.why, item.why)


def lines(name: str, explanation: Explanation) -> Iterator[str]:
    """Yield an explanation in lines for a person."""
    yield f"{name}:"
    for item in explanation.items:
        yield from _lines(item)
    for each in explanation.left_out:
        yield f"  left out: {each.key} = {each.value}: {LEFT_OUT[each.why]}"
    if not explanation.is_whole:
        yield "  the record is too large for each of its values to be tried: some keys are missing"


def _lines(item: Explained) -> Iterator[str]:
    reader = f"read as {item.reader}" if item.reader else "of no known format"
    place = f" at {item.at}" if item.at else ""
    yield f"  item {item.number}: {item.outcome}, {reader}{place}"
    if item.why is not None:
        yield f"    why: {_why(item)}"
    if item.envelopes:
        yield f"    taken off: {', '.join(item.envelopes)}"
    at = item.at
    for name, count in item.counts.items():
        yield f"    {name} {count}: {_sum(item.terms[name], at)}"
    for name, key in item.keys.items():
        yield f"    {name}: {_near(key, at)}"
    if item.language is not None:
        yield f"    language: {_of_language(item.language, at)}"
    for each in item.left_out:
        yield f"    left out: {_near(each.key, at)} = {each.value}: {LEFT_OUT[each.why]}"


def _near(key: str, at: str | None) -> str:
    """Return a key as it is below its item's place, which is printed before it."""
    rest = key.removeprefix(at or "").lstrip(".> ")
    return rest if rest and not rest.startswith("[") else key


def _sum(terms: list[Term], at: str | None) -> str:
    if not terms:
        return "not in the record, so none"
    text = ""
    for each in sorted(terms, key=lambda term: -term.sign):
        mark = "" if not text and each.sign > 0 else "- " if each.sign < 0 else "+ "
        text += f"{' ' if text else ''}{mark}{_near(each.key, at)} ({each.value})"
    return text


def _of_language(language: Language, at: str | None) -> str:
    places = ", ".join(_near(each, at) for each in language.keys)
    if language.source == "declared":
        return f"declared by {places}" if places else "declared"
    if language.source == "none":
        return "neither declared nor detected"
    rule = RULES.get(language.rule or "", f"by {language.rule}")
    if language.rule == "none":
        return f"{language.language}: {rule}"
    return f"{language.language}, detected {rule}{f', in {places}' if places else ''}"
