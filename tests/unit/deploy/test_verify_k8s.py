import json
import subprocess
import sys
from typing import Any

import pytest
from deploy.verify.k8s.broken_deployments import BREAKS, broken
from deploy.verify.k8s.kubectl import warnings_in
from deploy.verify.k8s.verify_overlays import OverlayResult, summary, with_tag


def a_deployment() -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": "router"}
    container = {
        "name": "router",
        "resources": {"requests": {"memory": "1Mi"}, "limits": {"memory": "1Mi"}},
        "securityContext": {"readOnlyRootFilesystem": True},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "router", "namespace": "conserje", "uid": "1"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
        "status": {},
    }


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_copy_differs_and_leaves_the_good_one_alone(name: str) -> None:
    good = a_deployment()
    spoilt = broken(good, BREAKS[name])
    assert good == a_deployment()
    assert spoilt["spec"] != good["spec"]
    assert spoilt["metadata"] == {"name": "broken", "namespace": "conserje"}


def test_only_our_images_get_another_version() -> None:
    ours = "image: conserje/router:dev\nimage: registry:5000/conserje/tenant-admin:0.1.0\n"
    others = "image: apache/kafka:4.4.0\n"
    assert with_tag(ours + others, "next") == (
        "image: conserje/router:next\nimage: registry:5000/conserje/tenant-admin:next\n" + others
    )


def test_warnings_are_found_among_what_kubectl_says() -> None:
    said = "deployment.apps/a created\nWarning: would violate PodSecurity\n"
    assert warnings_in(said) == ["Warning: would violate PodSecurity"]


@pytest.mark.parametrize("refused", [True, False])
def test_a_check_that_could_not_fail_is_no_success(refused: bool) -> None:
    said = summary({"dev": OverlayResult(objects=1, refused=refused, upgraded=True, seconds=0.1)})
    assert said["ok"] is said["refused_when_broken"] is refused
    assert said["overlays"] == {"dev": {"objects": 1, "seconds": 0.1}}


def test_no_overlay_is_no_success() -> None:
    assert summary({})["ok"] is False


def test_without_the_programs_it_says_not_run() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.verify.k8s"],
        env={"PATH": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert done.stderr.startswith("NOT RUN: no etcd on PATH")
    assert json.loads(done.stdout)["ok"] is None
