"""All of it at once: bridge, Kafka, two workers, Prometheus, Alertmanager and a browser.

Four weeks of traffic come by the bridge and shift on the last day: one notification says so, and
the page shows what moved. The shipped rules and routes are used as they are but for their waiting
times, which are seconds here: `for`, the intervals of evaluation, and Alertmanager's group_wait.
"""

from __future__ import annotations

import http.server
import os
import random
import re
import subprocess
import sys
import threading
import time
import urllib.request

import orjson
import pytest
import yaml
from processes import wait_until
from test_alerts import PROMETHEUS, tool
from test_routing import ALERTMANAGER

from streams.demo.broker import free_port

pytestmark = [pytest.mark.kafka, pytest.mark.any_broker]

#: The address of the page in the shipped rules.
PAGE = "http://127.0.0.1:6066"
DAYS = 28
AN_HOUR = 60
TENANTS = [f"tenant-{number}" for number in range(12)]


def events(now: float):
    """Yield four weeks of a fifth of Chinese open models, which are half of the last day.

    In its last hour and a half they are a fifth again, so that the hour tier has nothing to say.
    """
    draw = random.Random(20261125)
    for number in range(DAYS * 24 * AN_HOUR):
        at = now - DAYS * 86400 + number * 3600 / AN_HOUR
        share = 0.5 if now - 86400 < at < now - 5400 else 0.2
        chinese = draw.random() < share
        yield {
            "ts": at,
            "model": "deepseek-chat" if chinese else "gpt-4o",
            "prompt_tokens": draw.randrange(500, 1500),
            "completion_tokens": draw.randrange(50, 150),
            "language": "en",
            "tenant": draw.choice(TENANTS),
        }


class Webhook:
    """Takes notifications on the loopback."""

    def __init__(self) -> None:
        self.bodies: list[dict] = []
        bodies = self.bodies

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                bodies.append(orjson.loads(self.rfile.read(length)) | {"path": self.path})
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"


@pytest.fixture
def started(tmp_path):
    """Start processes that end with the test."""
    running = []

    def start(
        name: str, *command: str, environment: dict[str, str] | None = None
    ) -> subprocess.Popen:
        with (tmp_path / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, env=os.environ | (environment or {})
            )
        running.append(process)
        return process

    yield start
    for process in running:
        process.terminate()
        process.wait(15)


def quick_rules(directory, ports: dict[str, list[int]], alertmanager_port: int):
    """Write the shipped configuration with waiting times of seconds; return its file."""
    (directory / "alerts").mkdir()
    for path in (PROMETHEUS / "recording.yml", *(PROMETHEUS / "alerts").glob("*.yml")):
        text = re.sub(r"(?m)^( +(?:for|interval)): \S+$", r"\1: 1s", path.read_text())
        text = re.sub(r"(?m)^( +keep_firing_for): \S+$", r"\1: 1m", text)
        (directory / path.relative_to(PROMETHEUS)).write_text(text)
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [
        f"127.0.0.1:{alertmanager_port}"
    ]
    for job in config["scrape_configs"]:
        job.pop("file_sd_configs", None)
        targets = [f"127.0.0.1:{port}" for port in ports[job["job_name"]]]
        job["static_configs"] = [{"targets": targets}]
    path = directory / "prometheus.yml"
    path.write_text(yaml.safe_dump(config))
    return path


def quick_routes(directory, webhook: str):
    """Write the shipped routes with short waits and one webhook; return its file."""
    config = yaml.safe_load(ALERTMANAGER.read_text())
    for route in (config["route"], *config["route"]["routes"]):
        if "group_wait" in route:
            route["group_wait"] = "5s"
        if "group_interval" in route:
            route["group_interval"] = "5s"
    for receiver in config["receivers"]:
        receiver["webhook_configs"] = [{"url": f"http://{webhook}/{receiver['name']}"}]
    path = directory / "alertmanager.yml"
    path.write_text(yaml.safe_dump(config))
    return path


def post(url: str, events: list[dict]) -> int:
    """Post events to the bridge as JSON lines; returns how many it has accepted."""
    body = b"\n".join(map(orjson.dumps, events))
    with urllib.request.urlopen(f"{url}/v1/events", data=body, timeout=60) as answer:
        return orjson.loads(answer.read())["accepted"]


def is_up(url: str) -> bool:
    try:
        return urllib.request.urlopen(url, timeout=2).status == 200
    except OSError:
        return False


def look(link: str) -> tuple[str, str, list[str]]:
    """Open the page of a worker at one shift; returns headline, open shift and complaints."""
    from playwright.sync_api import sync_playwright

    complaints = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=tool("chromium", "chromium-browser"), args=["--no-sandbox"]
        )
        page = browser.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.extend([said.text] * (said.type == "error")))
        page.goto(link)
        page.wait_for_selector("#shift-list details[open]", timeout=90_000)
        if "dimension=model" not in link:
            page.wait_for_selector("#shift-list details[open] .of-movers", timeout=90_000)
        headline = page.inner_text("h1")
        opened = page.inner_text("#shift-list details[open]")
        browser.close()
    return headline, opened, complaints


def start_alerting(tools, started, tmp_path, hook, workers, bridge_port):
    """Start an Alertmanager that posts to the hook, and a Prometheus with the rules."""
    prometheus, alertmanager = tools
    port = free_port()
    (tmp_path / "am").mkdir()
    routes = quick_routes(tmp_path, hook.address)
    started(
        "alertmanager",
        *(alertmanager, f"--config.file={routes}", f"--storage.path={tmp_path / 'am'}"),
        *(f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="),
    )
    ports = {
        "tokenshare": [worker.port for worker in workers],
        "tokenshare-bridge": [bridge_port],
    }
    rules = quick_rules(tmp_path, ports, port)
    started(
        "prometheus",
        *(prometheus, f"--config.file={rules}", f"--storage.tsdb.path={tmp_path / 'data'}"),
        f"--web.listen-address=127.0.0.1:{free_port()}",
    )


def assert_movers_add_up(worker):
    moved = worker.get(
        "/api/v1/shifts/movers?dimension=origin&key=cn-open&measure=tokens&window=24h"
    )
    assert moved["models"]["movers"][0]["name"] == "deepseek-chat"
    for split in ("models", "joint", "tenants"):
        parts = [each["contribution"] for each in moved[split]["movers"]]
        assert sum(parts) + moved[split]["rest"] == moved["shift"]


def test_a_shift_is_one_notification_and_is_on_the_page(bootstrap, make_worker, tmp_path, started):
    tools = tool("prometheus"), tool("prometheus-alertmanager", "alertmanager")
    workers = [make_worker(partitions="2").start().wait_ready() for _ in range(2)]
    bridge_port = free_port()
    started(
        "bridge",
        *(sys.executable, "-m", "streams", "bridge", "--port", str(bridge_port)),
        environment=workers[0].environment,
    )
    bridge = f"http://127.0.0.1:{bridge_port}"
    wait_until(lambda: is_up(f"{bridge}/readyz"), "the bridge")
    traffic = list(events(time.time()))
    accepted = sum(post(bridge, traffic[at : at + 2000]) for at in range(0, len(traffic), 2000))
    assert accepted == len(traffic)
    for worker in workers:
        worker.wait_counted(len(traffic))
        wait_until(
            lambda worker=worker: any(
                row["is_shifted"] for row in worker.get("/api/v1/shifts")["shifts"]
            ),
            "the shift to be told",
            90,
        )

    hook = Webhook()
    start_alerting(tools, started, tmp_path, hook, workers, bridge_port)

    def shifts():
        return [body for body in hook.bodies if body["path"] == "/shares"]

    wait_until(shifts, "a notification", 180)
    time.sleep(12)
    (body,) = shifts()
    (alert,) = body["alerts"]
    # The model that moved it is named first, and its origin is not reported as well.
    labels = {"alertname": "LLMModelDoubled", "key": "deepseek-chat", "origin": "cn-open"}
    assert labels.items() <= alert["labels"].items()
    assert (alert["labels"]["measure"], alert["labels"]["direction"]) == ("tokens", "up")
    assert 'model "deepseek-chat" has doubled' in alert["annotations"]["summary"]

    for worker in workers:
        assert_movers_add_up(worker)

    (link,) = re.findall(r"https?://\S+", alert["annotations"]["description"])
    assert link.startswith(PAGE)
    of_origin = link.replace("dimension=model&key=deepseek-chat", "dimension=origin&key=cn-open")
    for each in (link, of_origin):
        headline, opened, complaints = look(each.replace(PAGE, workers[1].url))
        assert headline.startswith("Chinese open models:")
        assert "tokens, last 24 h" in opened.replace("\xa0", " ")
        assert "deepseek-chat" in opened
        assert complaints == []
