"""All scenarios by name, on which Kafka each runs, and which ones go wrong today."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

import on_brokers
import on_groups
import on_logins
import on_logs
import on_records
import on_spans
from apache_cluster import ApacheCluster
from stage import Stage
from verdict import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path


class Kafka:
    """How the cluster of some scenarios is made; they share it, each with a topic of its own."""

    def __init__(
        self, make: Callable[[], ApacheCluster], settings: Mapping[str, str] | None = None
    ) -> None:
        self.make = make
        self.settings = settings or {}


ONE = Kafka(lambda: ApacheCluster(1, {"log.cleaner.backoff.ms": "500"}))
THREE = Kafka(lambda: ApacheCluster(3))
STRICT = Kafka(lambda: ApacheCluster(1, on_groups.PROPERTIES), on_groups.SETTINGS)
LOGINS = Kafka(on_logins.ScramCluster)
TLS = Kafka(on_logins.TlsCluster)


@dataclass(frozen=True)
class Scenario:
    """A fault: what is done, and on which Kafka. What is right is exact, or reported."""

    play: Callable[[Stage], Verdict]
    kafka: Kafka
    #: Whether `.ci/run` takes it.
    is_short: bool = False

    @property
    def name(self) -> str:
        """Its name on the command line, and that of its topic."""
        return self.play.__name__.replace("_", "-")

    @property
    def does(self) -> str:
        """One line on what is done."""
        return (self.play.__doc__ or "").splitlines()[0]


SCENARIOS = (
    Scenario(on_records.bad_backlog, ONE, is_short=True),
    Scenario(on_records.bad_live, ONE),
    Scenario(on_spans.nested_spans, ONE),
    Scenario(on_spans.answers_of_one_id, ONE),
    Scenario(on_records.future_bound, ONE),
    Scenario(on_logs.recovery_interrupted, ONE),
    Scenario(on_logs.eager_compaction, ONE),
    Scenario(on_logs.changelog_cut_unseen, ONE),
    Scenario(on_logs.changelog_cut, ONE, is_short=True),
    Scenario(on_logs.changelog_cut_orphaned, ONE),
    Scenario(on_logs.changelog_recreated, ONE),
    Scenario(on_logs.source_cut, ONE),
    Scenario(on_logs.source_cut_regrown, ONE, is_short=True),
    Scenario(on_logs.source_recreated, ONE),
    Scenario(on_logs.expired_unread, ONE),
    Scenario(on_groups.session_too_short, STRICT),
    Scenario(on_groups.foreign_member, STRICT),
    Scenario(on_groups.full_group, STRICT),
    Scenario(on_groups.two_deployments, STRICT),
    Scenario(on_groups.two_deployments_of_two, ONE),
    Scenario(on_logins.reauthentication, LOGINS),
    Scenario(on_logins.password_changed, LOGINS),
    Scenario(on_logins.certificate_changed, TLS),
    Scenario(on_brokers.brokers_stopped_in_turn, THREE),
    Scenario(on_brokers.brokers_killed_in_turn, THREE),
    Scenario(on_brokers.two_brokers_down, THREE, is_short=True),
    Scenario(on_brokers.empty_disk, THREE),
    Scenario(on_brokers.frozen_broker, THREE),
    Scenario(on_brokers.moved_leaders, THREE),
)
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}

#: What goes wrong today, by the number of the fault in issue 17. It is run with --all, or by its
#: name; whoever mends a fault takes it out.
KNOWN_WRONG: dict[str, str] = {}


def play_all(scenarios: Iterable[Scenario], directory: Path) -> Iterator[tuple[Scenario, Verdict]]:
    """Play scenarios, those of one Kafka after each other; yield each with its verdict."""
    scenarios = list(scenarios)
    for kafka in dict.fromkeys(each.kafka for each in scenarios):
        with kafka.make() as cluster:
            settings = {**kafka.settings, **getattr(cluster, "settings", {})}
            for scenario in scenarios:
                if scenario.kafka is kafka:
                    yield scenario, _play(scenario, cluster, directory, settings)


def _play(
    scenario: Scenario, cluster: ApacheCluster, directory: Path, settings: Mapping[str, str]
) -> Verdict:
    began = time.monotonic()
    stage = Stage(cluster, scenario.name, directory, settings)
    try:
        found = scenario.play(stage)
    except Exception:  # noqa: BLE001 - a worker that did not start is a verdict as well
        seen = (*stage.notes, *traceback.format_exc().splitlines()[-12:])
        found = Verdict(Outcome.WRONG, seen)
    finally:
        stage.end()
    return Verdict(found.outcome, (*found.seen, f"{time.monotonic() - began:.0f} s"))
