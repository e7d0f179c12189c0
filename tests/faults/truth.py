"""What has been sent, pane by pane, and how far a worker's answers are from it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from streams.classify.provider.providers import Providers
from streams.state.pane import LEVELS, Level, is_kept, pane_start

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.demo.truth import Simulated


_PROVIDERS = Providers.load()


@dataclass
class PaneTruth:
    """Cells by level, pane and `origin/language`; what a level no longer keeps is not in it.

    A cell is tokens, requests, prompt, completion and uncached tokens, and nano-dollars.
    """

    cells: dict[Level, dict[int, dict[str, list[int]]]] = field(
        default_factory=lambda: {level: {} for level in LEVELS}
    )
    #: Requests by who served them, in all: days are kept longer than any of these events is old.
    providers: Counter[str] = field(default_factory=Counter)
    events: int = 0
    newest: float = 0.0

    def add(self, event: Simulated) -> None:
        """Count one event at every level."""
        self.events += 1
        self.providers[_PROVIDERS.classify(event.provider or "").key] += 1
        self.newest = max(self.newest, event.ts)
        name = f"{event.origin}/{event.language}"
        for level, panes in self.cells.items():
            pane = panes.setdefault(pane_start(level, event.ts), {})
            cell = pane.setdefault(name, [0, 0, 0, 0, 0, 0])
            cell[0] += event.prompt_tokens + event.completion_tokens
            cell[1] += 1
            cell[2] += event.prompt_tokens
            cell[3] += event.completion_tokens
            cell[4] += event.prompt_tokens + event.completion_tokens - (event.cached_tokens or 0)
            cell[5] += event.cost or 0

    def kept(self, level: Level) -> dict[int, dict[str, list[int]]]:
        """Return the panes that a level still keeps, by their start in unix seconds."""
        return {
            start: cells
            for start, cells in self.cells[level].items()
            if is_kept(level, start, self.newest)
        }


@dataclass(frozen=True)
class Gap:
    """How far a worker is from the truth: in events, and in the tokens of equally many events."""

    lost: int = 0
    doubled: int = 0
    wrong_tokens: int = 0
    wrong_nano: int = 0

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.wrong_tokens or self.wrong_nano)

    def __str__(self) -> str:
        return (
            f"{self.lost} lost, {self.doubled} doubled, {self.wrong_tokens} tokens and "
            f"{self.wrong_nano} nano-dollars wrong"
        )

    def worst(self, other: Gap) -> Gap:
        """Return the higher of each figure."""
        return Gap(
            max(self.lost, other.lost),
            max(self.doubled, other.doubled),
            max(self.wrong_tokens, other.wrong_tokens),
            max(self.wrong_nano, other.wrong_nano),
        )


def gap(truth: PaneTruth, level: Level, history: Mapping[str, Any]) -> Gap:
    """Compare a level with the body of /api/v1/history by `joint`, cell by cell of every pane."""
    found = {point["start"]: point["cells"] for point in history["points"]}
    expected = truth.kept(level)
    lost = doubled = tokens = nano = 0
    for start in expected.keys() | found.keys():
        wanted, got = expected.get(start, {}), found.get(start, {})
        for name in wanted.keys() | got.keys():
            ours, theirs = wanted.get(name, [0] * 6), got.get(name, [0] * 6)
            lost += max(0, ours[1] - theirs[1])
            doubled += max(0, theirs[1] - ours[1])
            tokens += sum(abs(ours[place] - (theirs[place] or 0)) for place in (2, 3, 4))
            # The API has dollars, and None where no request has a price.
            nano += abs(ours[5] - round((theirs[5] or 0) * 1e9))
    return Gap(lost, doubled, tokens, nano)


def gap_of_providers(truth: PaneTruth, history: Mapping[str, Any]) -> Gap:
    """Compare the requests by provider with the body of /api/v1/history by `provider` and day."""
    found: Counter[str] = Counter()
    for point in history["points"]:
        for name, cell in point["cells"].items():
            found[name] += cell[1]
    missing, more = truth.providers - found, found - truth.providers
    return Gap(missing.total(), more.total())
