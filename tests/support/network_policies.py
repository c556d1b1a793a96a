"""What NetworkPolicies let through, by the rules of the API's reference: a pod that a policy of a
direction selects may do in that direction what some such policy allows, any other everything."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from tests.support.kustomize import Object, of_kind


@dataclass(frozen=True)
class End:
    """One end of a connection: a pod, by labels and named ports, or an address outside."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    same_namespace: bool = True
    address: str | None = None


def allows(objects: list[Object], source: End, target: End, port: int, protocol: str) -> bool:
    """Both sides must: what leaves the source, and what comes to the target."""
    leaves = may(objects, "Egress", source, target, target, port, protocol)
    return leaves and may(objects, "Ingress", target, source, target, port, protocol)


def may(
    objects: list[Object], way: str, pod: End, peer: End, target: End, port: int, protocol: str
) -> bool:
    if pod.address or not pod.same_namespace:
        return True  # none of our policies selects it
    policies = [
        found["spec"]
        for found in of_kind(objects, "NetworkPolicy")
        if way in found["spec"]["policyTypes"] and selects(found["spec"]["podSelector"], pod.labels)
    ]
    if not policies:
        return True
    return any(
        is_port(rule, target, port, protocol) and is_peer(rule, way, peer)
        for policy in policies
        for rule in policy.get(way.lower(), ())
    )


def is_port(rule: Mapping[str, Any], target: End, port: int, protocol: str) -> bool:
    if "ports" not in rule:
        return True
    for said in rule["ports"]:
        first = (
            target.ports.get(said["port"], -1) if isinstance(said["port"], str) else said["port"]
        )
        if said.get("protocol", "TCP") == protocol and first <= port <= said.get("endPort", first):
            return True
    return False


def is_peer(rule: Mapping[str, Any], way: str, peer: End) -> bool:
    peers = rule.get("to" if way == "Egress" else "from")
    return peers is None or any(matches(said, peer) for said in peers)


def matches(said: Mapping[str, Any], peer: End) -> bool:
    if "ipBlock" in said:
        return peer.address is not None and in_block(said["ipBlock"], peer.address)
    if peer.address:
        return False
    if not peer.same_namespace and "namespaceSelector" not in said:
        return False
    assert said.get("namespaceSelector", {}) == {}, "namespaces are not told apart here"
    return selects(said.get("podSelector", {}), peer.labels)


def in_block(block: Mapping[str, Any], address: str) -> bool:
    ip, network = ip_address(address), ip_network(block["cidr"])
    excepted = [ip_network(one) for one in block.get("except", ())]
    return ip in network and not any(ip in one for one in excepted)


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    wanted = selector.get("matchLabels", {})
    if any(labels.get(name) != value for name, value in wanted.items()):
        return False
    for expression in selector.get("matchExpressions", ()):
        assert expression["operator"] == "In", "no other operator is used"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return True


def pods(objects: list[Object]) -> Iterator[End]:
    """A pod of every workload."""
    for found in of_kind(objects, "Deployment", "StatefulSet", "Job"):
        template = found["spec"]["template"]
        [container] = template["spec"]["containers"]
        ports = {one["name"]: one["containerPort"] for one in container.get("ports", ())}
        yield End(found["metadata"]["name"], template["metadata"]["labels"], ports)
