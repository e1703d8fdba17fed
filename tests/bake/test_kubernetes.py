"""The manifests are valid for Kubernetes, and match the programs that they run."""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from benchmarks.scaling.page import stored_run
from benchmarks.scaling.talking import MOST_IDLE, OFFLINE, OURS, Shape
from tests.baking import PROMPTS, BakedProject, bake, printed_by

README = "deploy/kubernetes/README.md"
OLDEST = "1.30"  # supported, according to the README
NOT_OURS = {"FORWARDED_ALLOW_IPS", "NUM_CPUS"}  # read by uvicorn and livekit-agents

Object = dict[str, Any]
Objects = dict[tuple[str, str], Object]


@pytest.fixture(scope="module", params=PROMPTS["livekit_agents"])
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return bake(tmp_path_factory.mktemp("bake"), livekit_agents=request.param, deploy="kubernetes")


@pytest.fixture(scope="module")
def objects(project: BakedProject) -> Objects:
    """What `kubectl apply -k` would send, by kind and name."""
    if not shutil.which("kubectl"):
        end = pytest.fail if os.environ.get("CI") else pytest.skip
        end("needs kubectl, but no cluster: https://kubernetes.io/docs/tasks/tools/")
    text = printed_by(project.path, "kubectl", "kustomize", "deploy/kubernetes/overlays/production")
    return {(item["kind"], item["metadata"]["name"]): item for item in yaml.safe_load_all(text)}


@pytest.fixture
def pods(objects: Objects) -> dict[str, Object]:
    """The pod template of each Deployment, by name."""
    return {n: objects["Deployment", n]["spec"]["template"] for n in ("worker", "token-backend")}


def container_of(pod: Object) -> Object:
    (container,) = pod["spec"]["containers"]
    return dict(container)


def number(pattern: str, text: str) -> float:
    (found,) = re.findall(pattern, text)
    return float(found)


def default(project: BakedProject, setting: str) -> float:
    return number(rf"worker_{setting}: \w+ = Field\((\d+)", project.read("app/settings.py"))


def test_every_field_is_valid_in_kubernetes(project: BakedProject, objects: Objects) -> None:
    assert f"Kubernetes {OLDEST} or newer" in project.read(README)
    for item in objects.values():
        for version in (OLDEST, kubernetes_validate.latest_version()):
            kubernetes_validate.validate(item, version, strict=True)


@pytest.mark.parametrize(("assistant", "shape"), [("pipeline", OURS), ("offline", OFFLINE)])
def test_a_worker_requests_what_talking_conversations_need(
    tmp_path: Path, assistant: str, shape: str
) -> None:
    project = bake(tmp_path, assistant=assistant, deploy="kubernetes")
    manifest = project.read("deploy/kubernetes/base/worker.yaml")
    settings = project.read(".env.example")
    measured = Shape.of(stored_run()["talking"]["rows"], shape)
    assert f"{measured.rest_mb(MOST_IDLE) / 1000:.1f} GB at rest" in manifest
    assert f"{measured.job_mb:.0f} MB and {measured.job_cores:.2f} CPUs for each" in manifest
    assert f"{measured.idle_mb:.0f} MB of memory" in settings
    cpus = number(r'requests: \{ cpu: "(\d+)"', manifest)
    mebibytes = number(r"requests: .*memory: (\d+)Gi", manifest) * 1024
    target = number(r"name: memory\n.*averageUtilization: (\d+)", manifest) / 100
    as_many_as_the_cpu_allows = cpus * int(1 / measured.job_cores)
    held = measured.holds(mebibytes * 1.048576 * target, MOST_IDLE)
    assert held >= as_many_as_the_cpu_allows


def test_a_worker_has_time_to_drain(project: BakedProject, pods: dict[str, Object]) -> None:
    needed = default(project, "drain_timeout") + default(project, "shutdown_timeout")
    assert pods["worker"]["spec"]["terminationGracePeriodSeconds"] > needed


def test_a_pod_serves_its_health_checks_and_metrics(
    project: BakedProject, pods: dict[str, Object]
) -> None:
    api, image = project.read("app/api.py"), project.read("Dockerfile")
    backend = container_of(pods["token-backend"])
    routes = {"worker": ["/"], "token-backend": re.findall(r'@app\.get\("(.+?)"', api)}
    listens = {"worker": default(project, "port"), "token-backend": 8000}
    assert " ".join(backend["command"]) == "uvicorn app.api:app --host 0.0.0.0 --port 8000"
    for name, pod in pods.items():
        container = container_of(pod)
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert ports["http"] == listens[name]
        for probe in (container["readinessProbe"], container["livenessProbe"]):
            assert probe["httpGet"]["port"] == "http"
            assert probe["httpGet"]["path"] in routes[name]
        metrics = re.search(rf"{name.split('-')[0].upper()}_METRICS_PORT=(\d+)", image)
        scrape = metrics and {"prometheus.io/scrape": "true", "prometheus.io/port": metrics[1]}
        assert pod["metadata"].get("annotations") == scrape
        assert ports.get("metrics") == (metrics and int(metrics[1]))
    assert backend["readinessProbe"]["httpGet"]["path"] == "/ready"
    reach = project.read("app/doctor/reach.py")
    seconds = [number(rf"(?m)^{name}_SECONDS = (\d+)", reach) for name in ("TIMEOUT", "LOOK_UP")]
    assert backend["readinessProbe"]["timeoutSeconds"] > sum(seconds)


def test_every_variable_is_read_and_none_is_secret(
    project: BakedProject, objects: Objects, pods: dict[str, Object]
) -> None:
    read = re.findall(r"(?m)^    ([a-z_]+): ", project.read("app/settings.py"))
    (config,) = (item for (kind, _), item in objects.items() if kind == "ConfigMap")
    for container in map(container_of, pods.values()):
        variables = set(config["data"]) | {
            variable["name"] for variable in container.get("env", [])
        }
        assert variables <= {name.upper() for name in read} | NOT_OURS
        assert not any(re.search("SECRET|API_KEY", name) for name in variables)
        secret, last = container["envFrom"]  # the last one wins
        assert last["configMapRef"]["name"] == config["metadata"]["name"]
        assert f" secret generic {secret['secretRef']['name']} " in project.read(README)
    assert "Secret" not in {kind for kind, _ in objects}
    printed_by(project.path, "git", "init", "--quiet")
    printed_by(project.path, "git", "check-ignore", ".env.production")


def test_references_between_objects_resolve(objects: Objects, pods: dict[str, Object]) -> None:
    for (_, name), item in objects.items():
        if selector := item.get("spec", {}).get("selector"):
            assert selector.get("matchLabels", selector) == pods[name]["metadata"]["labels"]
    for pod in pods.values():
        (spread,) = pod["spec"]["topologySpreadConstraints"]
        assert spread["labelSelector"]["matchLabels"] == pod["metadata"]["labels"]
    assert {("PodDisruptionBudget", name) for name in pods} <= set(objects)
    ingress = objects["Ingress", "token-backend"]["spec"]
    assert ingress["tls"][0]["hosts"] == [rule["host"] for rule in ingress["rules"]]
    service = ingress["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert service["port"] == {"number": 80}
    ports = objects["Service", service["name"]]["spec"]["ports"]
    assert ports == [{"port": 80, "targetPort": "http"}]  # and no metrics


def test_autoscaling_adds_a_worker_before_one_is_too_busy(
    project: BakedProject, objects: Objects, pods: dict[str, Object]
) -> None:
    scaler = objects["HorizontalPodAutoscaler", "worker"]["spec"]
    assert "replicas" not in objects["Deployment", scaler["scaleTargetRef"]["name"]]["spec"]
    resources = [metric["resource"] for metric in scaler["metrics"]]
    targets = {resource["name"]: resource["target"] for resource in resources}
    target = number(r"(?m)^TARGET_LOAD = ([\d.]+)", project.read("app/dispatch/policy.py"))
    assert targets["cpu"]["averageUtilization"] < 100 * target
    # The worker also measures its load against the requested CPUs.
    worker = container_of(pods["worker"])
    requested = {"resourceFieldRef": {"resource": "requests.cpu"}}
    if worker.get("env") != [{"name": "NUM_CPUS", "valueFrom": requested}]:
        assert worker["resources"]["limits"]["cpu"] == worker["resources"]["requests"]["cpu"]


def test_pods_are_locked_down(project: BakedProject, pods: dict[str, Object]) -> None:
    assert re.search(r"(?m)^USER [1-9]\d*:", project.read("Dockerfile"))  # only numbers are checked
    for pod in pods.values():
        spec, container = pod["spec"], container_of(pod)
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is spec["enableServiceLinks"] is False
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]
        assert "/" in container["image"], "the overlay names no image"
