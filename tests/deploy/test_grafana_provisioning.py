"""What Grafana is provisioned with fits the compose file."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request

import yaml
from dashboard_files import COMPOSE, GRAFANA, ROOT


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
