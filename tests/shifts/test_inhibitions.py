"""Which alerts silence which."""

from __future__ import annotations

from itertools import combinations, product

from streams.shifts.alert_rules import RULES, UNCLASSIFIED, measures_of, rules_of
from streams.shifts.inhibitions import is_inhibited


def alerts() -> list[dict[str, str]]:
    """Return the labels of every alert that two keys of each dimension may have."""
    found = []
    for dimension in ("origin", "language", "developer", "model"):
        for rule, measure, key in product(rules_of(dimension), measures_of(dimension), "ab"):
            labels = {"alertname": rule.alert, "dimension": dimension, "key": key}
            labels |= {"measure": measure}
            if dimension != "language" and rule.alert != "LLMShareDrift":
                # A model is of a developer, a developer of an origin, all of one name here.
                labels |= {"origin": key}
            if dimension in {"developer", "model"}:
                labels |= {"developer": key}
            if rule.direction is not None:
                labels |= {"direction": rule.direction}
            if rule is not UNCLASSIFIED or measure == "requests":
                found.append(labels)
    assert {each["alertname"] for each in found} == {rule.alert for rule in RULES}
    return found


def test_no_two_alerts_silence_each_other():
    silent = [
        (one, other)
        for one, other in combinations(alerts(), 2)
        if is_inhibited(one, [other]) and is_inhibited(other, [one])
    ]

    assert not silent


def test_of_any_alerts_that_fire_one_is_told():
    # A circle of three would be silent, too: each alert is told, or silenced by one that is.
    each_of = alerts()
    told = [one for one in each_of if not is_inhibited(one, each_of)]
    reached = list(told)
    while True:
        more = [one for one in each_of if one not in reached and is_inhibited(one, reached)]
        if not more:
            break
        reached += more

    assert len(reached) == len(each_of)
