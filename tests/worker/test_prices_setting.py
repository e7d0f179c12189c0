"""The setting of prices: what it loads, and what it says where the package is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from streams.classify.price import genai
from streams.settings import Settings, SettingsError
from streams.worker import doctor
from streams.worker.prices import prices_of


def of(prices):
    return prices_of(Settings(_env_file=None, prices=prices))


def test_nothing_is_estimated_or_loaded_by_default():
    assert prices_of(Settings(_env_file=None)) is None


def test_a_worker_does_not_import_the_package_before_it_is_asked_for():
    code = "import sys, streams.worker.run; sys.exit('genai_prices' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=300).returncode == 0


def test_the_developers_prices_are_a_choice():
    assert of("genai-prices").developers == {}
    assert of("GENAI-PRICES-developer").developers["OpenAI"] == "openai"


def test_a_missing_package_names_the_setting_and_the_remedy(monkeypatch):
    genai.load.cache_clear()
    monkeypatch.setitem(sys.modules, "genai_prices.data", None)
    with pytest.raises(
        SettingsError, match=r"TOKENSHARE_PRICES=genai-prices .*pip install .*\[prices\]"
    ):
        of("genai-prices")


def test_the_doctor_says_which_prices_there_are_and_what_is_missing(monkeypatch):
    chosen = Settings(_env_file=None, prices="genai-prices")
    assert [each.subject for each in doctor._prices(Settings(_env_file=None))] == []
    assert [(each.subject, each.problem) for each in doctor._prices(chosen)] == [("prices", "")]

    genai.load.cache_clear()
    monkeypatch.setitem(sys.modules, "genai_prices.data", None)
    (finding,) = doctor._prices(chosen)
    assert "pip install" in finding.remedy
