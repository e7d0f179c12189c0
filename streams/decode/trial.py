"""Decodes a record again with one value changed, to see what its items were read from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from streams.decode.contents import Packed, inside, leaves, put, written
from streams.decode.decoder import Decoder
from streams.decode.event import MAX_ROW_TOKENS, AggregateEvent, UsageEvent
from streams.decode.formats.raw_usage import whole
from streams.decode.places import elements_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.classify.language.detect import Detection
    from streams.decode.contents import Place
    from streams.decode.judged import Judged
    from streams.decode.options import Options
    from streams.kafka.record_batch import Headers

#: The counts of an event; a row that stands for many requests has all three.
COUNTS: Final = ("prompt_tokens", "completion_tokens", "requests")
#: Before the number of a detection, in the place of a language.
_MARK: Final = "\0"
#: What a trial takes, and each value in it, in bytes that are decoded in the same time.
_OF_TRIAL: Final = 1_000
_OF_VALUE: Final = 200


class Outcome(NamedTuple):
    """What an event is: its counts, and its model, time, tenant and declared language."""

    counts: tuple[int, ...]
    facts: tuple[Any, ...]
    detection: Detection | None = None


@dataclass(slots=True)
class Budget:
    """The bytes that may still be decoded for one explanation."""

    left: int

    @property
    def is_spent(self) -> bool:
        """Return whether nothing more is tried."""
        return self.left < 0


class Trial:
    """A record, or the part of it that is one item, of which values can be changed.

    `whole` is all of the record, in which `place` is the part's.
    """

    def __init__(
        self,
        whole: Packed,
        headers: Headers,
        options: Options,
        budget: Budget,
        place: Place = (),
    ) -> None:
        self.whole = whole
        self._place = place
        self.packed, self._reduced = _reduced(whole, place)
        self._options = options
        self._headers = [each for each in headers if each[0].lower() != "content-type"]
        self.budget = budget
        self._cost = _OF_TRIAL + _OF_VALUE * len(leaves(self.packed))
        self._detections: list[Detection] = []
        largest = max(options.max_record_bytes, 2 * len(written(self.packed)))
        self._plain = Decoder(replace(options, detect=None, max_record_bytes=largest))
        self._detecting = Decoder(replace(options, detect=self._detect, max_record_bytes=largest))
        self.detects = options.detect is not None
        self.outcomes = self._outcomes(self._plain)
        self.detections = (
            [each and each.detection for each in self._outcomes(self._detecting)]
            if self.detects
            else [None] * len(self.outcomes)
        )

    def part(self, place: Place) -> Trial:
        """Return the part of the record that is the item at a place."""
        return Trial(self.whole, self._headers, self._options, self.budget, place)

    def original(self, place: Place) -> Place:
        """Return where a value of the part lies in the whole record."""
        return self._place + place[len(self._reduced) :]

    def changed(self, place: Place, value: Any) -> dict[int, Outcome | None]:
        """Return the events that differ when a value is another one; None where one is none."""
        now = self._with(place, value, self._plain)
        if len(now) != len(self.outcomes):
            return {}
        pairs = enumerate(zip(now, self.outcomes, strict=True))
        return {at: each for at, (each, was) in pairs if was is not None and each != was}

    def detected(self, place: Place, value: Any) -> list[Outcome | None]:
        """Return the events with their detections when a value is another one."""
        now = self._with(place, value, self._detecting)
        return now if len(now) == len(self.outcomes) else [None] * len(self.outcomes)

    def may_detect(self) -> bool:
        """Return whether one more text may be detected; that takes as long as a trial."""
        self.budget.left -= _OF_TRIAL
        return not self.budget.is_spent

    def _with(self, place: Place, value: Any, decoder: Decoder) -> list[Outcome | None]:
        if self.budget.is_spent:
            return []
        before = inside(self.packed, place)
        put(self.packed, place, value)
        try:
            return self._outcomes(decoder)
        finally:
            put(self.packed, place, before)

    def _outcomes(self, decoder: Decoder) -> list[Outcome | None]:
        self._detections.clear()
        value = written(self.packed).encode(errors="replace")
        self.budget.left -= len(value) + self._cost
        return [self._outcome(each) for each in decoder.items(value, self._headers)]

    def _detect(self, prompt: object) -> str:
        """Return the number of a detection, in the place of its language."""
        # Its tables and models are loaded only if detection is used.
        from streams.classify.language.detect import detect_messages  # noqa: PLC0415

        self._detections.append(detect_messages(prompt))
        return f"{_MARK}{len(self._detections) - 1}"

    def _outcome(self, judged: Judged) -> Outcome | None:
        item = judged.item
        if not isinstance(item, UsageEvent):
            return None
        requests = item.requests if isinstance(item, AggregateEvent) else 1
        language, detection = item.language, None
        if language is not None and language.startswith(_MARK):
            detection, language = self._detections[int(language[1:])], None
        facts = (item.model, item.ts, item.tenant, language)
        return Outcome((item.prompt_tokens, item.completion_tokens, requests), facts, detection)


def parts_of(packed: Packed, items: int) -> list[Place]:
    """Return the place of each item's own document, nothing where an item has no own one."""
    elements = elements_of(packed)
    return elements if len(elements) == items else []


def _reduced(packed: Packed, place: Place) -> tuple[Packed, Place]:
    """Return a record without the items beside one, and where that one is then."""
    if not place:
        return packed, place
    document = _only(packed.documents[place[1]], place[2:])
    reduced = tuple(0 if isinstance(step, int) else step for step in place)
    return Packed(packed.how, [document]), reduced


def _only(node: Any, place: Place) -> Any:
    if not place:
        return node
    step, *rest = place
    if isinstance(node, list):
        return [_only(node[step], tuple(rest))]
    return {key: _only(each, tuple(rest)) if key == step else each for key, each in node.items()}


class Effect(NamedTuple):
    """What a number does to a count: by how much it rises with the number, and falls with it."""

    place: Place
    value: int
    rises: int | None
    falls: int | None

    @property
    def slope(self) -> int | None:
        """Return 1, 0 or -1 if the count follows the number in both directions."""
        if self.value == 0:
            return self.rises if self.rises in {0, 1} else None
        return self.rises if self.rises == self.falls and self.rises in {-1, 0, 1} else None


def effects(
    trial: Trial, numbers: list[tuple[Place, Any, int]]
) -> dict[tuple[int, str], list[Effect]]:
    """Return the numbers that each count of each event depends on, with their original places."""
    found: dict[tuple[int, str], list[Effect]] = {}
    for place, leaf, number in numbers:
        up = trial.changed(place, moved(leaf, 1))
        down = trial.changed(place, moved(leaf, -1)) if number else {}
        for at in up.keys() | down.keys():
            was = trial.outcomes[at]
            for index, name in enumerate(COUNTS):
                rises = _difference(up, at, index, was)
                falls = _difference(down, at, index, was)
                # What makes it no event at all is no number that is counted.
                if rises or falls:
                    falls = None if falls is None else -falls
                    effect = Effect(trial.original(place), number, rises, falls)
                    found.setdefault((at, name), []).append(effect)
    return found


def _difference(
    changed: Mapping[int, Outcome | None], at: int, index: int, was: Outcome | None
) -> int | None:
    """Return by how much a count differs, None where there is no event any more."""
    if at not in changed:
        return 0
    now = changed[at]
    return None if now is None or was is None else now.counts[index] - was.counts[index]


def may_be_count(leaf: Any) -> int | None:
    """Return a number that may be a count, None for anything else."""
    number = whole(leaf)
    return number if type(number) is int and 0 <= number <= MAX_ROW_TOKENS else None


def moved(leaf: Any, by: int) -> Any:
    """Return a number that is larger by some, written in the same way."""
    if not isinstance(leaf, str):
        return leaf + by
    digits, dot, fraction = leaf.partition(".")
    return f"{int(digits) + by}{dot}{fraction}"
