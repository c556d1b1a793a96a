"""Who may reach whom: what each part's settings name, and nothing else; in Kubernetes and Compose.

ARCHITECTURE.md draws the arrows. Here they follow from the settings that each part reads.
"""

import copy
from collections.abc import Iterator
from itertools import permutations
from typing import Any

import pytest
from pydantic_settings import BaseSettings
from tests.contract.deploy.test_parity import IN_COMPOSE, PARTS, SERVICES
from tests.support.compose import compose_networks, services
from tests.support.kustomize import Object, built, named, of_kind
from tests.support.network_policies import End, allows, pods

from common.topics import every_topic

Arrow = tuple[str, str]
PORTS = {"kafka": 9092, "postgres": 5432, "whatsapp": 8080, "openai": 4640, "ingress": 8000}
# What a setting's name says about whom its reader calls.
CALLED = {
    "kafka_bootstrap_servers": "kafka",
    "database_url": "postgres",
    "whatsapp_graph_url": "whatsapp",
    "openai_base_url": "openai",
    "model_control_url": "openai",
    "webhook_url": "ingress",
    "admin_url": "tenant-admin",
    "chat_url": "whatsapp",
}
ANYBODY = End("anybody in another namespace", same_namespace=False)
NEIGHBOUR = End("a pod of others in the namespace")
PROMETHEUS = End("prometheus", {"app.kubernetes.io/name": "prometheus"}, same_namespace=False)
API_USER = End("crm", {"conserje/admin-api": "client"}, same_namespace=False)
INTERNET = End("internet", address="157.240.1.1")
INTERNET_6 = End("internet", address="2a03:2880::1")
METADATA = End("metadata of a cloud", address="169.254.169.254")
BROKER = End("a broker of a provider", address="10.1.2.3")
every_overlay = pytest.mark.parametrize("overlay", ["dev", "production"])


def called(settings: type[BaseSettings]) -> set[str]:
    return {CALLED[name] for name in settings.model_fields if name in CALLED}


def arrows(parts: dict[str, type[BaseSettings]]) -> set[Arrow]:
    return {(name, whom) for name, settings in parts.items() for whom in called(settings)}


def found_arrows(objects: list[Object]) -> Iterator[tuple[str, str, int]]:
    """Between pods of ours, by every port that one has."""
    for source, target in permutations(pods(objects), 2):
        for port in target.ports.values():
            if allows(objects, source, target, port, "TCP"):
                yield source.name, target.name, port


def test_m6_the_arrows_of_the_settings_are_those_of_topics() -> None:
    users = {user for topic in every_topic() for user in (*topic.producers, *topic.consumers)}
    assert users - {"operator"} == {name for name in SERVICES if "kafka" in called(PARTS[name])}


def test_m6_in_the_dev_overlay_pods_reach_what_their_settings_name_and_nothing_else() -> None:
    wanted = {(name, whom, PORTS[whom]) for name, whom in arrows(dict(PARTS))}
    # The public door is open to whoever reaches it; its neighbours may not leave towards it.
    assert set(found_arrows(built("dev"))) == wanted


@pytest.mark.parametrize("name", [name for name in PARTS if called(PARTS[name])])
def test_m6_a_missing_arrow_is_noticed(name: str) -> None:
    spoilt = copy.deepcopy(built("dev"))
    for policy in of_kind(spoilt, "NetworkPolicy"):
        for values in lists_of_names(policy["spec"]):
            if name in values:
                values.remove(name)
    gone = {(source, target) for source, target, _ in found_arrows(spoilt)}
    assert {arrow for arrow in arrows(dict(PARTS)) if arrow[0] == name} - gone


def lists_of_names(node: Any) -> Iterator[list[str]]:
    if isinstance(node, dict):
        if node.get("operator") == "In":
            yield node["values"]
        for value in node.values():
            yield from lists_of_names(value)
    elif isinstance(node, list):
        for value in node:
            yield from lists_of_names(value)


@every_overlay
def test_m6_only_callers_of_meta_and_openai_reach_the_internet(overlay: str) -> None:
    objects = built(overlay)
    callers = {name for name, _ in arrows(dict(PARTS)) if called(PARTS[name]) & {"whatsapp"}}
    for address in (INTERNET, INTERNET_6):
        reach = {pod.name for pod in pods(objects) if allows(objects, pod, address, 443, "TCP")}
        assert reach == callers
        others = {pod.name for pod in pods(objects) if allows(objects, pod, address, 80, "TCP")}
        assert others == set()
    assert not any(
        allows(objects, pod, METADATA, port, "TCP") for pod in pods(objects) for port in (80, 443)
    )


@every_overlay
@pytest.mark.parametrize(("whom", "ports"), [("kafka", (9092, 9096)), ("postgres", (5432, 6432))])
def test_m6_brokers_and_databases_anywhere_are_reached_by_those_that_need_them(
    overlay: str, whom: str, ports: tuple[int, ...]
) -> None:
    objects = built(overlay)
    there = {pod.name for pod in pods(objects)}
    needing = {name for name, target in arrows(dict(PARTS)) if target == whom} & there
    for port in ports:
        reach = {pod.name for pod in pods(objects) if allows(objects, pod, BROKER, port, "TCP")}
        assert reach == needing


@every_overlay
def test_m6_from_outside_only_webhooks_come_in(overlay: str) -> None:
    objects = built(overlay)
    doors = {
        (pod.name, name)
        for pod in pods(objects)
        for name, port in pod.ports.items()
        for who in (ANYBODY, NEIGHBOUR, INTERNET)
        if allows(objects, who, pod, port, "TCP")
    }
    assert doors == {("ingress", "http")}


@every_overlay
def test_m6_metrics_are_prometheuss_and_the_admin_api_is_for_labelled_pods(overlay: str) -> None:
    objects = built(overlay)
    ours = list(pods(objects))
    scraped = {
        (pod.name, name)
        for pod in ours
        for name, port in pod.ports.items()
        if allows(objects, PROMETHEUS, pod, port, "TCP")
    }
    assert scraped == {*((name, "health") for name in SERVICES), ("ingress", "http")}
    [admin] = [pod for pod in ours if pod.name == "tenant-admin"]
    assert allows(objects, API_USER, admin, admin.ports["http"], "TCP")
    assert not allows(objects, API_USER, admin, admin.ports["health"], "TCP")


@every_overlay
def test_m6_every_pod_of_ours_is_bound_and_finds_names(overlay: str) -> None:
    objects = built(overlay)
    deny = named(objects, "NetworkPolicy", "deny-by-default")["spec"]
    for pod in pods(objects):
        assert deny["podSelector"]["matchLabels"].items() <= dict(pod.labels).items(), pod.name
        assert all(allows(objects, pod, BROKER, 53, protocol) for protocol in ("UDP", "TCP"))
        assert not allows(objects, pod, ANYBODY, 8080, "TCP"), pod.name


# ---- Compose: one network for each kind of arrow ------------------------------------------------


def members() -> dict[str, set[str]]:
    """Who is in a network."""
    found: dict[str, set[str]] = {}
    for name, service in services().items():
        for network in service.get("networks") or ():
            found.setdefault(network, set()).add(name)
    return found


def meet(one: str, other: str) -> bool:
    return any({one, other} <= network for network in members().values())


def test_m6_in_compose_whoever_calls_somebody_shares_a_network_with_it() -> None:
    missing = {arrow for arrow in arrows(dict(IN_COMPOSE)) if not meet(*arrow)}
    # The job `secrets` only writes these down.
    assert {name for name, _ in missing} == {"secrets"}


def test_m6_the_public_door_reaches_the_broker_and_nothing_else_of_ours() -> None:
    reached = {name for name in services() if name != "ingress" and meet("ingress", name)}
    assert reached - {"whatsapp", "exercise"} == {"kafka"}, "the demo's callers aside"


def test_m6_the_database_is_in_a_network_of_those_that_have_one() -> None:
    needing = {name for name, whom in arrows(dict(IN_COMPOSE)) if whom == "postgres"}
    assert members()["database"] == {"postgres", "rings", *needing}
    assert [name for name, network in members().items() if "postgres" in network] == ["database"]
    assert compose_networks()["database"]["internal"] is True


def test_m6_stand_ins_are_in_no_network_of_the_broker_or_the_database() -> None:
    for name in ("whatsapp", "openai"):
        assert not meet(name, "kafka")
        assert not meet(name, "postgres")


def test_m6_jobs_without_a_network_have_none() -> None:
    without = {name for name, one in services().items() if one.get("network_mode") == "none"}
    assert without == {"secrets", "check-demo"}
    assert all(one.get("networks") for name, one in services().items() if name not in without)
