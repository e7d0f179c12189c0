"""Who hears of an alert: by amtool, and by a real Alertmanager that delivers to the loopback."""

from __future__ import annotations

import http.server
import re
import subprocess
import threading
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest
import yaml
from routing_cases import CASES
from test_alerts import NAMES, ROOT, every_alert, run, tool

from streams.demo.broker import free_port

ALERTMANAGER = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"


def routing() -> dict:
    """Return Alertmanager's configuration."""
    return yaml.safe_load(ALERTMANAGER.read_text())


def webhooks(config: dict) -> list[dict]:
    """Return all webhooks of a configuration."""
    return [each for receiver in config["receivers"] for each in receiver["webhook_configs"]]


def test_alertmanager_takes_its_configuration():
    run(tool("amtool"), "check-config", ALERTMANAGER)


def test_nothing_leaves_the_machine_as_the_configuration_stands_and_no_secret_is_in_it():
    hooks = webhooks(routing())

    assert {receiver["name"] for receiver in routing()["receivers"]} == {
        "on-call",
        "team",
        "shares",
    }
    for hook in hooks:
        assert re.match(r"http://127\.0\.0\.1:\d+/", hook["url"])
        # A file of secrets that is not there would fail each notification of whoever sets a URL.
        assert set(hook) <= {"url", "send_resolved"}


@every_alert
def test_each_alert_reaches_whoever_it_is_for(alert):
    name, severity = alert["alert"], alert["labels"]["severity"]
    receiver = "on-call" if severity == "critical" else "team"
    receiver = "shares" if name.startswith(("LLMShare", "LLMModel")) else receiver
    # A template is filled in by Prometheus, and no route is by what it gives.
    fixed = {label: value for label, value in alert["labels"].items() if "{{" not in value}
    labels = [f"{label}={value}" for label, value in {"alertname": name, **fixed}.items()]

    run(
        *(tool("amtool"), "config", "routes", "test", f"--config.file={ALERTMANAGER}"),
        *(f"--verify.receivers={receiver}", "job=tokenshare", *labels),
    )


def test_an_alert_that_is_not_ours_reaches_the_team():
    run(
        *(tool("amtool"), "config", "routes", "test", f"--config.file={ALERTMANAGER}"),
        *("--verify.receivers=team", "alertname=Watchdog", "severity=none"),
    )


def test_alertmanager_names_no_alert_that_there_is_not():
    config = routing()
    matchers = [
        matcher
        for rule in (*config["route"]["routes"], *config["inhibit_rules"])
        for part in ("matchers", "source_matchers", "target_matchers")
        for matcher in rule.get(part, ())
    ]
    named = re.findall(r'alertname=~?"(.+?)"', "\n".join(matchers))

    assert named
    for pattern in "|".join(named).split("|"):
        assert any(re.fullmatch(pattern, name) for name in NAMES), pattern


# -- inhibition and grouping, by a real Alertmanager


Labels = frozenset[tuple[str, str]]


def labels_of(case: str, alert: dict[str, str]) -> Labels:
    """Return an alert's labels at the gateway of a case."""
    gateway = case.replace(" ", "-").replace(",", "") + alert["gateway"]
    return frozenset({**alert, "job": "tokenshare", "gateway": gateway}.items())


@dataclass
class Delivered:
    """What reached the receivers: each notification as (path, labels of the group, alerts)."""

    notifications: list[tuple[str, dict[str, str], frozenset[Labels]]] = field(default_factory=list)
    logins: set[str] = field(default_factory=set)
    muted: set[Labels] = field(default_factory=set)

    @property
    def alerts(self) -> set[Labels]:
        """All alerts that reached somebody."""
        return set().union(*(alerts for _, _, alerts in self.notifications))


def ask(url: str, body: object = None) -> bytes:
    """Return the answer of a server on the loopback."""
    data = None if body is None else orjson.dumps(body)
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=5) as answer:
        return answer.read()


def quickened(config: dict, receivers: str, token: Path) -> dict:
    """Return the shipped configuration with nothing changed but addresses, login and waits."""
    for hook in webhooks(config):
        hook["url"] = re.sub(r"^http://127\.0\.0\.1:\d+", receivers, hook["url"])
        hook["http_config"] = {"authorization": {"credentials_file": str(token)}}
    for route in (config["route"], *config["route"]["routes"]):
        route.update(group_wait="1s", group_interval="1s")
    return config


@pytest.fixture(scope="module")
def delivered(tmp_path_factory):
    """All cases' alerts through one Alertmanager with the shipped rules, at a gateway each."""
    binary = tool("prometheus-alertmanager", "alertmanager")
    directory = tmp_path_factory.mktemp("alertmanager")
    found = Delivered()

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            said = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
            alerts = frozenset(frozenset(each["labels"].items()) for each in said["alerts"])
            found.logins.add(self.headers["Authorization"])
            found.notifications.append((self.path, said["groupLabels"], alerts))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    token = directory / "token"
    token.write_text("from-a-file")
    config = directory / "alertmanager.yml"
    address = f"http://127.0.0.1:{receiver.server_port}"
    config.write_text(yaml.safe_dump(quickened(routing(), address, token)))
    port = free_port()
    log = directory / "log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [
                binary,
                f"--config.file={config}",
                f"--storage.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            stdout=said,
            stderr=said,
        )
    try:
        api = f"http://127.0.0.1:{port}"
        wait_until(lambda: is_ready(api), log)
        alerts = {
            labels_of(name, alert)
            for name, case in CASES.items()
            for alert in (*case.notify, *case.muted)
        }
        ask(f"{api}/api/v2/alerts", [{"labels": dict(labels)} for labels in alerts])
        wait_until(lambda: settled(api, alerts, found), log)
        # As long again as a group waits: what is muted must not come after all.
        time.sleep(2)
        settled(api, alerts, found)
        yield found
    finally:
        process.terminate()
        process.wait(60)
        receiver.shutdown()
        receiver.server_close()


def is_ready(api: str) -> bool:
    try:
        return bool(ask(f"{api}/-/ready"))
    except OSError:
        return False


def settled(api: str, alerts: set[Labels], found: Delivered) -> bool:
    """Note what is muted; tell whether each alert has been delivered or muted."""
    found.muted = {
        frozenset(each["labels"].items())
        for each in orjson.loads(ask(f"{api}/api/v2/alerts"))
        if each["status"]["inhibitedBy"]
    }
    return alerts <= found.alerts | found.muted


def wait_until(condition, log: Path) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


@pytest.mark.parametrize("name", CASES)
def test_only_the_alert_that_says_most_notifies(name, delivered):
    case = CASES[name]
    gateways = {dict(labels_of(name, alert))["gateway"] for alert in (*case.notify, *case.muted)}

    def here(alerts: set[Labels]) -> set[Labels]:
        return {labels for labels in alerts if dict(labels)["gateway"] in gateways}

    assert here(delivered.alerts) == {labels_of(name, alert) for alert in case.notify}
    assert here(delivered.muted) == {labels_of(name, alert) for alert in case.muted}


def notified(delivered: Delivered, name: str) -> Counter:
    """Return how many notifications a case made, by group (its gateway left out)."""
    gateway = labels_of(name, {"gateway": ""})
    start = dict(gateway)["gateway"]
    return Counter(
        (path, *(value for label, value in sorted(group.items()) if label != "gateway"))
        for path, group, _ in delivered.notifications
        if group.get("gateway", "").startswith(start)
    )


def test_shifts_of_one_gateway_are_one_notification_and_those_of_languages_another(delivered):
    together = "a riser mutes no other riser"
    dimensions = "a riser mutes no faller of another dimension"
    gateways = "a riser mutes no faller of another gateway"
    launch = "a launch of a model mutes its developer and its origin"

    assert notified(delivered, launch) == {("/shares", "tokenshare"): 1}
    assert notified(delivered, together) == {("/shares", "tokenshare"): 1}
    assert notified(delivered, dimensions) == {
        ("/shares", "tokenshare"): 1,
        ("/shares", "language", "tokenshare"): 1,
    }
    assert notified(delivered, gateways) == {("/shares", "tokenshare"): 2}


def test_troubles_of_tokenshare_are_one_notification_an_alert(delivered):
    counted = notified(delivered, "what has another cause notifies")

    assert counted == {
        ("/team", "TokenshareWorkerDown", "tokenshare"): 1,
        ("/team", "TokenshareFollowerStuck", "tokenshare"): 1,
        ("/team", "TokenshareOverridesBroken", "tokenshare"): 1,
        ("/team", "TokenshareNotesBroken", "tokenshare"): 1,
        ("/team", "TokensharePolicyBroken", "tokenshare"): 1,
        ("/team", "TokenshareTenantNamesBroken", "tokenshare"): 1,
        ("/team", "TokensharePartitionOwnedTwice", "tokenshare"): 1,
        ("/team", "TokenshareStateLarge", "tokenshare"): 1,
        ("/on-call", "TokenshareStateLost", "tokenshare"): 1,
        ("/on-call", "TokenshareRecordsLost", "tokenshare"): 1,
        ("/team", "TokenshareUnreadUsage", "tokenshare"): 1,
        ("/on-call", "TokenshareBridgeDown", "tokenshare"): 1,
        ("/team", "TokenshareBridgeRejecting", "tokenshare"): 1,
        ("/shares", "tokenshare"): 1,
    }


def test_the_receivers_are_logged_in_to_by_the_secret_in_the_file(delivered):
    assert delivered.logins == {"Bearer from-a-file"}


def test_each_alert_was_tried_with_others():
    tried = {alert["alertname"] for case in CASES.values() for alert in (*case.notify, *case.muted)}

    assert tried == set(NAMES)
