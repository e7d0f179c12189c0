"""Rules and dashboards where they have to be written a second time.

A PrometheusRule holds the rules in itself, and a Helm chart reads no file outside of it; symbolic
links do not help, since Flux leaves them out. `make rules` writes the copies, a test compares them.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy/prometheus"
DASHBOARDS = ROOT / "deploy/grafana/dashboards"
CHART = ROOT / "deploy/helm/tokenshare"
OPERATOR = ROOT / "deploy/kubernetes/prometheus-operator/prometheus-rules.yaml"

#: A file of rules by the name of the PrometheusRule that holds it.
RULES = {
    "tokenshare-recording": PROMETHEUS / "recording.yml",
    "tokenshare-shifts": PROMETHEUS / "alerts/share_shift.yml",
    "tokenshare-policy": PROMETHEUS / "alerts/policy.yml",
    "tokenshare-alerts": PROMETHEUS / "alerts/tokenshare.yml",
}


def expected() -> dict[Path, str]:
    """Return the copies: what has to be in which file."""
    chart = {f"rules/{name}.yml": source for name, source in RULES.items()} | {
        f"dashboards/{source.name}": source for source in sorted(DASHBOARDS.glob("*.json"))
    }
    return {CHART / "files" / name: source.read_text() for name, source in chart.items()} | {
        OPERATOR: _prometheus_rules()
    }


def _prometheus_rules() -> str:
    head = "# Written by `make rules` from deploy/prometheus.\n"
    return head + "---\n".join(_prometheus_rule(name) for name in RULES)


def _prometheus_rule(name: str) -> str:
    """Return the resource of a file of rules, without the comments above its groups."""
    text = RULES[name].read_text()
    groups = text[text.index("\ngroups:\n") + 1 :]
    return f"""apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: {name}
  labels:
    app.kubernetes.io/name: tokenshare
    app.kubernetes.io/component: rules
    app.kubernetes.io/part-of: tokenshare
spec:
{textwrap.indent(groups, "  ")}"""


def main() -> None:
    """Write all copies."""
    for path, text in expected().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
