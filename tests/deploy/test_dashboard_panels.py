"""Panels and variables of the dashboards: units, legends, colours, choices."""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Iterator
from typing import Any

from dashboard_files import DASHBOARDS, ROOT, every_dashboard, panels, variables

from streams.classify.origin.values import ORIGINS
from streams.shifts import alert_rules
from streams.shifts.series import SHIFT_MEASURES
from streams.web.metrics import DEFAULT_MEASURES

STATIC = ROOT / "streams" / "web" / "static"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


@every_dashboard
def test_panels_have_numbers_of_their_own_and_do_not_overlap(name):
    every = DASHBOARDS[name]["panels"]
    cells = [
        (x, y)
        for position in (panel["gridPos"] for panel in every)
        for x in range(position["x"], position["x"] + position["w"])
        for y in range(position["y"], position["y"] + position["h"])
    ]

    assert len({panel["id"] for panel in every}) == len(every)
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) == 23


@every_dashboard
def test_every_panel_says_what_it_shows_and_in_what_unit(name):
    for panel in panels(name):
        assert len(panel["description"].split()) >= 2, panel["title"]
        if panel["type"] in {"timeseries", "stat"}:
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
    described = [each for each in variables(name).values() if each.get("description")]
    assert described == list(variables(name).values())


@every_dashboard
def test_lines_bridge_a_restart_and_no_more_and_legends_are_sorted(name):
    for panel in panels(name):
        if panel["type"] == "timeseries":
            assert panel["fieldConfig"]["defaults"]["custom"]["spanNulls"] == 5 * 60_000
            assert panel["options"]["legend"]["sortBy"] == "Last *"
            assert "lastNotNull" in panel["options"]["legend"]["calcs"]


@every_dashboard
def test_a_headline_and_a_table_are_of_now(name):
    # The last value of a range would stand there for days after the last worker has gone.
    for panel in panels(name):
        if panel["type"] in {"stat", "table"}:
            assert all(target["instant"] and not target["range"] for target in panel["targets"])


@every_dashboard
def test_a_share_begins_at_nothing_and_a_stack_of_them_ends_at_the_whole(name):
    for panel in panels(name):
        defaults = panel["fieldConfig"]["defaults"]
        if defaults.get("unit") == "percentunit" and panel["type"] == "stat":
            assert (defaults["min"], defaults["max"]) == (0, 1)
        stacking = defaults.get("custom", {}).get("stacking")
        if defaults.get("unit") == "percentunit" and stacking:
            assert stacking["mode"] == "normal"
            assert (defaults["min"], defaults["max"]) == (0, 1)


@every_dashboard
def test_the_data_source_is_whichever_was_chosen(name):
    def uids(value: Any) -> Iterator[Any]:
        match value:
            case {"builtIn": 1}:
                return
            case dict():
                if "datasource" in value:
                    yield value["datasource"]
                for each in value.values():
                    yield from uids(each)
            case list():
                for each in value:
                    yield from uids(each)

    assert {json.dumps(each) for each in uids(DASHBOARDS[name])} == {json.dumps(SOURCE)}
    for panel in panels(name):
        assert panel["type"] == "text" or panel["datasource"] == SOURCE
    first, *_ = DASHBOARDS[name]["templating"]["list"]
    assert (first["name"], first["type"], first["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )


@every_dashboard
def test_every_variable_is_used_and_every_one_used_is_there(name):
    text = json.dumps(DASHBOARDS[name])
    used = set(re.findall(r"\$\{?([a-z]\w*)", text))

    assert used == set(variables(name))


def test_choices_are_those_that_the_metrics_have():
    def values(dashboard: str, variable: str) -> list[str]:
        return [each["value"] for each in variables(dashboard)[variable]["options"]]

    assert values("shares", "dimension") == ["origin", "language", "developer"]
    assert values("shift", "dimension") == list(alert_rules.DAY_ZSCORE)
    assert values("shares", "window") == ["5m", "1h", "24h", "7d"]
    assert values("shift", "window") == list(typing.get_args(alert_rules.Window))
    for dashboard in ("shares", "shift"):
        assert values(dashboard, "measure") == list(SHIFT_MEASURES)
    assert set(SHIFT_MEASURES) == set(DEFAULT_MEASURES)
    assert values("money", "window") == values("shares", "window")


def test_origins_have_the_names_and_colours_of_the_page():
    css = (STATIC / "page.css").read_text().partition("@media")[0]
    colours = {key: re.search(rf"--{key}: (#\w+);", css)[1] for key in ORIGINS}
    words = (STATIC / "words.js").read_text()
    names = dict(re.findall(r'\{ key: "([\w-]+)", name: "([^"]+)", short', words))
    shown = [panel for name in DASHBOARDS for panel in panels(name)]
    overrides = [
        override
        for panel in shown
        for override in panel["fieldConfig"]["overrides"]
        if override["matcher"]["options"] in ORIGINS
    ]
    found: dict[str, set[str]] = {}
    for override in overrides:
        key = override["matcher"]["options"]
        for change in override["properties"]:
            if change["id"] == "color":
                found.setdefault(f"{key} colour", set()).add(change["value"]["fixedColor"])
            else:
                assert change["id"] == "displayName"
                found.setdefault(f"{key} name", set()).add(change["value"])

    assert found == {f"{key} colour": {colours[key]} for key in ORIGINS} | {
        f"{key} name": {names[key]} for key in ORIGINS
    }


def test_lines_that_alerts_are_drawn_at_are_those_of_the_alerts():
    def steps(dashboard: str, title: str) -> list[float]:
        (panel,) = [each for each in panels(dashboard) if each["title"] == title]
        return [each["value"] for each in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]

    assert max(steps("shift", "How unusual (z)")[1:]) == min(alert_rules.DAY_ZSCORE.values())
    assert steps("shift", "Days of history") == [None, alert_rules.MIN_HISTORY_DAYS]
    (evidence,) = [each for each in panels("shift") if each["title"] == "Requests behind it"]
    assert evidence["targets"][1]["expr"].endswith(f"+ {alert_rules.EVIDENCE_REQUESTS:.0f}")
