"""What the server must say of every overlay: applied, refused when broken, upgraded."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from deploy.verify.k8s.api_server import api_server
from deploy.verify.k8s.broken_deployments import BREAKS, Object, broken
from deploy.verify.k8s.kubectl import Kubectl
from deploy.verify.k8s.programs import VERSION, find_programs

from devkit.check_result import Failed
from devkit.stack import Announce
from devkit.stack.home import temporary_home
from devkit.stack.settings import cache_dir

OUR_IMAGE = re.compile(r"(image: \S*conserje/[\w-]+):\S+")
SETUP = "app.kubernetes.io/component=setup"


@dataclass(frozen=True, slots=True)
class OverlayResult:
    """One overlay's part of the result."""

    objects: int
    refused: bool
    upgraded: bool
    seconds: float


def verify(overlays: Path, announce: Announce) -> dict[str, Any]:
    """The result. Raises NotRun, Failed, CannotStart."""
    began = monotonic()
    programs = find_programs(cache_dir(), announce)
    with temporary_home() as home:
        announce(f"Kubernetes {VERSION}: starting etcd and kube-apiserver")
        with api_server(home, programs) as kubectl:
            folders = sorted(overlays.iterdir())
            checked = {folder.name: check(kubectl, folder, announce) for folder in folders}
    return {**summary(checked), "seconds": since(began)}


def summary(checked: Mapping[str, OverlayResult]) -> dict[str, Any]:
    refused = all(overlay.refused for overlay in checked.values())
    upgraded = all(overlay.upgraded for overlay in checked.values())
    return {
        "ok": bool(checked) and refused and upgraded,
        "kubernetes": VERSION,
        "overlays": {
            name: {"objects": overlay.objects, "seconds": overlay.seconds}
            for name, overlay in checked.items()
        },
        "refused_when_broken": refused,
        "upgraded": upgraded,
    }


def check(kubectl: Kubectl, overlay: Path, announce: Announce) -> OverlayResult:
    """Raises Failed at the first thing that the server refuses, warns of, or wrongly accepts."""
    began = monotonic()
    announce(f"{overlay.name}: applying it, without and with effect")
    manifests = kubectl.run("kustomize", str(overlay)).out
    kubectl.run("apply", "-f", str(overlay / "namespace.yaml"))
    answer = kubectl.run("apply", "--dry-run=server", "-o", "json", "-f", "-", stdin=manifests)
    objects: list[Object] = json.loads(answer.out)["items"]
    deployment = next(item for item in objects if item["kind"] == "Deployment")
    return OverlayResult(
        objects=len(objects),
        refused=all_refused(kubectl, deployment),
        upgraded=upgrade(kubectl, deployment["metadata"]["namespace"], manifests),
        seconds=since(began),
    )


def since(began: float) -> float:
    return round(monotonic() - began, 1)


def all_refused(kubectl: Kubectl, deployment: Object) -> bool:
    for name, how in BREAKS.items():
        spoilt = json.dumps(broken(deployment, how))
        answer = kubectl.tried("apply", "--dry-run=server", "-f", "-", stdin=spoilt).err
        if how.expects not in answer:
            raise Failed(f"broken {name}: expected {how.expects!r}, the server said {answer!r}")
    return True


def upgrade(kubectl: Kubectl, namespace: str, manifests: str) -> bool:
    """Another version over a running one, as README.md says: its Jobs go first."""
    kubectl.run("apply", "-f", "-", stdin=manifests)
    newer = with_tag(manifests, "upgraded")
    refusal = kubectl.tried("apply", "-f", "-", stdin=newer)
    if "field is immutable" not in refusal.err:
        raise Failed(f"Jobs were changed in place: {refusal.err!r}")
    kubectl.run("delete", "jobs", "-n", namespace, "-l", SETUP)
    kubectl.run("apply", "-f", "-", stdin=newer)
    return True


def with_tag(manifests: str, tag: str) -> str:
    """The same with another version of every image of ours."""
    return OUR_IMAGE.sub(rf"\1:{tag}", manifests)
