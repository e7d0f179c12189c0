"""Every metric of a query is one that is exposed, and is taken from one worker."""

from __future__ import annotations

import re
from functools import cache

import yaml
from dashboard_files import DASHBOARDS, ROOT, every_dashboard, put_in, queries, variables

from streams.gateway.bridge import metrics as bridge_metrics
from streams.web import metric_definitions as metrics

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
    # Requests have their own counter, and the dashboards show that of tokens. The names of keys are
    # for alerts: dashboards have them as overrides.
    elsewhere = {"llm_requests_total", "llm_share_key_name_info"}
    assert known_metrics() - shown - elsewhere <= {each for each in known_metrics() if ":" in each}
