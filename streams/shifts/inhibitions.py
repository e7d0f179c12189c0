"""Define how alerts on shifts become notifications: groups, times, and which alerts mute which.

Alertmanager reads its own from deploy/alertmanager/alertmanager.yml; a test compares the two.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# How Alertmanager groups alerts into notifications: those of languages, and all others, because one
# launch moves a model, its developer and its origin.
GROUP_WAIT_SECONDS = 120
GROUP_INTERVAL_SECONDS = 30 * 60
REPEAT_INTERVAL_SECONDS = 96 * 3600
#: The dimensions that are notified together, what names the cause first.
GROUPED = ("model", "developer", "origin")


class Inhibition(NamedTuple):
    """Alerts that silence less specific ones: label regular expressions, and labels in common."""

    source: dict[str, str]
    target: dict[str, str]
    equal: tuple[str, ...]


#: Which alerts inhibit which. Shares add up to 1, so a share rises where others fall: alerts on
#: falling shares are silent while one on a rising share fires.
INHIBITIONS = (
    Inhibition(
        {"alertname": "LLMShareStale"},
        {"alertname": "LLMModel.*|LLMShareShift.*|LLMShareDrift|LLMShareUnclassified"},
        ("job", "gateway"),
    ),
    Inhibition(
        {"alertname": "LLMShareUnclassified"},
        {"alertname": "LLMShareShift.*|LLMShareDrift"},
        ("job", "gateway", "dimension"),
    ),
    Inhibition(
        {"alertname": "LLMShareShift.*", "direction": "up"},
        {"alertname": "LLMShareShift.*", "direction": "down"},
        ("job", "gateway", "dimension"),
    ),
    # A drift lasts for weeks, in which shifts of other keys are news.
    Inhibition(
        {"alertname": "LLMShareDrift", "direction": "up"},
        {"alertname": "LLMShareDrift", "direction": "down"},
        ("job", "gateway", "dimension"),
    ),
    # What has been said of a share in one measure need not be said in another as a drift.
    Inhibition(
        {"alertname": "LLMShareShift.*"},
        {"alertname": "LLMShareDrift"},
        ("job", "gateway", "dimension", "key", "direction"),
    ),
    Inhibition(
        {"alertname": "LLMShareShiftHour"},
        {"alertname": "LLMShareShiftDay"},
        ("job", "gateway", "dimension", "key", "measure", "direction"),
    ),
    Inhibition(
        {"alertname": "LLMShareShift.*", "measure": "tokens"},
        {"alertname": "LLMShareShift.*", "measure": "requests|cost"},
        ("job", "gateway", "dimension", "key", "direction"),
    ),
    Inhibition(
        {"alertname": "LLMShareDrift", "measure": "tokens"},
        {"alertname": "LLMShareDrift", "measure": "requests|cost"},
        ("job", "gateway", "dimension", "key", "direction"),
    ),
    # What is new has doubled as well, and what is new or gone is a shift of its developer.
    Inhibition(
        {"alertname": "LLMModelNew"},
        {"alertname": "LLMModelDoubled"},
        ("job", "gateway", "dimension", "key"),
    ),
    Inhibition(
        {"alertname": "LLMModel.*", "dimension": "developer"},
        {"alertname": "LLMShareShiftDeveloper"},
        ("job", "gateway", "developer", "direction"),
    ),
    # A launch moves a model, its developer and its origin: the model says most.
    Inhibition(
        {"alertname": "LLMModel.*", "dimension": "model"},
        {"alertname": "LLMModel.*|LLMShareShiftDeveloper", "dimension": "developer"},
        ("job", "gateway", "developer", "direction"),
    ),
    Inhibition(
        {"alertname": "LLMModel.*|LLMShareShiftDeveloper"},
        {"alertname": "LLMShareShift.*", "dimension": "origin"},
        ("job", "gateway", "origin", "direction"),
    ),
)


def group_of(dimension: str) -> str:
    """Return the group of notifications that the alerts on a dimension are in."""
    return GROUPED[-1] if dimension in GROUPED else dimension


def is_inhibited(target: Mapping[str, str], firing: Iterable[Mapping[str, str]]) -> bool:
    """Return whether one of the firing alerts silences another, all given by their labels.

    As in Alertmanager, a label that both lack is equal, and an alert that matches both the source
    and the target of a rule is not silenced by another such alert.
    """
    for rule in INHIBITIONS:
        if not _matches(rule.target, target):
            continue
        is_source = _matches(rule.source, target)
        for source in firing:
            if (
                _matches(rule.source, source)
                and not (is_source and _matches(rule.target, source))
                and all(source.get(name) == target.get(name) for name in rule.equal)
            ):
                return True
    return False


def _matches(matchers: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return all(re.fullmatch(regex, labels.get(name, "")) for name, regex in matchers.items())
