"""Faults befall workers and their Kafka; every count stays exact, or what is not is reported.

    python tests/faults/run.py [--rounds 4] [--brokers 3] [--events 1000000] [--seed N]
    python tests/faults/run.py --scenario NAME | --short | --scenarios [--all] | --list

Rounds are random: workers are killed, stopped, paused, added and robbed of their Kafka at moments
that the seed decides (rounds.py). A line a round; the last line says what was lost and what was
doubled, at the worst worker and level of the worst round. Scenarios are single faults in a fixed
order (scenarios.py); each is exact, reported or WRONG. The exit code is 0 where nothing is wrong.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1] / "kafka"))

from apache import MissingToolError, jars
from apache_cluster import ApacheCluster
from cluster import PARTITIONS, TOPIC, Cluster, build
from rounds import Plan, play
from scenarios import BY_NAME, KNOWN_WRONG, SCENARIOS, Scenario, play_all
from verdict import Outcome

from streams.state.pane import LEVELS

if TYPE_CHECKING:
    from collections.abc import Sequence


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Exact under faults; see the top of this file.")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--events", type=int, default=1_000_000, help="of all rounds together")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="of the rounds")
    parser.add_argument("--beside", metavar="REVISION", help="version of every other worker")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6))
    parser.add_argument("--scenario", nargs="+", choices=BY_NAME, metavar="NAME", default=())
    parser.add_argument("--scenarios", action="store_true", help="each that is right today")
    parser.add_argument("--short", action="store_true", help="those that take less than a minute")
    parser.add_argument("--all", action="store_true", help="also those that are known to be wrong")
    parser.add_argument("--list", action="store_true", help="name the scenarios, and end")
    return parser.parse_args()


def main() -> int:
    asked = arguments()
    if asked.list:
        _list()
        return 0
    # That Kafka is away is no news here.
    logging.disable(logging.CRITICAL)
    try:
        jars()
    except MissingToolError as error:
        print(f"The fault suite runs on Apache Kafka, and {error}.", file=sys.stderr)
        return 1
    chosen = _chosen(asked)
    return _scenarios(chosen) if chosen else _rounds(asked)


def _list() -> None:
    for each in SCENARIOS:
        marks = ["short"] if each.is_short else []
        if each.name in KNOWN_WRONG:
            marks.append(f"known to be wrong: {KNOWN_WRONG[each.name]}")
        print(f"{each.name:24} {each.does}", f"({', '.join(marks)})" if marks else "")


def _chosen(asked: argparse.Namespace) -> list[Scenario]:
    if asked.scenario:
        return [BY_NAME[name] for name in asked.scenario]
    if not (asked.scenarios or asked.short or asked.all):
        return []
    return [
        each
        for each in SCENARIOS
        if (each.is_short or not asked.short) and (asked.all or each.name not in KNOWN_WRONG)
    ]


def _scenarios(chosen: Sequence[Scenario]) -> int:
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="tokenshare-faults-") as directory:
        for scenario, found in play_all(chosen, Path(directory)):
            known = KNOWN_WRONG.get(scenario.name)
            outcomes.append(found.outcome)
            print(f"{scenario.name}{f' (known: {known})' if known else ''}: {found}", flush=True)
    counts = ", ".join(f"{outcomes.count(each)} {each.value}" for each in Outcome)
    print(f"{len(outcomes)} scenarios: {counts}", flush=True)
    return 1 if Outcome.WRONG in outcomes else 0


def _rounds(asked: argparse.Namespace) -> int:
    print(
        f"seed {asked.seed}: {asked.rounds} rounds, {asked.events:,} events, {PARTITIONS} "
        f"partitions, {asked.brokers} brokers; each worker, and a fresh one, compared pane by pane "
        f"at {len(LEVELS)} levels",
        flush=True,
    )
    with (
        tempfile.TemporaryDirectory(prefix="tokenshare-faults-") as directory,
        ApacheCluster(asked.brokers) as kafka,
    ):
        kafka.create(TOPIC, PARTITIONS)
        other = build(asked.beside, Path(directory)) if asked.beside else None
        cluster = Cluster(kafka, Path(directory), other)
        cluster.add()
        cluster.workers[0].wait_ready()
        try:
            worst = play(Plan(asked.rounds, asked.events, asked.seed), cluster)
        finally:
            cluster.end()
    ended = f", {len(cluster.unasked)} workers ended by themselves" if cluster.unasked else ""
    print(
        f"{worst.lost} events lost, {worst.doubled} doubled{ended} (seed {asked.seed})", flush=True
    )
    return 1 if worst or ended else 0


if __name__ == "__main__":
    code = main()
    # A pipe gets what is printed in blocks, and _exit would drop the last one.
    sys.stdout.flush()
    os._exit(code)
