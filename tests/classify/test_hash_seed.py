"""Each process gives the same answers over the texts of tests/accuracy, whatever its hash seed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ACCURACY = Path(__file__).parents[1] / "accuracy"
SEEDS = range(10)
PROGRAM = """
import json, sys
from streams.classify.language.detect import detect_messages
for line in open(sys.argv[1], encoding="utf-8"):
    print(*detect_messages(json.loads(line)["prompt"]))
"""


@pytest.mark.slow
def test_the_hash_seed_changes_no_answer():
    prompts = ACCURACY / "prompts.jsonl"
    answers = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM, prompts],
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in SEEDS
    }

    assert len(answers) == 1
    assert len(answers.pop().splitlines()) == len(prompts.read_text(encoding="utf-8").splitlines())


def test_the_prompts_are_of_each_kind():
    lines = (ACCURACY / "prompts.jsonl").read_text(encoding="utf-8").splitlines()

    assert {json.loads(line)["kind"] for line in lines} >= {"terms", "titles", "romanised", "code"}
