"""`make links` sets the addresses of page and runbook everywhere, and again."""

from __future__ import annotations

import re
import shutil

import pytest
from links import DEPLOY, link


@pytest.fixture
def deploy(tmp_path):
    for folder in ("prometheus/alerts", "grafana/dashboards"):
        shutil.copytree(DEPLOY / folder, tmp_path / folder)
    return tmp_path


def texts(deploy, pattern):
    return [path.read_text() for path in sorted(deploy.glob(pattern))]


@pytest.mark.parametrize("times", [1, 2])
def test_both_addresses_are_set_in_every_file(deploy, times):
    for number in range(1, times + 1):
        link(deploy, f"https://page{number}.corp", f"https://wiki.corp/{number}/")

    for text in texts(deploy, "prometheus/alerts/*.yml"):
        of_runbook = re.findall(r"runbook_url: (\S+)#\w+", text)
        assert of_runbook
        assert set(of_runbook) == {f"https://wiki.corp/{times}"}
    everything = "\n".join([*texts(deploy, "prometheus/**/*.yml"), *texts(deploy, "**/*.json")])
    assert f"https://page{times}.corp/#view=shift" in everything
    assert "127.0.0.1:6066" not in everything
    assert "example.com/runbook.md" not in everything
    assert times == 1 or "page1.corp" not in everything


def test_an_address_that_is_not_given_stays(deploy):
    before = texts(deploy, "**/*.json")
    link(deploy, "", "https://wiki.corp/r")

    assert "http://127.0.0.1:6066/#view=shift" in "\n".join(texts(deploy, "**/*.yml"))
    assert texts(deploy, "**/*.json") != before
