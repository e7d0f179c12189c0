"""What the manual says of the compose file: its lines, its secrets and its figures."""

from __future__ import annotations

import json
import re
import subprocess

from compose_file import FILE, OPERATIONS, ROOT, SERVICES, interpolated


def test_the_lines_of_the_manual_name_services_and_profiles_that_are_there():
    lines = re.findall(r"^(?:\w+=\S+ )?docker compose .+$", OPERATIONS, re.MULTILINE)
    profiles = {profile for each in SERVICES.values() for profile in each.get("profiles", [])}

    assert len(lines) >= 2
    assert set(re.findall(r"--profile (\w+)", "\n".join(lines))) <= profiles
    assert set(re.findall(r"compose exec (\S+)", "\n".join(lines))) <= set(SERVICES)
    given = re.findall(r"^(\w+)=\S+ docker", OPERATIONS, re.MULTILINE)
    assert all(f"${{{name}:-" in FILE.read_text() for name in given)


def test_the_line_of_the_manual_makes_the_secrets_that_are_demanded(tmp_path):
    (line,) = re.findall(r"^\(umask 077; printf .+$", OPERATIONS, re.MULTILINE)
    subprocess.run(["sh", "-c", line], cwd=tmp_path, check=True)
    made = dict(each.split("=", 1) for each in (tmp_path / ".env").read_text().splitlines())

    assert set(made) == set(re.findall(r"\$\{(\w+):\?", FILE.read_text()))
    assert all(len(value) >= 24 for value in made.values())
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    assert interpolated(SERVICES, made)


def test_the_figures_that_sizing_rests_on_are_the_measured_ones():
    section = OPERATIONS.partition("\n## Sizing\n")[2].partition("\n## ")[0]
    figures = json.loads((ROOT / "tests/bench/results/apache.json").read_text())["figures"]
    plain = figures["whole path, 1 partition"]["events_per_cpu_second"]
    litellm = figures["whole path, LiteLLM"]["events_per_cpu_second"]
    language = figures["whole path, LiteLLM, language"]["events_per_cpu_second"]

    assert f"{round(figures['full state']['peak_rss_mb'], -1):.0f} MB with a full state" in section
    assert f"{round(figures['whole path, 28 days']['peak_rss_mb'], -1):.0f} MB at most" in section
    assert f"{plain / 1e6:.1f} million plain events" in section
    assert f"{litellm // 10_000 * 10_000:,} LiteLLM payloads" in section
    assert f"{language // 500 * 500:,} of them" in section
