"""Faults of logins: Kafka asks again while a worker runs, and a password is changed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from on_groups import is_refused, joins_later
from scram_cluster import PASSWORD, ScramCluster

if TYPE_CHECKING:
    from stage import Stage
    from verdict import Verdict

STREAM_SECONDS = 20.0
LOGIN = r"(login|password|credential|authenticat|sasl)"


def reauthentication(stage: Stage) -> Verdict:
    """Kafka asks for the login again every few seconds, and a worker is killed meanwhile."""
    stage.ready_workers(2)
    with stage.watching(), stage.sending(rate=1_000):
        time.sleep(STREAM_SECONDS / 2)
        stage.workers[0].kill()
        stage.supervise()
        time.sleep(STREAM_SECONDS / 2)
    return stage.judge()


def password_changed(stage: Stage) -> Verdict:
    """The password is another one for a while, and then the right one again."""
    assert isinstance(stage.kafka, ScramCluster)
    stage.ready_workers(1)
    stage.send(4_000)
    stage.wait_counted()
    worker = stage.workers[0]
    stage.kafka.set_password("another-one")
    if not is_refused(stage, worker, LOGIN, seconds=40.0):
        stage.faults.append("nothing names the login while it is refused")
    stage.kafka.set_password(PASSWORD)
    joins_later(stage, worker)
    stage.send(2_000)
    return stage.judge()
