"""The programs that a check needs: kube-apiserver, kubectl, etcd, kustomize."""

import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deploy.verify.k8s.go_module import link_flags, sources
from deploy.verify.k8s.go_programs import install, kept, output_of_go, run_go

from devkit.check_result import NotRun
from devkit.stack import Announce

VERSION = "1.34.4"
KUSTOMIZE = "5.6.0"
KUBECTL_WITH_KUSTOMIZE_5 = (1, 27)
CLIENT = re.compile(r'"gitVersion": *"v(\d+)\.(\d+)')


@dataclass(frozen=True, slots=True)
class Programs:
    etcd: Path
    apiserver: Path
    kubectl: Path


def find_programs(cache: Path, announce: Announce) -> Programs:
    """Builds what is not in the cache: five to nine minutes on two cores. Raises NotRun."""
    etcd = shutil.which("etcd")
    if not etcd:
        raise NotRun("no etcd on PATH: on Debian and Ubuntu, apt install etcd-server")
    folder = kept(built_in(cache), lambda partial: build_program(partial, announce))
    return Programs(Path(etcd), folder / "kube-apiserver", folder / "kubectl")


def built_in(cache: Path) -> Path:
    return cache / f"kubernetes-{VERSION}"


def build_program(target: Path, announce: Announce) -> None:
    announce(f"Kubernetes {VERSION}: building kube-apiserver and kubectl, once; some minutes")
    theirs = json.loads(output_of_go("mod", "download", "-json", f"k8s.io/kubernetes@v{VERSION}"))
    with tempfile.TemporaryDirectory() as module:
        for name, text in sources(Path(theirs["GoMod"]).read_text(), VERSION).items():
            path = Path(module, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        flags = ["-mod=mod", "-trimpath", "-v", "-ldflags", link_flags(VERSION)]
        run_go(
            ["build", *flags, "-o", f"{target}/", "./cmd/..."], cwd=Path(module), announce=announce
        )


def find_kustomize(cache: Path, announce: Announce) -> tuple[str, ...]:
    """The words to put before a folder's name. Raises NotRun."""
    if kustomize := shutil.which("kustomize"):
        return kustomize, "build"
    for kubectl in (shutil.which("kubectl"), str(built_in(cache) / "kubectl")):
        if kubectl and Path(kubectl).exists() and has_kustomize_5(client_version(kubectl)):
            return kubectl, "kustomize"
    announce(f"kustomize {KUSTOMIZE}: building it, once")
    package = f"sigs.k8s.io/kustomize/kustomize/v5@v{KUSTOMIZE}"
    folder = kept(cache / f"kustomize-{KUSTOMIZE}", lambda partial: install(package, partial))
    return str(folder / "kustomize"), "build"


def client_version(kubectl: str) -> str:
    argv = [kubectl, "version", "--client", "-o", "json"]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout


def has_kustomize_5(version: str) -> bool:
    """`version`: kubectl's as JSON. Debian 12's is 1.20, too old for components."""
    match = CLIENT.search(version)
    return match is not None and (int(match[1]), int(match[2])) >= KUBECTL_WITH_KUSTOMIZE_5
