"""Copies of a good Deployment, each broken in a way that schemas do not see."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Break:
    """`expects` stands in what the server answers, as an error or as a warning."""

    spoil: Callable[[Object], None]
    expects: str


def select_another(deployment: Object) -> None:
    deployment["spec"]["selector"]["matchLabels"] = {"app.kubernetes.io/name": "another"}


def request_above_limit(deployment: Object) -> None:
    container(deployment)["resources"]["requests"]["memory"] = "64Gi"


def allow_everything(deployment: Object) -> None:
    del container(deployment)["securityContext"]


BREAKS: Mapping[str, Break] = {
    "selector": Break(select_another, "`selector` does not match template `labels`"),
    "request": Break(request_above_limit, "must be less than or equal to memory limit"),
    "rights": Break(allow_everything, "Warning: would violate PodSecurity"),
}


def broken(deployment: Object, how: Break) -> Object:
    """A copy under another name, without what only a server writes."""
    metadata = deployment["metadata"]
    spoilt = copy.deepcopy({key: deployment[key] for key in ("apiVersion", "kind", "spec")})
    spoilt["metadata"] = {"name": "broken", "namespace": metadata["namespace"]}
    how.spoil(spoilt)
    return spoilt


def container(deployment: Object) -> Object:
    first: Object = deployment["spec"]["template"]["spec"]["containers"][0]
    return first
