"""The study for one's own traffic: weekly shares, and a comparison with a known truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streams.origin.values import ORIGINS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Course:
    """How a share went over the weeks: ratios 0-1. `average` is the mean of the weekly shares."""

    first: float
    highest: float
    last: float
    average: float


@dataclass(frozen=True, slots=True)
class WeeklyReport:
    """Shares of tokens by origin over the weeks, and by language over all of them."""

    weeks: int
    tokens: int
    requests: int
    origins: Mapping[str, Course]
    languages: Mapping[str, float]
    by_week: tuple[tuple[int, Mapping[str, float]], ...]


def weekly(origin_history: Mapping[str, Any], language_history: Mapping[str, Any]) -> WeeklyReport:
    """Return the report of two histories (bodies of /api/v1/history) with a step of a week.

    Weeks without tokens are left out. The study's averages are means of weekly shares as well.
    """
    points = [point for point in origin_history["points"] if point["tokens"]]
    by_week = tuple(
        (
            int(point["start"]),
            {
                key: point["cells"].get(key, [0, 0])[0] / point["tokens"]
                for key in (*ORIGINS, *(set(point["cells"]) - set(ORIGINS)))
            },
        )
        for point in points
    )
    origins: dict[str, Course] = {}
    if by_week:
        for key in ORIGINS:
            origins[key] = _course([shares.get(key, 0.0) for _, shares in by_week])
    languages: dict[str, int] = {}
    for point in language_history["points"]:
        for key, counts in point["cells"].items():
            languages[key] = languages.get(key, 0) + counts[0]
    whole = sum(languages.values())
    ranked = sorted(languages.items(), key=lambda item: (-item[1], item[0]))
    return WeeklyReport(
        weeks=len(points),
        tokens=sum(point["tokens"] for point in points),
        requests=sum(point["requests"] for point in points),
        origins=origins,
        languages={key: tokens / whole for key, tokens in ranked if whole},
        by_week=by_week,
    )


def _course(shares: list[float]) -> Course:
    return Course(shares[0], max(shares), shares[-1], sum(shares) / len(shares))


def weekly_json(report: WeeklyReport, *, simulated: bool) -> dict[str, Any]:
    """Return the report as JSON values; shares are ratios 0-1."""
    return {
        "simulated": simulated,
        "weeks": report.weeks,
        "tokens": report.tokens,
        "requests": report.requests,
        "origin": {
            key: {
                "first": course.first,
                "highest": course.highest,
                "last": course.last,
                "average": course.average,
            }
            for key, course in report.origins.items()
        },
        "language": dict(report.languages),
    }


@dataclass(frozen=True, slots=True)
class Difference:
    """A cell in which a worker and the truth differ, in one count."""

    origin: str
    language: str
    what: str
    expected: int
    counted: int


#: The counts of a manifest's cell, and where /api/v1/history has each in a cell's list.
COMPARED = {"tokens": 0, "requests": 1, "prompt_tokens": 2, "completion_tokens": 3}


def expected_cells(manifests: Iterable[Mapping[str, Any]]) -> dict[str, list[int]]:
    """Add up manifests: `origin/language` -> [tokens, requests, prompt, completion tokens].

    Raises KeyError or TypeError for what is no manifest.
    """
    cells: dict[str, list[int]] = {}
    for manifest in manifests:
        for cell in manifest["cells"]:
            sums = cells.setdefault(f"{cell['origin']}/{cell['language']}", [0, 0, 0, 0])
            for what, place in COMPARED.items():
                sums[place] += int(cell[what])
    return cells


def counted_cells(joint_history: Mapping[str, Any]) -> dict[str, list[int]]:
    """Add up the points of a history by `joint`, in the same shape."""
    cells: dict[str, list[int]] = {}
    for point in joint_history["points"]:
        for key, counts in point["cells"].items():
            sums = cells.setdefault(key, [0, 0, 0, 0])
            for place, count in enumerate(counts):
                sums[place] += count
    return cells


def differences(
    expected: Mapping[str, list[int]], counted: Mapping[str, list[int]]
) -> list[Difference]:
    """Return every count in which the two differ, by cell."""
    nothing = [0, 0, 0, 0]
    found = []
    for key in sorted(expected.keys() | counted.keys()):
        origin, _, language = key.partition("/")
        for what, place in COMPARED.items():
            wanted = expected.get(key, nothing)[place]
            got = counted.get(key, nothing)[place]
            if wanted != got:
                found.append(Difference(origin, language, what, wanted, got))
    return found
