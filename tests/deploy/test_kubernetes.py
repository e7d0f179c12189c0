"""The manifests: valid for Kubernetes, true to each other and to what the programs need."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import cluster_tools
import copies
import kubernetes_validate
import pytest
import yaml_text

from streams import process
from streams.classify.origin import overrides
from streams.cli import COMMANDS
from streams.gateway.bridge import run as bridge
from streams.settings import Settings, SettingsError, load, table
from streams.shifts import notes_file
from streams.web import hosts

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "deploy" / "kubernetes"
FOLDERS = sorted(path.parent for path in HERE.rglob("kustomization.yaml"))
DEFAULTS = {name: default for name, default, _ in table()}
SETTINGS = Settings(_env_file=None)
NEWEST = kubernetes_validate.latest_version()
CHART = yaml_text.loaded((copies.CHART / "Chart.yaml").read_text())
OLDEST = CHART["kubeVersion"][2:].split("-")[0]
every_version = pytest.mark.parametrize("version", [OLDEST, NEWEST])


def kustomization(folder: Path) -> dict[str, Any]:
    return yaml_text.loaded((folder / "kustomization.yaml").read_text())


def documents(folder: Path) -> list[dict[str, Any]]:
    """Return the manifests that a folder lists itself."""
    listed = [folder / name for name in kustomization(folder).get("resources", [])]
    texts = [path.read_text() for path in listed if path.is_file()]
    return [document for text in texts for document in yaml_text.all_loaded(text)]


BASE = documents(HERE / "base")
OPERATOR = documents(HERE / "prometheus-operator")
MONITORS = [each for each in OPERATOR if each["kind"] == "ServiceMonitor"]


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in BASE if each["kind"] == kind}


DEPLOYMENTS = of_kind("Deployment")
SERVICES = of_kind("Service")
every_deployment = pytest.mark.parametrize("name", sorted(DEPLOYMENTS))


def pod(name: str) -> dict[str, Any]:
    return DEPLOYMENTS[name]["spec"]["template"]["spec"]


def container(name: str) -> dict[str, Any]:
    (only,) = pod(name)["containers"]
    return only


def pod_labels(name: str) -> dict[str, str]:
    return DEPLOYMENTS[name]["spec"]["template"]["metadata"]["labels"]


def chosen(labels: dict[str, str]) -> list[str]:
    """Return the deployments whose pods a selector chooses."""
    return [name for name in DEPLOYMENTS if labels.items() <= pod_labels(name).items()]


def literals(folder: Path) -> dict[str, str]:
    """Return the settings that a kustomization puts into the ConfigMap."""
    return dict(
        line.split("=", 1)
        for generator in kustomization(folder).get("configMapGenerator", [])
        for line in generator.get("literals", [])
    )


def seconds(probe: dict[str, Any]) -> int:
    return probe["periodSeconds"] * probe["failureThreshold"]


def test_there_are_a_base_an_example_and_components():
    assert {folder.name: kustomization(folder)["kind"] for folder in FOLDERS} == {
        "base": "Kustomization",
        "example": "Kustomization",
        "prometheus-operator": "Component",
        "tenant-files": "Component",
    }


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_file_is_there_and_listed(folder):
    parsed = kustomization(folder)
    named = [
        *parsed.get("resources", []),
        *parsed.get("components", []),
        *(
            name
            for generator in parsed.get("configMapGenerator", [])
            for name in generator.get("files", [])
        ),
    ]

    assert all((folder / name).exists() for name in named)
    assert {path.name for path in folder.iterdir()} - {"kustomization.yaml"} == {
        name for name in named if not name.startswith("..")
    }


@every_version
@pytest.mark.parametrize(
    "document",
    [*BASE, *documents(HERE / "example")],
    ids=lambda document: f"{document['kind']}-{document['metadata']['name']}",
)
def test_manifests_keep_to_the_schema_of_kubernetes(document, version):
    kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize(
    "file", ["deploy/kubernetes/example/kustomization.yaml", "docs/operations.md"]
)
def test_the_oldest_kubernetes_is_named(file):
    # The schema of 1.29 has preStop.sleep as well, but there it is off by default.
    assert OLDEST == "1.30.0"
    assert "Kubernetes 1.30 or later" in (ROOT / file).read_text()


def test_the_schema_finds_a_misspelt_field():
    broken = json.loads(json.dumps(DEPLOYMENTS["tokenshare-worker"]))
    broken["spec"]["template"]["spec"]["terminationGraceSeconds"] = 30

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, NEWEST, strict=True)


def test_the_base_has_workers_and_a_bridge():
    assert set(DEPLOYMENTS) == {"tokenshare-worker", "tokenshare-bridge"}
    for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy"):
        assert set(of_kind(kind)) == set(DEPLOYMENTS)


@every_deployment
def test_selectors_choose_the_pods_of_their_own_deployment(name):
    spec = DEPLOYMENTS[name]["spec"]
    selectors = [
        spec["selector"]["matchLabels"],
        SERVICES[name]["spec"]["selector"],
        of_kind("PodDisruptionBudget")[name]["spec"]["selector"]["matchLabels"],
        of_kind("NetworkPolicy")[name]["spec"]["podSelector"]["matchLabels"],
        *(each["labelSelector"]["matchLabels"] for each in pod(name)["topologySpreadConstraints"]),
    ]

    assert [chosen(labels) for labels in selectors] == [[name]] * len(selectors)


@every_deployment
def test_ports_are_those_that_the_programs_listen_on(name):
    kind = "BRIDGE" if name.endswith("bridge") else "WEB"
    (port,) = container(name)["ports"]
    (outside,) = SERVICES[name]["spec"]["ports"]
    (ingress,) = of_kind("NetworkPolicy")[name]["spec"]["ingress"]

    assert str(port["containerPort"]) == DEFAULTS[f"TOKENSHARE_{kind}_PORT"]
    assert outside["targetPort"] == port["name"]
    assert outside["port"] == port["containerPort"]
    assert [each["port"] for each in ingress["ports"]] == [port["name"]]


@every_deployment
def test_pods_keep_to_the_restricted_standard(name):
    user, group = re.search(r"^USER (\d+):(\d+)$", dockerfile(), flags=re.MULTILINE).groups()

    assert pod(name)["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": int(user),
        "runAsGroup": int(group),
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container(name)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod(name)["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod(name))


def dockerfile() -> str:
    return (ROOT / "deploy" / "Dockerfile").read_text()


@every_deployment
def test_the_command_is_one_of_ours(name):
    (command,) = container(name)["args"]

    assert command in COMMANDS
    assert 'ENTRYPOINT ["tokenshare"]' in dockerfile()


def test_the_variables_that_kubernetes_sets_for_the_services_would_be_settings(monkeypatch):
    monkeypatch.setenv("TOKENSHARE_BRIDGE_PORT", "tcp://10.0.0.7:6067")

    with pytest.raises(SettingsError, match="TOKENSHARE_BRIDGE_PORT"):
        load()
    assert all(pod(name)["enableServiceLinks"] is False for name in DEPLOYMENTS)


@every_deployment
def test_variables_are_settings_and_secrets_are_references(name):
    variables = {each["name"]: each for each in container(name)["env"]}
    secret = {
        f"TOKENSHARE_{field.upper()}"
        for field, info in Settings.model_fields.items()
        if "SecretStr" in str(info.annotation)
    }

    assert set(variables) <= set(DEFAULTS)
    for variable in secret & set(variables):
        assert variables[variable]["valueFrom"]["secretKeyRef"]["name"] == "tokenshare"
    for folder in FOLDERS:
        assert set(literals(folder)) <= set(DEFAULTS)
        assert not set(literals(folder)) & secret
    assert "TOKENSHARE_TENANT_SALT" in variables


def test_the_bridge_does_not_start_without_a_token():
    variables = {each["name"]: each for each in container("tokenshare-bridge")["env"]}
    reference = variables["TOKENSHARE_BRIDGE_TOKEN"]["valueFrom"]["secretKeyRef"]

    assert reference.get("optional", False) is False


def test_the_page_asks_for_a_token_where_there_is_one():
    variables = {each["name"]: each for each in container("tokenshare-worker")["env"]}
    reference = variables["TOKENSHARE_WEB_TOKEN"]["valueFrom"]["secretKeyRef"]

    assert reference == {"name": "tokenshare", "key": "web-token", "optional": True}


def test_the_page_is_answered_by_the_names_of_its_service():
    namespace = kustomization(HERE / "example")["namespace"]
    listed = hosts.known_names(literals(HERE / "example")["TOKENSHARE_WEB_HOSTS"].split(","))

    for suffix in ("", f".{namespace}", f".{namespace}.svc", f".{namespace}.svc.cluster.local"):
        assert hosts.is_answered(f"tokenshare-worker{suffix}:6066", listed)
    assert set(literals(HERE / "base")["TOKENSHARE_WEB_HOSTS"].split(",")) <= listed


def test_the_settings_of_base_and_example_are_such_that_a_worker_can_run(monkeypatch):
    for name, value in (literals(HERE / "base") | literals(HERE / "example")).items():
        monkeypatch.setenv(name, value)

    assert load().security_protocol == "SASL_SSL"


@every_deployment
def test_probes_ask_for_life_and_readiness(name):
    paths = {
        kind: container(name)[kind]["httpGet"]
        for kind in ("startupProbe", "livenessProbe", "readinessProbe")
    }

    assert paths == {
        "startupProbe": {"path": "/healthz", "port": "http"},
        "livenessProbe": {"path": "/healthz", "port": "http"},
        "readinessProbe": {"path": "/readyz", "port": "http"},
    }


def test_a_worker_may_wait_for_kafka_before_it_listens():
    probe = container("tokenshare-worker")["startupProbe"]

    assert seconds(probe) > 2 * SETTINGS.broker_wait_seconds


@every_deployment
def test_a_hung_process_ends_itself_before_it_is_ended(name):
    assert seconds(container(name)["livenessProbe"]) > process.HUNG_SECONDS


@every_deployment
def test_a_pod_has_the_time_that_it_needs_to_end(name):
    needs = process.STOP_SECONDS
    if name.endswith("bridge"):
        stop = container(name)["lifecycle"]["preStop"]["sleep"]["seconds"]
        needs += bridge.DRAIN_SECONDS + stop

    assert pod(name)["terminationGracePeriodSeconds"] > needs


def test_a_worker_has_the_memory_that_was_measured():
    figures = json.loads((ROOT / "tests/bench/results/apache.json").read_text())["figures"]
    peaks = [
        figure["peak_rss_mb"]
        for figure in figures.values()
        if isinstance(figure, dict) and "peak_rss_mb" in figure
    ]
    resources = container("tokenshare-worker")["resources"]

    assert resources["requests"]["memory"] == "640Mi"
    assert max(peaks) < 640 * 1.048
    assert resources["limits"]["memory"] == "1Gi"


@every_deployment
def test_a_pod_has_the_disk_that_its_log_takes_and_no_limit_of_cpu(name):
    resources = container(name)["resources"]

    # The kubelet keeps five files of 10 MiB unless it is set otherwise.
    assert resources["requests"]["ephemeral-storage"] == "64Mi"
    assert set(resources["limits"]) == {"memory", "ephemeral-storage"}


@every_deployment
def test_one_pod_of_a_kind_is_always_there(name):
    spec = DEPLOYMENTS[name]["spec"]

    assert spec["replicas"] >= 2
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert of_kind("PodDisruptionBudget")[name]["spec"]["maxUnavailable"] == 1


@pytest.mark.parametrize(
    ("setting", "volume_name"),
    [("TOKENSHARE_CATALOG_OVERRIDES", "catalog"), ("TOKENSHARE_NOTES", "notes")],
)
def test_a_file_is_mounted_such_that_a_change_arrives(setting, volume_name):
    name = "tokenshare-worker"
    variables = {each["name"]: each.get("value") for each in container(name)["env"]}
    path = Path(variables[setting])
    (mount,) = [each for each in container(name)["volumeMounts"] if each["name"] == volume_name]
    (volume,) = [each for each in pod(name)["volumes"] if each["name"] == volume_name]
    generators = [
        generator
        for folder in FOLDERS
        for generator in kustomization(folder).get("configMapGenerator", [])
        if generator["name"] == volume["configMap"]["name"]
    ]

    assert Path(mount["mountPath"]) == path.parent
    assert "subPath" not in mount
    assert len(generators) == 2
    for generator in generators:
        assert generator["files"] == [path.name]
        # A name with a hash would be another ConfigMap, and new pods.
        assert generator["options"] == {"disableNameSuffixHash": True}


@pytest.mark.parametrize("folder", ["base", "example"])
def test_overrides_and_notes_can_be_read(folder):
    overrides.read(HERE / folder / "overrides.toml")
    notes_file.read(HERE / folder / "notes.toml")


@every_deployment
def test_a_pod_writes_nowhere_but_to_memory(name):
    writable = [
        each["name"] for each in container(name)["volumeMounts"] if not each.get("readOnly")
    ]
    volumes = {each["name"]: each for each in pod(name)["volumes"]}

    assert writable == ["tmp"]
    assert volumes["tmp"]["emptyDir"]["medium"] == "Memory"


@pytest.mark.parametrize("monitor", MONITORS, ids=lambda monitor: monitor["metadata"]["name"])
def test_service_monitors_find_the_metrics(monitor):
    name, spec = monitor["metadata"]["name"], monitor["spec"]
    (endpoint,) = spec["endpoints"]
    labels = SERVICES[name]["metadata"]["labels"]
    (relabeling,) = endpoint["relabelings"]

    assert (monitor["apiVersion"], monitor["kind"]) == (
        "monitoring.coreos.com/v1",
        "ServiceMonitor",
    )
    assert set(monitor) == {"apiVersion", "kind", "metadata", "spec"}
    assert set(spec) == {"selector", "endpoints"}
    assert set(endpoint) == {"port", "path", "interval", "scrapeTimeout", "relabelings"}
    found = [
        each["metadata"]["name"]
        for each in SERVICES.values()
        if spec["selector"]["matchLabels"].items() <= each["metadata"]["labels"].items()
    ]
    assert found == [name]
    assert endpoint["port"] in [each["name"] for each in SERVICES[name]["spec"]["ports"]]
    assert endpoint["path"] == "/metrics"
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    # As the jobs of deploy/prometheus/prometheus.yml are called.
    job = {"tokenshare-worker": "tokenshare"}.get(name, name)
    assert relabeling == {"targetLabel": "job", "replacement": job}


def test_workers_and_bridge_are_both_scraped():
    assert {each["metadata"]["name"] for each in MONITORS} == set(SERVICES)


def test_the_example_runs_the_version_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (image,) = kustomization(HERE / "example")["images"]

    assert image["newTag"] == project["version"]
    assert {container(name)["image"] for name in DEPLOYMENTS} == {image["name"]}


def test_the_example_enforces_the_restricted_standard():
    (namespace,) = documents(HERE / "example")
    labels = namespace["metadata"]["labels"]

    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert namespace["metadata"]["name"] == kustomization(HERE / "example")["namespace"]


@pytest.mark.parametrize("path", copies.expected(), ids=lambda path: path.name)
def test_rules_and_dashboards_are_the_same_wherever_they_are_written(path):
    assert path.read_text() == copies.expected()[path], "run: make rules"


def test_no_copy_is_left_of_what_is_gone():
    found = {path for path in (copies.CHART / "files").rglob("*") if path.is_file()}

    assert found | {copies.OPERATOR} == set(copies.expected())


def test_every_file_of_rules_is_in_a_prometheus_rule():
    config = yaml_text.loaded((copies.PROMETHEUS / "prometheus.yml").read_text())
    loaded = {path for name in config["rule_files"] for path in copies.PROMETHEUS.glob(name)}
    rules = {each["metadata"]["name"]: each for each in OPERATOR if each not in MONITORS}

    assert set(copies.RULES.values()) == loaded
    assert set(rules) == set(copies.RULES)
    for name, path in copies.RULES.items():
        assert rules[name]["kind"] == "PrometheusRule"
        assert rules[name]["spec"] == yaml_text.loaded(path.read_text())


def test_every_dashboard_is_in_a_config_map_that_grafana_looks_for():
    folder = ROOT / "deploy/grafana"
    parsed = yaml_text.loaded((folder / "kustomization.yaml").read_text())
    listed = {
        generator["name"]: folder / file
        for generator in parsed["configMapGenerator"]
        for file in generator["files"]
    }

    assert listed == {path.stem: path for path in copies.DASHBOARDS.glob("*.json")}
    assert parsed["generatorOptions"]["labels"]["grafana_dashboard"] == "1"
    # A change replaces the dashboard; with another name the old one would stay beside it.
    assert parsed["generatorOptions"]["disableNameSuffixHash"] is True


def test_the_example_has_the_label_that_an_operator_may_ask_for():
    labelled = {
        (each["kind"], each["metadata"]["name"])
        for each in cluster_tools.built(HERE / "example")
        if each["metadata"].get("labels", {}).get("release") == "kube-prometheus-stack"
    }

    assert labelled == {(each["kind"], each["metadata"]["name"]) for each in OPERATOR}


@every_version
@pytest.mark.parametrize("folder", ["base", "example"])
def test_kustomize_builds_what_kubernetes_takes(folder, version):
    built = cluster_tools.built(HERE / folder)
    names = {(each["kind"], each["metadata"]["name"]) for each in built}

    for each in built:
        if each["kind"] not in {"ServiceMonitor", "PrometheusRule"}:
            kubernetes_validate.validate(each, version, strict=True)
        if folder == "example" and each["kind"] != "Namespace":
            assert each["metadata"]["namespace"] == "tokenshare"
        if each["kind"] == "Deployment":
            spec = each["spec"]["template"]["spec"]
            (only,) = spec["containers"]
            settings = only["envFrom"][0]["configMapRef"]["name"]
            assert settings != "tokenshare-settings"
            assert ("ConfigMap", settings) in names
            assert (only["image"] == "tokenshare") is (folder == "base")
    assert ("ConfigMap", "tokenshare-catalog") in names
