"""Links of the dashboards: to the page, to the runbook, to each other."""

from __future__ import annotations

import re

from dashboard_files import DASHBOARDS, ROOT, every_dashboard, panels, variables

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
        # The tooltip says where the address of the link is set.
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
