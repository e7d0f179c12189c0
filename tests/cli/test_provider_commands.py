"""`tokenshare classify` and `tokenshare catalog` say who served a request."""

from __future__ import annotations

import json

from test_cli import called


def test_classify_says_who_served():
    done = called(
        *("classify", "--provider", "openai@https://api.deepseek.com/v1", "-"), stdin="vllm\n\n"
    )

    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["served"], each["provider"], each["jurisdiction"]) for each in answers] == [
        ("openai@https://api.deepseek.com/v1", "deepseek", "cn"),
        ("vllm", "self-hosted", "self-hosted"),
        ("", "unknown", "unknown"),
    ]


def test_classify_and_check_know_overrides_of_who_served(tmp_path):
    path = tmp_path / "overrides.toml"
    path.write_text('[providers."ours"]\njurisdiction = "de"\n[providers."x"]\nkey = "openai"\n')
    environment = {"TOKENSHARE_CATALOG_OVERRIDES": str(path)}

    assert json.loads(called("classify", "--provider", "ours", **environment).stdout)[
        "jurisdiction"
    ] == ("de")
    assert "2 overrides: no contradictions" in called("catalog", "check", str(path)).stdout

    path.write_text('[providers."openai"]\njurisdiction = "us"\n')
    done = called("catalog", "check", str(path))
    assert 'providers."openai": the catalogue says the same' in done.stdout
    assert done.returncode == 1


def test_catalog_check_reads_a_catalogue_of_providers(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text('[[provider]]\nkey = "a"\n')
    done = called("catalog", "check", str(path))

    assert done.returncode == 1
    assert "provider 'a': source must be text" in done.stderr


def test_catalog_coverage_measures_providers():
    names = "openai\n# a comment\nacme\nchutes\nopenai\n"
    done = called("catalog", "coverage", "--provider", "-", stdin=names)

    assert "1 of 3 texts have a jurisdiction (33.3%)" in done.stdout
    assert "\nentry (no entry has this name or host: add one, or an override)\n  acme: acme\n" in (
        done.stdout
    )

    done = called("catalog", "coverage", "--provider", "-", "--json", stdin=names)
    assert [json.loads(line)["lacks"] for line in done.stdout.splitlines()] == [
        "entry",
        "jurisdiction",
    ]
