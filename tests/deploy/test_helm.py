"""The Helm chart: the objects of the kustomize example, and what its values change."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from typing import TYPE_CHECKING, Any

import cluster_tools
import kubernetes_validate
import pytest
import yaml_text
from cluster_tools import CHART, KUBERNETES, ROOT, objects, run
from compose_file import SERVICES

from streams.settings import Settings, load, table

if TYPE_CHECKING:
    from pathlib import Path

META = yaml_text.loaded((CHART / "Chart.yaml").read_text())
VALUES = yaml_text.loaded((CHART / "values.yaml").read_text())
EXAMPLE = CHART / "ci/example-values.yaml"
OLDEST = re.search(r"(\d+\.\d+)\.0", META["kubeVersion"])[1]
NEWEST = kubernetes_validate.latest_version()
KAFKA = "kafka.bootstrapServers=kafka:9092"
OF_THE_OPERATOR = {"ServiceMonitor", "PrometheusRule"}
#: What Helm adds, to distinguish releases.
OF_HELM = {
    "app.kubernetes.io/instance",
    "app.kubernetes.io/version",
    "app.kubernetes.io/managed-by",
    "helm.sh/chart",
}
EVERYTHING = """
image: {repository: registry.example:5000/llm/tokenshare, digest: "sha256:%s", pullPolicy: Always}
imagePullSecrets: [registry]
kafka:
  bootstrapServers: "a:9093,b:9093"
  securityProtocol: SASL_SSL
  sasl: {mechanism: SCRAM-SHA-512, username: counter}
  tls: {secretName: kafka-tls, cert: tls.crt, key: tls.key}
tenantFiles: {secretName: of-tenants, policy: groups.toml}
secret: {name: elsewhere, keys: {saslPassword: password}}
settings: {TOKENSHARE_DEDUPE_RECORDS: 1000, TOKENSHARE_DETECT_LANGUAGE: false}
secretSettings: {TOKENSHARE_BRIDGE_HOSTS: hosts}
worker:
  replicas: 3
  hosts: [shares.example.com]
  podAnnotations: {a: b}
  nodeSelector: {disk: none}
  tolerations: [{key: x, operator: Exists}]
  affinity: {nodeAffinity: {}}
  priorityClassName: high
serviceMonitor: {enabled: true, labels: {release: stack}, gateway: eu}
prometheusRule: {enabled: true}
dashboards: {enabled: true, annotations: {folder: llm}}
links: {page: "https://shares.example.com", runbook: "https://wiki.example.com/r"}
networkPolicy: {kafka: {to: [{ipBlock: {cidr: 192.0.2.0/24}}], port: 9093, endPort: null}}
""" % ("0" * 64)


def template(*arguments: str, release: str = "tokenshare") -> list[dict[str, Any]]:
    """Return the objects of a release in the namespace of the example."""
    return objects(
        run(
            *("helm", "template", release, str(CHART), "--namespace", "tokenshare"),
            *("--kube-version", f"{OLDEST}.0", *arguments),
        )
    )


def by_name(found: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    named = {(each["kind"], each["metadata"]["name"]): each for each in found}
    assert len(named) == len(found)
    return named


def deployment(found: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return by_name(found)["Deployment", name]["spec"]["template"]["spec"]


def plain(value: Any) -> Any:
    """Return an object without what only one of the two ways adds, and lists of names sorted."""
    match value:
        case dict():
            kept = {
                key: plain(each)
                for key, each in value.items()
                if key not in OF_HELM and key != "checksum/settings"
            }
            # The default of Kubernetes for an image with a tag.
            if kept.get("imagePullPolicy") == "IfNotPresent":
                del kept["imagePullPolicy"]
            return {key: each for key, each in kept.items() if key != "annotations" or each}
        case list():
            return sorted((plain(each) for each in value), key=named)
        case str():
            # kustomize puts a hash into the name.
            return re.sub(r"^(tokenshare-settings)-[a-z0-9]{10}$", r"\1", value)
        case _:
            return value


def named(value: Any) -> str:
    """Return by what an item of a list is sorted: order counts only where there is no name."""
    return value["name"] if isinstance(value, dict) and "name" in value else ""


def test_the_linter_of_charts_has_nothing_to_say():
    for values in ([], ["--values", str(EXAMPLE)]):
        linted = run("helm", "lint", "--strict", str(CHART), "--set", KAFKA, *values)
        assert re.findall(r"^\[(?!INFO)", linted, re.MULTILINE) == []


@pytest.mark.parametrize("with_files", [False, True])
def test_it_makes_the_objects_of_the_kustomize_example(with_files, tmp_path):
    if with_files:
        kustomize = by_name(cluster_tools.with_tenant_files(tmp_path))
        files = "tenantFiles.secretName=tokenshare-tenants,tenantFiles.policy=policy.toml"
    else:
        kustomize = by_name(cluster_tools.built(KUBERNETES / "example"))
        files = "tenantFiles.secretName="
    helm = by_name(template("--values", str(EXAMPLE), "--set", files))
    # A chart makes no namespace; `--create-namespace` does.
    del kustomize["Namespace", "tokenshare"]
    kustomize = {(kind, plain(name)): each for (kind, name), each in kustomize.items()}

    assert set(helm) == set(kustomize)
    for name, theirs in kustomize.items():
        ours = plain(helm[name])
        if name[0] == "ConfigMap":
            # Which labels they have is of no account, but for the one that Grafana looks for.
            for each in (ours, theirs):
                each["metadata"]["labels"] = {
                    key: value
                    for key, value in each["metadata"].get("labels", {}).items()
                    if key == "grafana_dashboard"
                }
        assert ours == plain(theirs), name


@pytest.mark.slow
@pytest.mark.parametrize("version", [f"{OLDEST}.0", NEWEST])
@pytest.mark.parametrize("values", ["example", "everything", "least", "no bridge"])
def test_what_it_makes_is_what_kubernetes_takes(values, version, tmp_path):
    everything = tmp_path / "everything.yaml"
    everything.write_text(EVERYTHING)
    chosen = {
        "example": ["--values", str(EXAMPLE)],
        "everything": ["--values", str(everything)],
        "least": ["--set", KAFKA],
        "no bridge": ["--set", f"{KAFKA},bridge.enabled=false"],
    }
    found = template(*chosen[values], release="eu")

    assert found
    for each in found:
        assert each["metadata"]["namespace"] == "tokenshare"
        assert each["metadata"]["name"].startswith("eu-tokenshare-")
        if each["kind"] not in OF_THE_OPERATOR:
            kubernetes_validate.validate(each, version, strict=True)


def test_values_reach_the_pods(tmp_path):
    (tmp_path / "everything.yaml").write_text(EVERYTHING)
    found = template("--values", str(tmp_path / "everything.yaml"))
    pod = deployment(found, "tokenshare-worker")
    (container,) = pod["containers"]
    environment = {each["name"]: each for each in container["env"]}
    data = by_name(found)["ConfigMap", "tokenshare-settings"]["data"]

    assert container["image"] == f"registry.example:5000/llm/tokenshare@sha256:{'0' * 64}"
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["priorityClassName"] == "high"
    assert environment["TOKENSHARE_SASL_PASSWORD"]["valueFrom"]["secretKeyRef"] == {
        "name": "elsewhere",
        "key": "password",
        "optional": True,
    }
    assert environment["TOKENSHARE_BRIDGE_HOSTS"]["valueFrom"]["secretKeyRef"]["key"] == "hosts"
    assert data["TOKENSHARE_SSL_CA_FILE"] == "/etc/tokenshare/tls/ca.crt"
    assert data["TOKENSHARE_SSL_KEY_FILE"] == "/etc/tokenshare/tls/tls.key"
    assert data["TOKENSHARE_DEDUPE_RECORDS"] == "1000"
    assert data["TOKENSHARE_WEB_HOSTS"].split(",")[-1] == "shares.example.com"
    assert {"name": "tls", "secret": {"secretName": "kafka-tls"}} in pod["volumes"]
    assert by_name(found)["Deployment", "tokenshare-worker"]["spec"]["replicas"] == 3


def test_files_that_name_tenants_are_read_from_the_secret_that_has_them():
    def files(*values: str) -> dict[str, str]:
        pod = deployment(template("--set", ",".join((KAFKA, *values))), "tokenshare-worker")
        (container,) = pod["containers"]
        mounted = [each for each in container["volumeMounts"] if each["name"] == "tenants"]
        volumes = [each for each in pod["volumes"] if each["name"] == "tenants"]
        secret = {"name": "tenants", "secret": {"secretName": "x"}}
        assert volumes == ([secret] if "tenantFiles.secretName=x" in values else [])
        assert len(mounted) == len(volumes)
        assert all("subPath" not in each and each["readOnly"] for each in mounted)
        return {
            each["name"]: each["value"]
            for each in container["env"]
            if each.get("value", "").startswith("/etc/tokenshare/tenants/")
        }

    names = {"TOKENSHARE_TENANT_NAMES": "/etc/tokenshare/tenants/tenants.toml"}
    policy = {"TOKENSHARE_POLICY": "/etc/tokenshare/tenants/p.toml"}
    secret = "tenantFiles.secretName=x"
    assert files() == files("tenantFiles.policy=p.toml") == {}
    assert files(secret) == names
    assert files(secret, "tenantFiles.policy=p.toml") == names | policy
    assert files(secret, "tenantFiles.names=", "tenantFiles.policy=p.toml") == policy


def test_each_file_that_a_worker_reads_again_has_a_place_in_the_chart_kustomize_and_compose(
    tmp_path,
):
    (tmp_path / "everything.yaml").write_text(EVERYTHING)
    found = {
        "chart": template("--values", str(tmp_path / "everything.yaml")),
        "kustomize": cluster_tools.with_tenant_files(tmp_path),
    }
    given = {
        way: {
            each["name"] for each in deployment(made, "tokenshare-worker")["containers"][0]["env"]
        }
        for way, made in found.items()
    }
    given["compose"] = set(SERVICES["worker"]["environment"])
    files = {
        f"TOKENSHARE_{name.upper()}"
        for name, field in Settings.model_fields.items()
        if "Path" in str(field.annotation) and not name.startswith(("ssl_", "sasl_"))
    }

    assert len(files) == 4
    assert {way for way, names in given.items() if not files <= names} == set()


def test_every_setting_that_it_sets_is_one(tmp_path, monkeypatch):
    (tmp_path / "everything.yaml").write_text(EVERYTHING)
    found = template("--values", str(tmp_path / "everything.yaml"))
    data = by_name(found)["ConfigMap", "tokenshare-settings"]["data"]
    variables = {
        each["name"]
        for name in ("tokenshare-worker", "tokenshare-bridge")
        for each in deployment(found, name)["containers"][0]["env"]
    }

    assert variables | set(data) <= {name for name, _, _ in table()}
    for name, value in data.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TOKENSHARE_SASL_PASSWORD", "a password")
    assert load().security_protocol == "SASL_SSL"


def test_another_setting_restarts_the_pods():
    def checksum(*arguments: str) -> str:
        found = by_name(template("--set", KAFKA, *arguments))
        pod = found["Deployment", "tokenshare-worker"]["spec"]["template"]
        return pod["metadata"]["annotations"]["checksum/settings"]

    assert checksum() == checksum("--set", 'overrides=[models."x"]')
    assert checksum() != checksum("--set", "kafka.topic=other")


def test_alerts_and_dashboards_link_to_where_they_should(tmp_path):
    (tmp_path / "everything.yaml").write_text(EVERYTHING)
    found = template("--values", str(tmp_path / "everything.yaml"))
    linking = [each for each in found if each["kind"] == "PrometheusRule" or "data" in each]
    text = json.dumps(linking)

    assert "https://shares.example.com/" in text
    assert "https://wiki.example.com/r#tokensharenoworker" in text
    assert "127.0.0.1:6066" not in text
    assert "example.com/runbook.md" not in text


def test_jobs_have_the_names_that_rules_ask_for_whatever_the_release_is_called(tmp_path):
    (tmp_path / "everything.yaml").write_text(EVERYTHING)
    found = template("--values", str(tmp_path / "everything.yaml"), release="eu")
    asked = set(re.findall(r'job="([^"]+)"', json.dumps(found).replace('\\"', '"')))
    jobs = {
        label["replacement"]
        for each in found
        if each["kind"] == "ServiceMonitor"
        for label in each["spec"]["endpoints"][0]["relabelings"]
        if label["targetLabel"] == "job"
    }

    assert jobs == asked == {"tokenshare", "tokenshare-bridge"}


def test_nobody_is_let_in_where_nobody_is_named():
    empty = ("--set-json", "networkPolicy.readers=[]", "--set-json", "networkPolicy.posters=[]")
    found = by_name(template("--set", KAFKA, *empty))

    for name in ("tokenshare-worker", "tokenshare-bridge"):
        spec = found["NetworkPolicy", name]["spec"]
        assert spec["ingress"] == []
        assert "Ingress" in spec["policyTypes"]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([], "kafka.bootstrapServers is required"),
        (["--set", f"{KAFKA},kafka.bootstrapServer=x"], "bootstrapServer' not allowed"),
        (["--set", f"{KAFKA},kafka.securityProtocol=TLS"], "must be one of"),
        (["--set", f"{KAFKA},worker.replicas=two"], "want integer"),
        (["--set", f"{KAFKA},settings.FLUSH_SECONDS=1"], "FLUSH_SECONDS"),
        (["--set", f"{KAFKA},image.digest=latest"], "does not match pattern"),
        (["--set", f"{KAFKA},links.page=shares"], "does not match pattern"),
        (["--set", f"{KAFKA},tenantFiles.names=a/b"], "does not match pattern"),
    ],
)
def test_wrong_values_are_refused(values, reason):
    said = run(
        "helm", "template", "t", str(CHART), "--kube-version", f"{OLDEST}.0", *values, code=1
    )

    assert reason in said


def test_a_kubernetes_that_is_too_old_is_refused():
    said = run("helm", "template", "t", str(CHART), "--kube-version", "1.29.9", code=1)

    assert META["kubeVersion"] in said


def test_every_value_is_in_the_schema_and_explained():
    def names(schema: dict[str, Any]) -> set[str]:
        return set(schema.get("properties", {}))

    schema = json.loads((CHART / "values.schema.json").read_text())
    assert set(VALUES) == names(schema) - {"global"}
    for name, value in VALUES.items():
        if isinstance(value, dict) and names(schema["properties"][name]):
            assert set(value) == names(schema["properties"][name]), name


def test_chart_and_program_have_one_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert META["version"] == META["appVersion"] == project["version"]
    assert META["description"] == project["description"]


def notes(directory: Path, *arguments: str) -> str:
    """Return the notes of a release: `helm template` has none, and `install` asks a cluster."""
    chart = directory / "tokenshare"
    shutil.copytree(CHART, chart)
    (chart / "templates/NOTES.txt").rename(chart / "notes.txt")
    (chart / "templates/notes.yaml").write_text(
        '{{- dict "kind" "Notes" "notes" (tpl (.Files.Get "notes.txt") .) | toYaml }}\n'
    )
    command = ("template", "eu", str(chart), "--namespace", "llm", "--kube-version", f"{OLDEST}.0")
    shown = run("helm", *command, "--show-only", "templates/notes.yaml", *arguments)
    return yaml_text.loaded(shown)["notes"]


def test_the_notes_say_which_secret_is_needed_and_where_the_page_is(tmp_path):
    said = notes(tmp_path, "--set", f"{KAFKA},kafka.securityProtocol=SASL_SSL")

    assert "kubectl --namespace llm create secret generic eu-tokenshare" in said
    for key in VALUES["secret"]["keys"].values():
        assert f"--from-literal={key}=" in said
    assert "kubectl --namespace llm port-forward service/eu-tokenshare-worker 6066" in said
    assert "tokenshare/reads=true" in said
    assert "tokenshare/posts=true" in said


def test_the_notes_speak_of_nothing_that_is_not_there(tmp_path):
    off = "bridge.enabled=false,networkPolicy.enabled=false,serviceMonitor.enabled=true"
    said = notes(tmp_path, "--set", f"{KAFKA},{off},kafka.createTopics=false")

    assert "bridge" not in said
    assert "sasl-password" not in said
    assert "tokenshare/reads" not in said
    assert "`tokenshare topics`" in said
    assert "serviceMonitor.labels" in said
