"""A Go module of ours that builds kube-apiserver and kubectl from the module proxy.

`go install k8s.io/kubernetes/cmd/...` refuses: its go.mod replaces the staging modules by folders.
Each is published too, as v0.x of the same version: so we replace them by those.
"""

import re
from collections.abc import Mapping

STAGING = re.compile(r"^\s*(k8s\.io/[\w.-]+) => \./staging/", re.MULTILINE)
KEPT = re.compile(r"^(?:go|godebug) .*$", re.MULTILINE)

APISERVER = """\
package main

import (
	"os"

	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() { os.Exit(cli.Run(app.NewAPIServerCommand())) }
"""
KUBECTL = """\
package main

import (
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
}
"""


def sources(go_mod_of_kubernetes: str, version: str) -> Mapping[str, str]:
    """Paths and texts of the module's files. version: "1.34.4"."""
    return {
        "go.mod": go_mod(go_mod_of_kubernetes, version),
        "cmd/kube-apiserver/main.go": APISERVER,
        "cmd/kubectl/main.go": KUBECTL,
    }


def go_mod(theirs: str, version: str) -> str:
    staged = version.replace("1.", "v0.", 1)
    lines = ["module conserje.invalid/kubernetes", *KEPT.findall(theirs)]
    lines += [f"require k8s.io/kubernetes v{version}"]
    lines += [f"replace {name} => {name} {staged}" for name in STAGING.findall(theirs)]
    return "\n\n".join(lines) + "\n"


def link_flags(version: str) -> str:
    """What `kubectl version` and the server call themselves; without symbols, a third smaller."""
    major, minor, _ = version.split(".")
    values = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor}
    definitions = [
        f"-X k8s.io/component-base/version.{name}={value}" for name, value in values.items()
    ]
    return " ".join(["-s", "-w", *definitions])
