"""What the peers and tokenshare are sent, and what each of their panes must hold."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from generated_events import EVENTS_PER_SECOND, LANGUAGES, MODELS, events

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streams.demo.truth import Simulated


PARTITIONS = 4
LEVELS = (10, 300, 3600)

#: Length and start of a pane, origin and language.
Cell = tuple[int, int, str, str]
Counts = dict[Cell, list[int]]


class WrongCountError(Exception):
    """A part's panes are not what was sent."""


class Naming:
    """Origins of the models and tags of the languages that are sent, by the catalogue."""

    def __init__(self) -> None:
        from streams.classify.language.tags import canonical
        from streams.classify.origin.catalog import Catalog
        from streams.classify.origin.values import ORIGINS

        catalog = Catalog.load()
        self.origins = {model: catalog.classify(model).origin for model in MODELS}
        self.tags = {language: canonical(language) for language in LANGUAGES}
        self._origins = ORIGINS
        self._tags = sorted({"und", *self.tags.values()})

    def write(self, path: Path) -> None:
        """Write the table that the peers look names up in; see Event.java."""
        rows: list[tuple[str, str, int]] = [
            ("origins", "", len(self._origins)),
            ("languages", "", len(self._tags)),
            ("model", "", self._origins.index("unknown")),
            ("language", "", self._tags.index("und")),
        ]
        rows += [("model", name, self._origins.index(each)) for name, each in self.origins.items()]
        rows += [("language", name, self._tags.index(each)) for name, each in self.tags.items()]
        path.write_text("".join(f"{kind}\t{name}\t{number}\n" for kind, name, number in rows))

    def counts(self, rows: list[list[int]]) -> Counts:
        """Return what a peer has counted, over its partitions."""
        counts: Counts = {}
        for seconds, start, cell, *numbers in rows:
            origin, tag = divmod(cell, len(self._tags))
            _add(counts, (seconds, start, self._origins[origin], self._tags[tag]), numbers)
        return counts


class Sent:
    """The events that are sent, with what every pane of them must hold."""

    def __init__(self, naming: Naming, count: int) -> None:
        self._naming = naming
        self._count = count
        self._finest: dict[tuple[int, str, str], list[int]] = {}
        self.bytes = 0

    def events(self) -> Iterator[Simulated]:
        import orjson

        start = time.time() - self._count / EVENTS_PER_SECOND
        finest = self._finest
        for event in events(self._count, start):
            said = orjson.loads(event.value)
            key = int(said["ts"] // LEVELS[0]) * LEVELS[0], said["model"], said["language"]
            counts = finest.get(key)
            if counts is None:
                counts = finest[key] = [0, 0, 0, 0]
            prompt, completion = said["prompt_tokens"], said["completion_tokens"]
            counts[0] += 1
            counts[1] += prompt
            counts[2] += completion
            counts[3] += (prompt + completion) ** 2
            self.bytes += len(event.value)
            yield event

    def counts(self) -> Counts:
        """Return what must be counted."""
        counts: Counts = {}
        for (start, model, language), numbers in self._finest.items():
            origin, tag = self._naming.origins[model], self._naming.tags[language]
            for seconds in LEVELS:
                _add(counts, (seconds, start // seconds * seconds, origin, tag), numbers)
        return counts


def _add(counts: Counts, key: Cell, numbers: Iterable[int]) -> None:
    counts[key] = [a + b for a, b in zip(counts.get(key, (0, 0, 0, 0)), numbers, strict=True)]


def compare(name: str, counted: Counts, sent: Counts) -> None:
    wrong = [key for key in counted.keys() | sent.keys() if counted.get(key) != sent.get(key)]
    if wrong:
        key = min(wrong)
        raise WrongCountError(
            f"{name}: {len(wrong)} of {len(sent)} cells are wrong, the first is {key}: "
            f"{counted.get(key)}, sent were {sent.get(key)}"
        )


async def written(bootstrap: str, group: str) -> Counts:
    """Return what the changelog of a tokenshare group holds, over its partitions."""
    from aiokafka import AIOKafkaConsumer, TopicPartition

    from streams.classify.keys import split_cell
    from streams.state.codec import decode_pane, parse_key

    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    values: dict[str, bytes | None] = {}
    await consumer.start()
    try:
        tps = [TopicPartition(f"{group}-panes-changelog", number) for number in range(PARTITIONS)]
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        for tp, end in (await consumer.end_offsets(tps)).items():
            while await consumer.position(tp) < end:
                for record in (await consumer.getmany(tp, timeout_ms=1000)).get(tp, ()):
                    # One worker has written them, so the last of a key is the one that counts.
                    values[record.key.decode()] = record.value
    finally:
        await consumer.stop()
    counts: Counts = {}
    for key, value in values.items():
        pane = parse_key(key)[1]
        if pane is None or value is None:
            continue
        if pane.level.of_tenants or pane.level.seconds not in LEVELS:
            continue
        for cell, numbers in decode_pane(value).cells.items():
            origin, tag, _ = split_cell(cell)
            _add(counts, (pane.level.seconds, pane.start, origin, tag), numbers)
    return counts
