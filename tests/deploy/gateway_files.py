"""The configurations of deploy/gateways, each read as its gateway reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from streams.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
GATEWAYS = ROOT / "deploy" / "gateways"
CONFIGURATIONS = sorted(GATEWAYS.glob("*/*.yaml"))
READMES = sorted(GATEWAYS.rglob("README.md"))
#: Folder -> format of its sample, language, and what is skipped beside the one request in it.
SAMPLES = {
    "apisix": ("apisix", None, []),
    "azure-api-management": ("azure_apim", None, []),
    "bifrost": ("bifrost", None, []),
    "envoy-ai-gateway": ("envoy", "fr", []),
    "higress": ("higress", None, []),
    "kong": ("kong", None, []),
    "litellm": ("litellm", "fr", []),
    "one-api": ("one_api", None, []),
    "otel-collector": ("otlp", "fr", ["not_a_request"]),
}
#: Folders of senders by OTLP, of which tests/formats has the samples.
SENDERS = {"opentelemetry-sdks"}
BRIDGE = f"http://127.0.0.1:{Settings.model_fields['bridge_port'].default}"

every_sample = pytest.mark.parametrize("name", sorted(SAMPLES))


class Unambiguous(yaml.SafeLoader):
    """YAML where a key that is there twice is an error, and not the last one."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key is there twice: {keys}"
        return super().construct_mapping(node, deep)


def documents(path):
    return list(yaml.load_all(path.read_text(), Unambiguous))


def configuration(name, file):
    (document,) = documents(GATEWAYS / name / file)
    return document


def sample(name):
    return json.loads((GATEWAYS / name / "sample.json").read_text())


def leaves(value, path=()):
    """Return (path, value) of all that is neither an object nor an array."""
    if isinstance(value, dict):
        return [leaf for key, each in value.items() for leaf in leaves(each, (*path, str(key)))]
    if isinstance(value, list):
        return [leaf for each in value for leaf in leaves(each, path)]
    return [(path, value)]
