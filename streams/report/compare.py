"""Compare a worker's counts with what is known to have been sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Difference:
    """One count of a cell in which a worker and the manifests differ."""

    origin: str
    language: str
    what: str
    expected: int
    counted: int


#: The counts of a manifest's cell, and the index of each in a cell's list of /api/v1/history.
COMPARED = {"tokens": 0, "requests": 1, "prompt_tokens": 2, "completion_tokens": 3}


def expected_cells(manifests: Iterable[Mapping[str, Any]]) -> dict[str, list[int]]:
    """Add up manifests: `origin/language` -> [tokens, requests, prompt, completion tokens].

    Raises KeyError or TypeError for a value that is not a manifest.
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
            for place, count in enumerate(counts[: len(sums)]):
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
