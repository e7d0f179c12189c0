"""The dashboards: they keep to Grafana's schema, and a real Prometheus answers each query."""

from __future__ import annotations

import contextlib
import copy
import enum
import itertools
import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
import types
import typing
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from kafka import KafkaProducer

from streams.classify.origin.values import ORIGINS
from streams.demo.broker import EmbeddedBroker, free_port
from streams.gateway.bridge import metrics as bridge_metrics
from streams.shifts import alert_rules
from streams.web import metric_definitions as metrics

sys.path.insert(0, str(Path(__file__).parents[1] / "kafka"))

from processes import WorkerProcess, wait_until

ROOT = Path(__file__).resolve().parents[2]
GRAFANA = ROOT / "deploy" / "grafana"
STATIC = ROOT / "streams" / "web" / "static"
FILES = sorted((GRAFANA / "dashboards").glob("*.json"))
DASHBOARDS: dict[str, dict[str, Any]] = {
    file.stem.removeprefix("tokenshare-"): json.loads(file.read_text()) for file in FILES
}
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
plugins.register_default_plugins()

every_dashboard = pytest.mark.parametrize("name", sorted(DASHBOARDS))


def panels(name: str) -> list[dict[str, Any]]:
    """Return what is drawn on a dashboard: all but the headings of rows."""
    return [panel for panel in DASHBOARDS[name]["panels"] if panel["type"] != "row"]


def variables(name: str) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in DASHBOARDS[name]["templating"]["list"]}


class Query(NamedTuple):
    """A query as it stands in a file, with where it stands."""

    place: str
    expression: str
    is_instant: bool


def queries(name: str) -> list[Query]:
    """Return every query of a dashboard but those of its variables."""
    found = [
        Query(f"{name}: {panel['title']} ({target['refId']})", target["expr"], target["instant"])
        for panel in panels(name)
        for target in panel.get("targets", [])
    ]
    for annotation in DASHBOARDS[name]["annotations"]["list"]:
        if not annotation.get("builtIn"):
            place = f"{name}: annotation {annotation['name']}"
            found.append(Query(place, annotation["target"]["expr"], is_instant=False))
    return found


# The files.


def test_there_are_three_of_them_with_addresses_that_stay():
    uids = {name: each["uid"] for name, each in DASHBOARDS.items()}

    assert uids == {name: f"tokenshare-{name}" for name in ("shares", "shift", "pipeline")}
    assert [file.stem for file in FILES] == sorted(uids.values())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_is_laid_out_so_that_a_change_shows_as_itself(file):
    read = file.read_text()

    assert read == json.dumps(json.loads(read), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def lost(given: Any, kept: Any, place: str = "") -> Iterator[str]:
    """Yield what of one document another one does not have."""
    match given, kept:
        case dict(), dict():
            for key, value in given.items():
                if key in kept:
                    yield from lost(value, kept[key], f"{place}.{key}")
                else:
                    yield f"{place}.{key}"
        case list(), list() if len(given) == len(kept):
            for number, pair in enumerate(zip(given, kept, strict=True)):
                yield from lost(*pair, f"{place}[{number}]")
        case _:
            if given != kept:
                yield f"{place}: {given!r} is read as {kept!r}"


def written(model: Any) -> Any:
    """Return what one of Grafana's models is as JSON."""
    return json.loads(json.dumps(model, cls=JSONEncoder))


def is_of(value: Any, kind: Any) -> bool:
    """Tell whether a value of Grafana's models has the type that they declare."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any or kind is object:
        return True
    if origin in {typing.Union, types.UnionType}:
        return any(is_of(value, each) for each in arguments)
    if origin is typing.Literal:
        return value in arguments
    if origin is list:
        return isinstance(value, list) and all(is_of(each, arguments[0]) for each in value)
    if origin is dict:
        return isinstance(value, dict) and all(is_of(e, arguments[1]) for e in value.values())
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return value in [each.value for each in kind]
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if isinstance(value, dict) and hasattr(kind, "from_json"):
        # The models leave some parts as they came.
        return not list(lost(value, written(kind.from_json(value))))
    return isinstance(value, kind)


def of_another_type(model: Any, place: str = "") -> Iterator[str]:
    """Yield the values below one of Grafana's models that are not of the type it declares."""
    match model:
        case list():
            for number, each in enumerate(model):
                yield from of_another_type(each, f"{place}[{number}]")
        case dict():
            for key, each in model.items():
                yield from of_another_type(each, f"{place}.{key}")
        case _ if type(model).__module__.startswith("grafana_foundation_sdk.models"):
            if isinstance(model, enum.Enum):
                return
            declared = typing.get_type_hints(type(model))
            for key, value in vars(model).items():
                if not is_of(value, declared[key]):
                    yield f"{place}.{key} = {value!r}"
                yield from of_another_type(value, f"{place}.{key}")


@every_dashboard
def test_a_dashboard_keeps_to_the_schema_of_grafana(name):
    model = Dashboard.from_json(DASHBOARDS[name])

    assert list(lost(DASHBOARDS[name], written(model))) == []
    assert list(of_another_type(model)) == []


def overridden(panel: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a panel with each of its overrides as what all its fields have.

    The schema leaves the value of an override open; this way it is checked like any other.
    """
    for override in panel["fieldConfig"]["overrides"]:
        for change in override["properties"]:
            found = copy.deepcopy(panel)
            defaults = found["fieldConfig"]["defaults"]
            name, is_custom, custom = change["id"].partition("custom.")
            place = defaults.setdefault("custom", {}) if is_custom else defaults
            place[custom if is_custom else name] = change["value"]
            yield found


@every_dashboard
def test_overrides_are_of_options_that_there_are(name):
    found = copy.deepcopy(DASHBOARDS[name])
    found["panels"] = [each for panel in panels(name) for each in overridden(panel)]
    model = Dashboard.from_json(found)

    assert len(found["panels"]) > 5
    assert list(lost(found, written(model))) == []
    assert list(of_another_type(model)) == []


def test_what_the_schema_does_not_know_is_found():
    broken = copy.deepcopy(DASHBOARDS["shares"])
    panel = next(each for each in broken["panels"] if each["type"] == "timeseries")
    panel["options"]["legend"]["sorted"] = True
    panel["options"]["legend"]["placement"] = "below"
    panel["gridPos"]["h"] = "high"
    model = Dashboard.from_json(broken)

    assert [each.rpartition(".")[2] for each in lost(broken, written(model))] == ["sorted"]
    assert [each.rpartition(".")[2] for each in of_another_type(model)] == [
        "h = 'high'",
        "placement = 'below'",
    ]


@every_dashboard
def test_a_dashboard_is_of_the_version_that_compose_runs(name):
    # What the packages of Grafana 13.2 write, and read without a migration.
    assert COMPOSE["services"]["grafana"]["image"].startswith("grafana/grafana:13.")
    assert DASHBOARDS[name]["schemaVersion"] == 42


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
        assert values(dashboard, "measure") == ["tokens", "requests"]


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


# Links.

#: Where a dashboard's links to the page go: to what the dashboard itself is about.
PAGE = dict.fromkeys(DASHBOARDS, "${page}/") | {
    "shift": (
        "${page}/#view=shift&dimension=${dimension}&key=${key:percentencode}"
        "&measure=${measure}&window=${window}"
    )
}


@every_dashboard
def test_links_go_to_the_page_to_the_runbook_and_to_each_other(name):
    links = DASHBOARDS[name]["links"]

    assert [(each["type"], each["url"], each["tags"]) for each in links] == [
        ("dashboards", "", ["tokenshare"]),
        ("link", PAGE[name], []),
        ("link", "${runbook}", []),
    ]
    assert DASHBOARDS[name]["tags"] == ["tokenshare"]
    for link in links[1:]:
        variable = re.match(r"\$\{(\w+)\}", link["url"])[1]
        # Whoever hovers over the link is told where its address is set.
        assert f"`{variable}`" in link["tooltip"]
        assert f"&var-{variable}=" in link["tooltip"]
    assert variables(name)["page"]["query"] == "http://127.0.0.1:6066"


def test_the_shift_that_is_taken_apart_is_the_one_that_an_alert_links_to():
    alerts = (ROOT / "deploy/prometheus/alerts/share_shift.yml").read_text()
    of_alert = set(re.findall(r"6066/(#view=shift&dimension=\{\{ \$labels.*)", alerts))
    of_dashboard = re.sub(r"\$\{(\w+)(:\w+)?\}", r"{{ $labels.\1 }}", PAGE["shift"])

    assert "#" + of_dashboard.partition("#")[2] in {
        each.replace(" | urlquery", "") for each in of_alert
    }
    for panel in panels("shift"):
        for link in panel.get("links", []):
            assert not link["url"].startswith("${page}") or link["url"] == PAGE["shift"]


def test_links_to_the_runbook_lead_to_headings_and_every_alert_has_one():
    headings = re.findall(r"^## (\w+)$", (ROOT / "deploy/runbook.md").read_text(), re.MULTILINE)
    anchors = {
        link["url"].removeprefix("${runbook}#")
        for name in DASHBOARDS
        for panel in panels(name)
        for link in panel.get("links", [])
        if link["url"].startswith("${runbook}")
    }

    assert headings
    assert anchors == {heading.lower() for heading in headings}


def test_the_line_of_the_manual_sets_both_addresses_in_every_dashboard(tmp_path):
    operations = (ROOT / "docs/operations.md").read_text()
    (line,) = re.findall(r"^sed .+ deploy/grafana/dashboards/\*\.json$", operations, re.MULTILINE)
    shutil.copytree(GRAFANA, tmp_path / "deploy" / "grafana")
    subprocess.run(["sh", "-c", line], cwd=tmp_path, check=True)
    addresses = re.findall(r"s\|[^|]+\|([^|]+)\|", line)

    for file in (tmp_path / "deploy/grafana/dashboards").iterdir():
        changed = json.loads(file.read_text())
        found = {each["name"]: each for each in changed["templating"]["list"]}
        for name, address in zip(("page", "runbook"), addresses, strict=True):
            assert found[name]["query"] == found[name]["current"]["value"] == address


# Names of metrics.

#: What Prometheus and the client library add.
OTHERS = {"up", "ALERTS", "process_resident_memory_bytes", "process_cpu_seconds_total"}
#: Words of the language that a name could be taken for.
WORDS = {
    *("by", "without", "on", "ignoring", "group_left", "group_right", "and", "or", "unless"),
    *("bool", "offset"),
}


@cache
def known_metrics() -> set[str]:
    found = set(OTHERS)
    for definition in (*metrics.DEFINITIONS, *bridge_metrics.DEFINITIONS):
        name = metrics.exposed_name(definition)
        found |= {f"{name}_bucket"} if definition.kind == "histogram" else {name}
    for file in (ROOT / "deploy" / "prometheus").rglob("*.yml"):
        groups = yaml.safe_load(file.read_text()).get("groups", [])
        found |= {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}
    return found


def names_in(expression: str) -> set[str]:
    """Return the names of metrics in an expression."""
    text = re.sub(r'"[^"]*"', "", expression)
    text = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", text)
    text = re.sub(r"\b(by|without|on|ignoring|group_left)\s*\([^)]*\)", "", text)
    return set(re.findall(r"(?<![\w:.$])[a-zA-Z_:][\w:]*\b(?!\s*\()", text)) - WORDS


def test_names_are_found_where_they_stand():
    expression = 'sum by (key) (a_b{key="c_d"} * on (e) group_left () f:g:max) / rate(h_total[5m])'

    assert names_in(expression) == {"a_b", "f:g:max", "h_total"}


def put_in(text: str, values: dict[str, str]) -> str:
    """Return a query with its variables replaced; Grafana's own stand for a time in seconds."""
    return re.sub(r"\$\{?(\w+)\}?", lambda match: values[match[1]], text)


@every_dashboard
def test_every_metric_is_one_that_there_is(name):
    dummies = dict.fromkeys(variables(name), "x") | {"__rate_interval": "1m"}
    for measure in ("tokens", "requests"):
        for query in queries(name):
            found = names_in(put_in(query.expression, dummies | {"measure": measure}))
            assert found, query.place
            assert found <= known_metrics(), query.place


#: What every worker says of the whole, and which of them is right: the one that has read furthest.
OF_THE_WHOLE = re.compile(
    r"\b(llm_\w+(?:\$\{measure\})?|tokenshare_(?:records|events|late_events)_total)\{"
)
ONE_OF_THEM = re.compile(r"max without \(instance, pod\) \((?:rate\(|increase\()?$")


@every_dashboard
def test_figures_of_the_whole_are_taken_from_one_worker(name):
    for query in queries(name):
        for match in OF_THE_WHOLE.finditer(query.expression):
            assert ONE_OF_THEM.search(query.expression[: match.start()]), query.place
        # The owner's word on a partition counts, and what a worker lacks is a question of each.
        if not re.search(r"\b(by|on) \([^)]*instance", query.expression):
            for kind, metric in (("min", "consumer_lag_records"), ("max", "position")):
                found = query.expression.count(f"tokenshare_{metric}{{")
                taken = rf"{kind} without \(instance, pod\) \((deriv\()?tokenshare_{metric}\{{"
                assert len(re.findall(taken, query.expression)) == found, query.place


def test_every_metric_is_on_a_dashboard():
    shown = {
        found
        for name in DASHBOARDS
        for query in queries(name)
        for measure in ("tokens", "requests")
        for found in names_in(query.expression.replace("${measure}", measure))
    }
    # Requests have their own counter, and the dashboards show that of tokens.
    assert known_metrics() - shown - {"llm_requests_total"} <= {
        each for each in known_metrics() if ":" in each
    }


# Provisioning.


def test_the_data_source_is_the_prometheus_of_the_compose_file():
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    address = urllib.parse.urlsplit(source["url"])
    published = COMPOSE["services"][address.hostname]["ports"]
    scraped = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())

    assert source["type"] == "prometheus"
    assert source["isDefault"] is True
    assert [each.rpartition(":")[2] for each in published] == [str(address.port)]
    assert source["jsonData"]["timeInterval"] == scraped["global"]["scrape_interval"]


def test_dashboards_are_taken_from_where_compose_mounts_them():
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/tokenshare.yml").read_text())[
        "providers"
    ]
    targets = {each["target"]: each for each in COMPOSE["services"]["grafana"]["volumes"][:2]}
    mounted = targets[provider["options"]["path"]]

    assert ROOT / mounted["source"] == GRAFANA / "dashboards"
    assert ROOT / targets["/etc/grafana/provisioning"]["source"] == GRAFANA / "provisioning"
    assert provider["allowUiUpdates"] is False


# Their queries, asked.

TOPIC = "llm-usage"
EVENTS = 120_000
EVENT = {"model": "qwen/qwen3-32b", "prompt_tokens": 8, "completion_tokens": 2, "language": "zh"}

NOT_KNOWN = {"model": "nobody-knows-it", "prompt_tokens": 8, "completion_tokens": 2}

#: Jobs of one Prometheus: both workers of one gateway, and each as a gateway of its own.
BOTH, TWO = "tokenshare", "two-gateways"

#: Alerts are not expected of the traffic, so rules of the test raise them always.
RULES = {
    "groups": [
        {
            "name": "raised",
            "interval": "1s",
            "rules": [
                {
                    "alert": "LLMShareShiftDay",
                    "expr": "max without (instance, pod) (llm_share_ratio)",
                    "labels": {"direction": "up"},
                },
                {"alert": "TokenshareWorkerNotReady", "expr": "tokenshare_ready >= 0"},
            ],
        }
    ]
}


class Prometheus:
    """A real Prometheus over the given targets, scraped each second."""

    def __init__(self, directory: Path, jobs: dict[str, list[dict[str, Any]]]) -> None:
        (self.one, *_), *_ = (target["targets"] for target in jobs[BOTH])
        self.url = f"http://127.0.0.1:{free_port()}"
        self.log = directory / "prometheus.log"
        configuration = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [
                {"job_name": name, "static_configs": targets} for name, targets in jobs.items()
            ],
        }
        (directory / "rules.yml").write_text(yaml.safe_dump(RULES))
        (directory / "prometheus.yml").write_text(yaml.safe_dump(configuration))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={directory / 'prometheus.yml'}",
                    f"--storage.tsdb.path={directory / 'data'}",
                    f"--web.listen-address={self.url.removeprefix('http://')}",
                ],
                stdout=log,
                stderr=log,
            )

    def ask(self, path: str, **parameters: Any) -> Any:
        """Return the data of an answer; a query that is refused fails the test with the reason."""
        body = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{body}", timeout=20) as answer:
                return json.loads(answer.read())["data"]
        except urllib.error.HTTPError as error:
            pytest.fail(f"{parameters}: {error.read().decode()}")

    def is_up(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            urllib.request.urlopen(f"{self.url}/-/ready", timeout=5).close()
        except OSError:
            return False
        return all(each["health"] == "up" for each in self.ask("targets")["activeTargets"])

    def series(self, query: Query, expression: str, at: float) -> dict[tuple[Any, ...], float]:
        """Return the last value of each series that has one, by its labels."""
        if query.is_instant:
            result = self.ask("query", query=expression, time=at)["result"]
            values = [(each["metric"], [each["value"]]) for each in result]
        else:
            span = {"start": at - 10, "end": at, "step": 1}
            result = self.ask("query_range", query=expression, **span)["result"]
            values = [(each["metric"], each["values"]) for each in result]
        found = {}
        for labels, points in values:
            last = [float(value) for _, value in points if not math.isnan(float(value))]
            if last:
                found[tuple(sorted(labels.items()))] = last[-1]
        return found

    def choices(self, query: str) -> list[str]:
        """Return what a variable's query offers: label_values(SERIES, LABEL), in order."""
        series, label = re.fullmatch(r"label_values\((.+), (\w+)\)", query).group(1, 2)
        return sorted(self.ask(f"label/{label}/values", **{"match[]": series}))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def settings_of(prometheus: Prometheus, name: str, chosen: dict[str, str]) -> dict[str, str]:
    """Return the values of a dashboard's variables as Grafana sets them when it is opened.

    `chosen` overrules some of them. One that offers nothing is empty, as it is in Grafana.
    """
    values = {"__rate_interval": "20s"}
    for variable, each in variables(name).items():
        if variable in chosen:
            values[variable] = chosen[variable]
        elif each["type"] == "query":
            offered = prometheus.choices(put_in(each["query"]["query"], values))
            assert each["definition"] == each["query"]["query"]
            # Nothing has a label `gateway` here but the targets of one job.
            assert offered or variable == "gateway", variable
            if each["includeAll"]:
                # In a string of PromQL a backslash is written twice.
                every = "|".join(
                    re.sub(r"[\\^$*+?.()|\[\]{}]", r"\\\\\g<0>", one) for one in offered
                )
                values[variable] = each.get("allValue") or f"({every})"
            else:
                current = each["current"].get("value")
                values[variable] = current if current in offered else (offered or [""])[0]
        elif each["type"] != "datasource":
            values[variable] = each["current"]["value"]
    return values


def combinations(name: str) -> Iterator[dict[str, str]]:
    """Yield each way to choose the variables of a dashboard that have a fixed set of values."""
    fixed = {
        variable: [option["value"] for option in each["options"]]
        for variable, each in variables(name).items()
        if each["type"] == "custom"
    }
    for values in itertools.product(*fixed.values()):
        yield dict(zip(fixed, values, strict=True))


def post(port: int, *events: Any) -> None:
    body = json.dumps(events).encode()
    with contextlib.suppress(urllib.error.HTTPError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/events", body, timeout=10).close()


def write(bootstrap: str, value: bytes) -> None:
    """Write a record to the source topic, past the bridge."""
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    producer.send(TOPIC, value).get(10)
    producer.close()


def shows_shifts(worker: WorkerProcess) -> bool:
    return "llm_share_shift_zscore{" in worker.get("/metrics")


@contextlib.contextmanager
def workers_and_bridge(
    bootstrap: str, directory: Path
) -> Iterator[tuple[list[WorkerProcess], int]]:
    """Run two workers that have counted 28 days of traffic, and a bridge; yields its port."""
    overrides = directory / "overrides.toml"
    overrides.write_text("")
    port = free_port()
    environment = {
        "TOKENSHARE_BOOTSTRAP_SERVERS": bootstrap,
        "TOKENSHARE_TOPIC": TOPIC,
        "TOKENSHARE_PARTITIONS": "3",
        "TOKENSHARE_REBALANCE_TIMEOUT_SECONDS": "2",
        "TOKENSHARE_CATALOG_OVERRIDES": str(overrides),
        "TOKENSHARE_BRIDGE_PORT": str(port),
    }
    command, environ = [sys.executable, "-m", "streams"], os.environ | environment
    days = ["simulate", "--events", str(EVENTS), "--hours", "690"]
    subprocess.run([*command, *days], env=environ, check=True, capture_output=True)
    workers = [WorkerProcess(environment, directory / f"worker-{n}.log") for n in range(2)]
    with (directory / "bridge.log").open("wb") as log:
        bridge = subprocess.Popen([*command, "bridge"], env=environ, stdout=log, stderr=log)
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.wait_ready()
            worker.wait_counted(EVENTS, 120)
            wait_until(partial(shows_shifts, worker), "shifts")
        yield workers, port
    finally:
        for process in (bridge, *(worker.process for worker in workers)):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()


@pytest.fixture
def prometheus(tmp_path):
    """A Prometheus that scrapes two workers and a bridge, with something of everything to count."""
    if shutil.which("prometheus") is None:
        reason = "prometheus is not installed (Debian: prometheus)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with EmbeddedBroker() as broker, workers_and_bridge(broker.bootstrap, tmp_path) as running:
        workers, port = running
        first, second = (f"127.0.0.1:{worker.port}" for worker in workers)
        server = Prometheus(
            tmp_path,
            {
                BOTH: [{"targets": [first, second]}],
                TWO: [
                    {"targets": [first], "labels": {"gateway": "one"}},
                    {"targets": [second], "labels": {"gateway": "two"}},
                ],
                "tokenshare-bridge": [{"targets": [f"127.0.0.1:{port}"]}],
            },
        )
        try:
            wait_until(server.is_up, "targets of Prometheus")
            # What is rare has to happen, and more than once, to have a rate.
            for _ in range(12):
                post(port, EVENT, NOT_KNOWN, {"model": "a-model-without-tokens"})
                write(broker.bootstrap, b"this is no event")
                time.sleep(1)
            yield server
        finally:
            server.stop()


#: What counts workers, or is of one worker's own partitions: more of them make another figure.
OF_WORKERS = {
    "pipeline: Workers ready (A)",
    "pipeline: Workers ready (B)",
    "pipeline: Owners of each partition (A)",
}


def asks_for_our_own_jobs_when_it_is_opened(prometheus: Prometheus, at: float) -> None:
    """Fail where the pipeline counts what else Prometheus scrapes among its workers."""
    values = settings_of(prometheus, "pipeline", {})
    found = {
        query.place.removeprefix("pipeline: "): prometheus.series(
            query._replace(is_instant=True), put_in(query.expression, values), at
        )
        for query in queries("pipeline")
    }

    assert list(found["Workers ready (B)"].values()) == [4]
    assert list(found["Bridges ready (B)"].values()) == [1]
    assert {dict(each)["job"] for each in found["State of each worker (A)"]} == {BOTH, TWO}


@pytest.mark.kafka
def test_every_query_has_an_answer_and_takes_no_worker_twice(prometheus):
    at = time.time() - 1
    empty, doubled = [], []
    for name in DASHBOARDS:
        for chosen in combinations(name):
            values = settings_of(prometheus, name, {"job": BOTH} | chosen)
            for query in queries(name):
                found = prometheus.series(query, put_in(query.expression, values), at)
                if not found:
                    empty.append((query.place, chosen))
                if query.place in OF_WORKERS or "ALERTS" in query.expression:
                    continue
                if any("instance" in dict(labels) for labels in found):
                    continue
                # The same series of one of the workers, which is all that a matcher more lets in.
                one = put_in(
                    query.expression, values | {"job": f'{BOTH}", instance="{prometheus.one}'}
                )
                alone = prometheus.series(query, one, at)
                # Workers are scraped within a second of each other: enough for a short window to
                # move on, and for a line through few points to tilt.
                is_calm = chosen.get("window", "24h") == "24h" and "deriv(" not in query.expression
                near = not is_calm or all(
                    math.isclose(
                        value,
                        alone.get(labels, math.inf),
                        rel_tol=0.4,
                        abs_tol=2.0 if "Age" in query.place else 0.02,
                    )
                    for labels, value in found.items()
                )
                if found.keys() != alone.keys() or not near:
                    doubled.append((query.place, chosen, found, alone))

    assert empty == []
    assert doubled == []
    asks_for_our_own_jobs_when_it_is_opened(prometheus, at)
    # Two gateways together have shares that add up to the whole, and each of them has.
    title = "Shares by $dimension, last"
    (shares,) = [query for query in queries("shares") if title in query.place]
    # At one moment: over a span, a key that has left a short window still has a last value.
    now = shares._replace(is_instant=True)
    for chosen in combinations("shares"):
        for gateway in (".*", "one", "two"):
            values = settings_of(prometheus, "shares", {"job": TWO, "gateway": gateway} | chosen)
            found = prometheus.series(now, put_in(now.expression, values), at)
            assert sum(found.values()) == pytest.approx(1), (chosen, gateway)
    # With gateways to choose from, a shift is that of the first one until another is chosen.
    assert settings_of(prometheus, "shift", {"job": TWO})["gateway"] == "one"
