"""A real Prometheus that queries of the dashboards are sent to."""

from __future__ import annotations

import json
import math
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from dashboard_files import Query

from streams.demo.broker import free_port

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
        self.process.wait(60)
