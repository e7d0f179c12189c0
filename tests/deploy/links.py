"""Puts the addresses of the page and of the runbook into all alerts and dashboards.

`make links` runs it, and then writes the copies. It may be run again, with other addresses.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
#: The addresses that the alerts have now.
PAGE = re.compile(r"(\S+)/#view=shift")
RUNBOOK = re.compile(r"runbook_url: ([^#\s]+)#")
#: What a dashboard has for the runbook before the first time.
PLACEHOLDER = "https://example.com/runbook.md"


def link(deploy: Path, page: str, runbook: str) -> None:
    """Replace the addresses in every file below `deploy`; an empty one stays as it is."""
    alerts = sorted(deploy.glob("prometheus/alerts/*.yml"))
    text = "\n".join(path.read_text() for path in alerts)
    old_page, old_runbook = PAGE.search(text), RUNBOOK.search(text)
    assert old_page is not None
    assert old_runbook is not None
    page, runbook = page.rstrip("/"), runbook.rstrip("#/")
    for path in (*alerts, *sorted(deploy.glob("grafana/dashboards/*.json"))):
        changed = path.read_text()
        if page:
            changed = changed.replace(old_page[1], page)
        if runbook and path in alerts:
            changed = RUNBOOK.sub(lambda _: f"runbook_url: {runbook}#", changed)
        elif runbook:
            changed = changed.replace(PLACEHOLDER, runbook).replace(old_runbook[1], runbook)
        path.write_text(changed)


def main() -> None:
    """Read the arguments, and replace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", default="", help="address of the page, without a path")
    parser.add_argument("--runbook", default="", help="address of the runbook, without #")
    given = parser.parse_args()
    if not given.page and not given.runbook:
        parser.error("give --page or --runbook (make links PAGE=https://… RUNBOOK=https://…)")
    link(DEPLOY, given.page, given.runbook)


if __name__ == "__main__":
    main()
