"""A file of notes is taken up while a worker runs; with a fault in it, the notes before stay."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from processes import wait_until

pytestmark = pytest.mark.kafka

LAUNCH = '[[notes]]\nat = 2026-07-06T09:00:00Z\ntext = "hy3 is free"\n'


def texts(worker):
    return [each["text"] for each in worker.get("/api/v1/notes")["notes"]]


def value(worker, name):
    lines = [line for line in worker.get("/metrics").splitlines() if line.startswith(name)]
    return float(lines[0].rpartition(" ")[2]) if lines else None


def test_the_file_is_read_again_and_a_fault_in_it_keeps_the_notes_before(make_worker, tmp_path):
    path = tmp_path / "notes.toml"
    path.write_text(LAUNCH)
    worker = make_worker(notes=str(path)).start().wait_ready()
    assert texts(worker) == ["hy3 is free"]
    assert value(worker, "tokenshare_note_timestamp_seconds{") == 1_783_328_400

    path.write_text(LAUNCH + '[[notes]]\nat = "soon"\ntext = "a deploy"\n')
    good = "tokenshare_notes_last_reload_successful"
    wait_until(lambda: value(worker, good) == 0, "the fault to be found")
    assert worker.get("/api/v1/notes")["is_current"] is False
    assert texts(worker) == ["hy3 is free"]
    assert worker.tail().count("line 5: note 2: at 'soon' is not a time. Remedy: ") == 1
    assert "the notes read before stay in force" in worker.tail()

    path.write_text(LAUNCH.replace("hy3 is free", "hy3 is not free"))
    wait_until(lambda: texts(worker) == ["hy3 is not free"], "the mended file")
    wait_until(lambda: value(worker, good) == 1, "the mended file to count as good")
    assert worker.get("/api/v1/notes")["is_current"] is True
    assert worker.stop() == 0


def test_a_worker_does_not_start_with_a_fault_in_the_file(make_worker, tmp_path):
    path = tmp_path / "notes.toml"
    path.write_text("[[notes]]\nat = 2026-07-06\n")
    worker = make_worker(notes=str(path))
    environment = os.environ | worker.environment

    def run(command):
        return subprocess.run(
            [sys.executable, "-m", "streams", command],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )

    done, said = run("worker"), run("doctor")

    assert done.returncode == 1
    assert f"{path}: line 1: note 1: says nothing. Remedy: add text." in done.stderr
    assert "note 1: says nothing" in said.stdout
    assert "Add text." in said.stdout
