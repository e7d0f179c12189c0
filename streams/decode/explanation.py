"""Why a record counts what it counts: the reader, the envelopes, and the keys of each count.

Nothing is traced while a worker decodes. A record is decoded again with one value changed at a
time, and what its items count then shows what they were read from. This holds for every reader, as
it is: none has to say what it does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from streams.decode.alike import FACTS, Sources, fits, likeness, seconds_of
from streams.decode.contents import UnreadableError, contents_of, inside, leaves
from streams.decode.decoder import Decoder
from streams.decode.event import (
    Rejected,
    Skipped,
    UsageEvent,
    event_time,
)
from streams.decode.field_names import holds_counts, is_count, is_field_name, words
from streams.decode.formats.raw_usage import whole
from streams.decode.judged import Judged, skip_nested
from streams.decode.places import key_of, owners, region_of, root_of, shown
from streams.decode.trial import (
    COUNTS,
    Budget,
    Effect,
    Outcome,
    Trial,
    effects,
    may_be_count,
    moved,
    parts_of,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from streams.classify.language.detect import Detection
    from streams.decode.contents import Contents, Packed, Place
    from streams.decode.options import Options
    from streams.kafka.record_batch import Headers

#: Bytes that are decoded for one explanation: some seconds.
_MAX_BYTES: Final = 150_000_000
#: Keys of which sums are tried where a count has no slope: no reader uses more.
_MAX_KEYS: Final = 8
#: Texts that decide on a language, and numbers left out, that are named of one item.
_MAX_TEXTS: Final = 3
_MAX_LEFT_OUT: Final = 50
_BLANK: Final = ""


class Term(NamedTuple):
    """A value that a count is the sum of, and its place; taken off where `sign` is -1."""

    key: str
    value: int
    sign: int = 1


class LeftOut(NamedTuple):
    """A number that looks like a count and is in none, and why."""

    key: str
    value: int
    why: str


@dataclass(slots=True)
class Language:
    """What says the language: `declared`, `detected`, or `none`; where, and by which rule."""

    source: str
    language: str | None
    keys: list[str] = field(default_factory=list)
    rule: str | None = None
    confidence: float | None = None


@dataclass(slots=True)
class Explained:
    """An item of a record: what became of it, and what it was read from."""

    number: int
    reader: str | None
    outcome: str
    why: str | None = None
    is_nested: bool = False
    envelopes: tuple[str, ...] = ()
    at: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    terms: dict[str, list[Term]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    language: Language | None = None
    left_out: list[LeftOut] = field(default_factory=list)


@dataclass(slots=True)
class Explanation:
    """All items of a record, and the numbers that lie in none that counts.

    `is_whole` is False where the record is too large for each of its values to be tried.
    """

    items: list[Explained] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    encodings: tuple[str, ...] = ()
    is_whole: bool = True


def explained(value: bytes | None, headers: Headers, options: Options) -> Explanation:
    """Return what a record's items were read from."""
    found = _judged(Decoder(options), value, headers)
    explanation = Explanation(_outcomes(found))
    try:
        contents = contents_of(value, headers, options.max_record_bytes)
        _try(contents, found, headers, options, explanation)
    except (UnreadableError, RecursionError):
        # What no item can be read in has nothing to explain.
        explanation.is_whole = all(each.outcome != "counted" for each in explanation.items)
    return explanation


def _try(
    contents: Contents,
    found: list[Judged],
    headers: Headers,
    options: Options,
    explanation: Explanation,
) -> None:
    """Try the values of a record, and put into the explanation what is found."""
    explanation.encodings = contents.encodings
    budget = Budget(_MAX_BYTES)
    trial = Trial(contents.packed, headers, options, budget)
    # Lines that are no JSON are not in the contents.
    events = [at for at, each in enumerate(found) if isinstance(each.item, UsageEvent)]
    tried = [at for at, each in enumerate(trial.outcomes) if each is not None]
    if len(events) == len(tried):
        numbers = dict(zip(tried, events, strict=True))
        places = _explain_parts(trial, numbers, explanation)
        places |= _explain(trial, numbers, explanation) if numbers else {}
        _place(trial, places, explanation, options)
    explanation.is_whole = not budget.is_spent and len(events) == len(tried)


def _explain_parts(
    trial: Trial, numbers: dict[int, int], explanation: Explanation
) -> dict[int, list[Place]]:
    """Explain the events that have a document of their own, and take them out of `numbers`.

    Return where their counts are.
    """
    parts = parts_of(trial.packed, len(trial.outcomes))
    places: dict[int, list[Place]] = {}
    known: dict[Hashable, Sources] = {}
    for at, number in [*numbers.items()] if len(parts) > 1 else ():
        if trial.budget.is_spent:
            break
        place, item = parts[at], explanation.items[number]
        document, outcome = inside(trial.packed, place), trial.outcomes[at]
        like = likeness(document)
        sources = known.get((item.reader, like))
        if sources is None or outcome is None or not fits(sources, document, outcome):
            part = trial.part(place)
            # An item that is another one without its neighbours is tried among them.
            if part.outcomes != [outcome] or part.detections != [trial.detections[at]]:
                continue
            sources = _sources(part, (0,))[0].below(place)
            if like is not None:
                known[item.reader, like] = sources
        places[number] = _show(trial, at, item, sources.at(place))
        part_or_whole = trial if trial.detections[at] is None else trial.part(place)
        item.language = _language(part_or_whole, at if part_or_whole is trial else 0, item)
        del numbers[at]
    return places


def _judged(decoder: Decoder, value: bytes | None, headers: Headers) -> list[Judged]:
    decoded = decoder.decode(value, headers)
    if value is None or (len(decoded.rejected) == 1 and not decoded.format):
        return [Judged(None, each) for each in decoded.rejected]
    return decoder.items(value, headers)


def _outcomes(found: list[Judged]) -> list[Explained]:
    """Return what became of each item; one that repeats another is skipped as the worker does."""
    counted = list(found)
    skip_nested(counted)
    items = []
    for number, (alone, each) in enumerate(zip(found, counted, strict=True), 1):
        item = each.item
        if isinstance(item, Rejected):
            outcome, why = "rejected", item.detail
        elif isinstance(item, Skipped):
            outcome, why = "skipped", item.reason
        elif item.ts is not None and event_time(item.ts, None) is None:
            outcome, why = "rejected", "the time cannot be read"
        else:
            outcome, why = "counted", None
        is_nested = outcome == "skipped" and isinstance(alone.item, UsageEvent)
        items.append(Explained(number, each.format, outcome, why, is_nested))
    return items


# --- what the values are


def _numbers(trial: Trial) -> list[tuple[Place, Any, int]]:
    """Return the numbers of a record that may be counts, those with the name of one first."""
    found = [
        (place, leaf, number)
        for place, leaf in leaves(trial.packed)
        if (number := may_be_count(leaf)) is not None
    ]
    return sorted(found, key=lambda each: not _looks_like_a_count(trial.packed, each[0]))


def _looks_like_a_count(packed: Packed, place: Place) -> bool:
    return is_count(key_of(packed, place)) or holds_counts(shown(packed, place))


def _explain(
    trial: Trial, events: Mapping[int, int], explanation: Explanation
) -> dict[int, list[Place]]:
    """Explain events, given by their place in the explanation; return where their counts are."""
    places: dict[int, list[Place]] = {}
    for at, sources in _sources(trial, [*events]).items():
        item = explanation.items[events[at]]
        places[events[at]] = _show(trial, at, item, sources)
        item.language = _language(trial, at, item)
    return places


def _sources(trial: Trial, events: Sequence[int]) -> dict[int, Sources]:
    """Return where the counts and the facts of events come from."""
    found = effects(trial, _numbers(trial))
    facts = _facts(trial)
    sources: dict[int, Sources] = {}
    for at in events:
        outcome = trial.outcomes[at]
        if outcome is None:
            continue
        terms = {
            name: tuple(
                (effect.place, sign)
                for effect, sign in _terms(count, found.get((at, name), []), trial)
            )
            for name, count in zip(COUNTS, outcome.counts, strict=True)
            if name != "requests" or count != 1
        }
        sources[at] = Sources(terms, facts.get(at, {}))
    return sources


def _show(trial: Trial, at: int, item: Explained, sources: Sources) -> list[Place]:
    """Name in an item where its counts and facts come from; return the places of its counts."""
    outcome = trial.outcomes[at]
    for name, count in zip(COUNTS, () if outcome is None else outcome.counts, strict=False):
        if name in sources.terms:
            item.counts[name] = count
            item.terms[name] = [
                Term(shown(trial.whole, place), _number_at(trial, place), sign)
                for place, sign in sources.terms[name]
            ]
    item.keys = {name: shown(trial.whole, place) for name, place in sources.facts.items()}
    return [place for terms in sources.terms.values() for place, _ in terms]


def _number_at(trial: Trial, place: Place) -> int:
    return may_be_count(inside(trial.whole, place)) or 0


def _place(
    trial: Trial,
    places: Mapping[int, Sequence[Place]],
    explanation: Explanation,
    options: Options,
) -> None:
    """Name where each item lies, what is around it, and the numbers that are in no count."""
    regions: dict[int, Place] = {}
    owner = owners(places)
    known: dict[tuple[int, Any], str | None] = {}
    for number, own in places.items():
        item = explanation.items[number]
        if own:
            root, around = root_of(trial.whole, own[0], item.reader, options, known)
            item.envelopes = (*explanation.encodings, *around)
            regions[number] = region_of(own, root, owner)
    parts = parts_of(trial.whole, len(explanation.items))
    if all(each[: len(parts[at])] == parts[at] for at, each in regions.items() if parts):
        regions |= dict(enumerate(parts))
    for number, region in regions.items():
        explanation.items[number].at = shown(trial.whole, region) or None
    used = {place for own in places.values() for place in own}
    _leave_out(trial, used, regions, explanation)


def _terms(count: int, effects: Sequence[Effect], trial: Trial) -> list[tuple[Effect, int]]:
    """Return the numbers that add up to a count, each with its sign.

    A count is a sum, a difference or the larger of some numbers, so it is what it follows, each
    number as often as it follows it. Where a number is at an edge, as a total that is just the sum
    of its parts, the count follows several of them in one direction only: then it is the plainest
    sum of those that it depends on, of parts rather than of totals.
    """
    slopes = [(each, each.slope) for each in effects]
    follows = [(each, slope) for each, slope in slopes if slope]
    if None not in (slope for _, slope in slopes) and count == _sum(follows):
        return follows
    if count == 0:
        return [(each, 1) for each in effects if each.value == 0 and each.slope == 1]
    known = [each for each in effects if each.value][:_MAX_KEYS]
    best: list[tuple[Effect, int]] = []
    cost: tuple[int, int, int] | None = None
    for signs in product((0, 1, -1), repeat=len(known)):
        chosen = [(each, sign) for each, sign in zip(known, signs, strict=True) if sign]
        if _sum(chosen) != count:
            continue
        totals = sum("total" in words(key_of(trial.whole, each.place)) for each, _ in chosen)
        price = (totals, signs.count(-1), len(chosen))
        if cost is None or price < cost:
            best, cost = chosen, price
    return best


def _sum(terms: Sequence[tuple[Effect, int]]) -> int:
    return sum(each.value * sign for each, sign in terms)


def _facts(trial: Trial) -> dict[int, dict[str, Place]]:
    """Return the places of models, times, tenants and languages, by event."""
    facts = [fact for each in trial.outcomes if each is not None for fact in each.facts]
    wanted, times = {str(each) for each in facts}, {each for each in facts if type(each) is float}
    seconds = {event_time(each, None) for each in times} - {None}
    found: dict[int, dict[str, Place]] = {}
    for place, leaf in leaves(trial.packed):
        if not _may_be_fact(leaf):
            continue
        if (
            str(leaf) not in wanted
            and _double(leaf) not in times
            and seconds_of(leaf) not in seconds
        ):
            continue
        for at, now in trial.changed(place, _other(leaf)).items():
            was = trial.outcomes[at]
            if was is None or now is None:
                continue
            own = found.setdefault(at, {})
            for name, fact, before in zip(FACTS, now.facts, was.facts, strict=True):
                if fact != before:
                    own.setdefault(name, trial.original(place))
    return found


def _may_be_fact(leaf: Any) -> bool:
    return isinstance(leaf, str | int | float) and not isinstance(leaf, bool) and leaf != ""


def _double(leaf: Any) -> float | None:
    number = whole(leaf)
    return float(number) if type(number) in {int, float} else None  # type: ignore[arg-type]


def _other(leaf: Any) -> Any:
    """Return another value of the same kind: of a time one that differs as a double as well."""
    number = whole(leaf)
    if type(number) is int and (not isinstance(leaf, str) or leaf.isdigit()):
        return moved(leaf, max(1, abs(number) // 10**12))
    return f"{leaf}x" if isinstance(leaf, str) else leaf + 1


def _language(trial: Trial, at: int, item: Explained) -> Language | None:
    """Return what says the language of an event, and take it out of its other keys."""
    key = item.keys.pop("language", None)
    outcome, detection = trial.outcomes[at], trial.detections[at]
    if outcome is None:
        return None
    if detection is None:
        language = outcome.facts[3]
        return Language("none" if language is None else "declared", language, [key] if key else [])
    keys = _deciding(trial, at, outcome, detection)
    return Language(
        "detected", detection.language, keys, detection.method, round(detection.confidence, 3)
    )


def _deciding(trial: Trial, at: int, outcome: Outcome, detection: Detection) -> list[str]:
    """Return the places of the texts without which another language, or another score, is found."""
    from streams.classify.language.detect import detect_messages  # noqa: PLC0415 - as in Trial

    found: list[str] = []
    # Latest first: most often the last text decides.
    for place, leaf in reversed(leaves(trial.packed)) if trial.may_detect() else ():
        if len(found) == _MAX_TEXTS or (isinstance(leaf, str) and not trial.may_detect()):
            break
        # A role or a type says which texts are read, and is none.
        if not isinstance(leaf, str) or detect_messages(leaf).language != detection.language:
            continue
        now = trial.detected(place, _BLANK)[at]
        if now is not None and now.facts == outcome.facts and now.detection != detection:
            found.append(shown(trial.whole, trial.original(place)))
    return found


def _leave_out(
    trial: Trial, used: set[Place], regions: Mapping[int, Place], explanation: Explanation
) -> None:
    """Name the numbers that look like counts and are in none."""
    first: dict[Place, tuple[int, int]] = {}
    for rank, (at, region) in enumerate(regions.items()):
        first.setdefault(region, (rank, at))
    for place, _, number in _numbers(trial):
        name = key_of(trial.whole, place)
        if place in used or not number or not is_field_name(name):
            continue
        if not _looks_like_a_count(trial.whole, place):
            continue
        key = shown(trial.whole, place)
        starts = (place[:length] for length in range(len(place) + 1))
        around = min((first[each] for each in starts if each in first), default=None)
        if around is None:
            explanation.left_out.append(LeftOut(key, number, "in_no_item"))
            continue
        item = explanation.items[around[1]]
        why = _why(name, number, item.counts) if item.counts else f"item_{item.outcome}"
        item.left_out.append(LeftOut(key, number, why))
    for each in (explanation.left_out, *(item.left_out for item in explanation.items)):
        del each[_MAX_LEFT_OUT:]


def _why(name: str, number: int, counts: Mapping[str, int]) -> str:
    """Return why a number is in no count, as far as its name and its value say it."""
    found = words(name)
    prompt, completion = counts["prompt_tokens"], counts["completion_tokens"]
    if not found.isdisjoint(("cache", "cached")) and number <= prompt:
        return "cache_inside_the_prompt"
    if not found.isdisjoint(("reasoning", "thoughts", "thinking")) and number <= completion:
        return "reasoning_inside_the_completion"
    if "total" in found:
        return "total"
    if number in {prompt, completion}:
        return "another_name_of_the_same_number"
    return "not_read"
