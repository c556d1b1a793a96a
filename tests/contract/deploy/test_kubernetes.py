"""deploy/k8s: schemas, and what schemas pass but a server refuses or an operator regrets.

The real API server's word: deploy/k8s/verify.
"""

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

import kubernetes_validate
import pytest
from tests.support.kustomize import OVERLAYS, Object, built, named, of_kind

from assistant.open_media import OPEN_SECONDS
from assistant.settings import Settings as AssistantSettings
from common.kafka.producer import FLUSH_SECONDS
from common.outbox import DELIVERY_SECONDS
from common.service.web_server import DRAIN_SECONDS
from common.work.runner import STORE_SECONDS
from router.worker import STOP_SECONDS
from sender.deliver import DEADLINE

Complaints = Iterator[str]

WORKLOADS = ("Deployment", "StatefulSet", "Job")
README = OVERLAYS.parent / "README.md"
# Seconds from SIGTERM to the end, at the worst.
TURN = 2 * AssistantSettings.model_fields["turn_deadline"].default + OPEN_SECONDS + 5
SETTLE = STORE_SECONDS + DELIVERY_SECONDS + FLUSH_SECONDS
DRAINS = {
    "ingress": DRAIN_SECONDS + FLUSH_SECONDS,
    "router": STOP_SECONDS + FLUSH_SECONDS,
    "assistant": TURN + SETTLE,
    "sender": DEADLINE + SETTLE,
    "tenant-admin": DRAIN_SECONDS + DELIVERY_SECONDS + FLUSH_SECONDS,
}
every_overlay = pytest.mark.parametrize("overlay", sorted(path.name for path in OVERLAYS.iterdir()))


@every_overlay
@pytest.mark.parametrize("version", ["1.34", kubernetes_validate.latest_version()])
def test_every_object_fits_its_schema(overlay: str, version: str) -> None:
    for found in built(overlay):
        kubernetes_validate.validate(found, version, strict=True)


def test_an_unknown_field_does_not() -> None:
    spoilt = copy.deepcopy(named(built("dev"), "Deployment", "router"))
    spoilt["spec"]["template"]["spec"]["containers"][0]["live"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(spoilt, "1.34", strict=True)


# ---- finding ----------------------------------------------------------------------------------


def names(objects: list[Object], kind: str) -> set[str]:
    return {found["metadata"]["name"] for found in of_kind(objects, kind)}


def services(objects: list[Object]) -> list[Object]:
    return [found for found in of_kind(objects, "Deployment") if name_of(found) in DRAINS]


def name_of(found: Object) -> str:
    return str(found["metadata"]["name"])


def pod(workload: Object) -> Any:
    return workload["spec"]["template"]["spec"]


def container(workload: Object) -> Any:
    (only,) = pod(workload)["containers"]
    return only


def resources(workload: Object) -> Any:
    return container(workload)["resources"]


def labels(workload: Object) -> set[tuple[str, str]]:
    return set(workload["spec"]["template"]["metadata"]["labels"].items())


def values_of(node: Any, key: str) -> Iterator[Any]:
    """What stands under `key`, wherever."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == key:
                yield value
            yield from values_of(value, key)
    elif isinstance(node, list):
        for value in node:
            yield from values_of(value, key)


# ---- the rules: each names what breaks it -----------------------------------------------------


def selectors_select(objects: list[Object]) -> Complaints:
    pods = [labels(found) for found in of_kind(objects, *WORKLOADS)]
    for found in of_kind(objects, "Deployment", "StatefulSet"):
        for selector in values_of(found["spec"], "matchLabels"):
            if not set(selector.items()) <= labels(found):
                yield f"{name_of(found)} does not select its own pods"
        for keys in values_of(pod(found), "matchLabelKeys"):
            if missing := set(keys) - {"pod-template-hash"} - dict(labels(found)).keys():
                yield f"{name_of(found)} is spread by {missing}, which it does not have"
    for found in of_kind(objects, "Service", "PodDisruptionBudget"):
        selector = found["spec"]["selector"]
        wanted = set(selector.get("matchLabels", selector).items())
        if sum(wanted <= has for has in pods) != 1:
            yield f"{found['kind']} {name_of(found)} does not select one workload"


def probes_ask_a_port_of_the_pod(objects: list[Object]) -> Complaints:
    for found in of_kind(objects, "Deployment", "StatefulSet"):
        for how in ("httpGet", "tcpSocket"):
            for check in values_of(container(found), how):
                if check["port"] not in ports_of(found):
                    yield f"{name_of(found)} probes port {check['port']}"


def doors_lead_somewhere(objects: list[Object]) -> Complaints:
    pods = {name_of(found): ports_of(found) for found in of_kind(objects, *WORKLOADS)}
    doors = {name_of(found): found["spec"]["ports"] for found in of_kind(objects, "Service")}
    for name, ports in doors.items():
        if not {port["targetPort"] for port in ports} <= pods[name]:
            yield f"Service {name} leads to no port of its pods"
    for backend in values_of(of_kind(objects, "Ingress"), "service"):
        if backend["port"]["name"] not in {port["name"] for port in doors[backend["name"]]}:
            yield f"an Ingress leads to no port of Service {backend['name']}"


def ports_of(workload: Object) -> set[str]:
    return {port["name"] for port in container(workload).get("ports", [])}


def resources_are_said(objects: list[Object]) -> Complaints:
    for found in of_kind(objects, *WORKLOADS):
        said = container(found)["resources"]
        if (
            said["limits"] != {"memory": said["requests"]["memory"]}
            or "cpu" not in said["requests"]
        ):
            yield f"{name_of(found)}: memory limit = request, a CPU request, no CPU limit"


def pods_are_restricted(objects: list[Object]) -> Complaints:
    for found in of_kind(objects, *WORKLOADS):
        person, rights = pod(found).get("securityContext", {}), container(found)["securityContext"]
        ours = container(found)["image"].partition("conserje/")[1]
        good = (
            person["runAsNonRoot"] is True
            and (not ours or person["runAsUser"] == person["fsGroup"] == 10001)
            and person["seccompProfile"] == {"type": "RuntimeDefault"}
            and rights["allowPrivilegeEscalation"] is False
            and rights["capabilities"] == {"drop": ["ALL"]}
            and (not ours or rights["readOnlyRootFilesystem"] is True)
            and pod(found)["automountServiceAccountToken"] is False
            and pod(found)["enableServiceLinks"] is False
        )
        if not good:
            yield f"{name_of(found)} has more rights than it needs"


def services_are_probed(objects: list[Object]) -> Complaints:
    expected = {"startupProbe": "/live", "livenessProbe": "/live", "readinessProbe": "/ready"}
    for found in services(objects):
        for probe, path in expected.items():
            if container(found).get(probe, {}).get("httpGet", {}).get("path") != path:
                yield f"{name_of(found)}: {probe} must ask {path}"


def services_may_be_evicted_one_at_a_time(objects: list[Object]) -> Complaints:
    if missing := DRAINS.keys() - names(objects, "PodDisruptionBudget"):
        yield f"no PodDisruptionBudget: {missing}"
    for found in of_kind(objects, "PodDisruptionBudget"):
        said = (found["spec"]["maxUnavailable"], found["spec"]["unhealthyPodEvictionPolicy"])
        if said != (1, "AlwaysAllow"):
            yield f"PodDisruptionBudget {name_of(found)}: {said}"


def services_have_time_to_end(objects: list[Object]) -> Complaints:
    for found in services(objects):
        slept = sum(sleep["seconds"] for sleep in values_of(container(found), "sleep"))
        needed = slept + DRAINS[name_of(found)]
        if pod(found)["terminationGracePeriodSeconds"] <= needed:
            yield f"{name_of(found)} may need {needed} s to end"


def images_have_a_version(objects: list[Object]) -> Complaints:
    for image in values_of(objects, "image"):
        if image.rpartition(":")[2] in ("latest", image):
            yield f"{image} is whatever is newest"


def names_refer_to_something(objects: list[Object]) -> Complaints:
    for found in of_kind(objects, *WORKLOADS):
        configs = [
            said["name"]
            for key in ("configMapRef", "configMapKeyRef", "configMap")
            for said in values_of(found, key)
        ]
        accounts = set(values_of(found, "serviceAccountName"))
        missing = set(configs) - names(objects, "ConfigMap")
        if missing := missing | accounts - names(objects, "ServiceAccount"):
            yield f"{name_of(found)} refers to {missing}"


def secrets_hold_the_files(objects: list[Object]) -> Complaints:
    """In production: those that README.md says must be made."""
    secrets = {name_of(found): set(found["data"]) for found in of_kind(objects, "Secret")}
    for found in of_kind(objects, *WORKLOADS):
        files = {f"/run/secrets/{key}" for key in keys_mounted(found, secrets or documented())}
        named_files = {value for value in values_of(found, "value") if "/secrets/" in value}
        if missing := named_files - files:
            yield f"{name_of(found)}: no Secret holds {missing}"


def keys_mounted(workload: Object, secrets: dict[str, set[str]]) -> Iterator[str]:
    for said in values_of(workload, "secret"):
        keys = secrets.get(said["secretName"], set())
        yield from (item["path"] for item in said["items"]) if "items" in said else keys


def documented() -> dict[str, set[str]]:
    """Those whose making README.md shows."""
    text = README.read_text().replace("\\\n", " ")
    made = re.findall(r"create secret generic ([\w-]+)(.*)", text)
    return {name: set(re.findall(r"--from-file=([\w.-]+)", rest)) for name, rest in made}


def setup_ends_and_goes(objects: list[Object]) -> Complaints:
    for found in of_kind(objects, "Job"):
        said = found["spec"]
        if not (said["backoffLimit"] and said["ttlSecondsAfterFinished"]):
            yield f"Job {name_of(found)}"
        if ("app.kubernetes.io/component", "setup") not in labels(found):
            yield f"Job {name_of(found)} would survive the deletion before an upgrade"


def router(objects: list[Object]) -> Any:
    return named(objects, "Deployment", "router")


Spoil = Callable[[list[Object]], object]
RULES: list[tuple[Callable[[list[Object]], Complaints], Spoil]] = [
    (selectors_select, lambda all_: router(all_)["spec"]["selector"]["matchLabels"].update(a="b")),
    (probes_ask_a_port_of_the_pod, lambda all_: container(router(all_))["ports"].clear()),
    (
        doors_lead_somewhere,
        lambda all_: named(all_, "Service", "ingress")["spec"]["ports"][0].update(targetPort="a"),
    ),
    (
        resources_are_said,
        lambda all_: resources(router(all_))["limits"].update(cpu="1"),
    ),
    (pods_are_restricted, lambda all_: pod(router(all_))["securityContext"].update(fsGroup=0)),
    (services_are_probed, lambda all_: container(router(all_)).pop("readinessProbe")),
    (
        services_may_be_evicted_one_at_a_time,
        lambda all_: all_.remove(named(all_, "PodDisruptionBudget", "router")),
    ),
    (
        services_have_time_to_end,
        lambda all_: pod(router(all_)).update(terminationGracePeriodSeconds=5),
    ),
    (images_have_a_version, lambda all_: container(router(all_)).update(image="conserje/router")),
    (
        names_refer_to_something,
        lambda all_: all_.remove(named(all_, "ServiceAccount", "router")),
    ),
    (
        secrets_hold_the_files,
        lambda all_: container(router(all_)).update(env=[{"value": "/run/secrets/none"}]),
    ),
    (
        setup_ends_and_goes,
        lambda all_: named(all_, "Job", "topics")["spec"].update(ttlSecondsAfterFinished=None),
    ),
]
every_rule = pytest.mark.parametrize(
    ("rule", "spoil"), RULES, ids=[rule.__name__ for rule, _ in RULES]
)


@every_overlay
@every_rule
def test_rules_hold(overlay: str, rule: Callable[[list[Object]], Complaints], spoil: Spoil) -> None:
    assert list(rule(built(overlay))) == []


@every_overlay
@every_rule
def test_rules_notice(
    overlay: str, rule: Callable[[list[Object]], Complaints], spoil: Spoil
) -> None:
    spoilt = copy.deepcopy(built(overlay))
    spoil(spoilt)
    assert list(rule(spoilt)) != []


def test_documented_secrets_are_those_that_production_mounts() -> None:
    mounted = {said["secretName"] for said in values_of(built("production"), "secret")}
    read = {said["name"] for said in values_of(built("production"), "secretKeyRef")}
    assert mounted | read == documented().keys()
    assert names(built("production"), "Secret") == set()
