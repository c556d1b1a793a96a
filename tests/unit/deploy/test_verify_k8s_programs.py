from pathlib import Path

import pytest
from deploy.verify.k8s.go_module import go_mod, link_flags
from deploy.verify.k8s.go_programs import kept
from deploy.verify.k8s.programs import has_kustomize_5

from devkit.check_result import NotRun

KUBERNETES = """\
module k8s.io/kubernetes

go 1.24.0

godebug default=go1.24

require (
	github.com/kylelemons/godebug v1.1.0 // indirect
	k8s.io/api v0.0.0
)

replace (
	k8s.io/api => ./staging/src/k8s.io/api
	k8s.io/cli-runtime => ./staging/src/k8s.io/cli-runtime
)
"""


def test_folders_of_kubernetes_become_the_modules_that_are_published() -> None:
    assert go_mod(KUBERNETES, "1.34.4").split("\n\n") == [
        "module conserje.invalid/kubernetes",
        "go 1.24.0",
        "godebug default=go1.24",
        "require k8s.io/kubernetes v1.34.4",
        "replace k8s.io/api => k8s.io/api v0.34.4",
        "replace k8s.io/cli-runtime => k8s.io/cli-runtime v0.34.4\n",
    ]


def test_programs_know_their_version() -> None:
    assert "version.gitVersion=v1.34.4 " in link_flags("1.34.4")
    assert "version.gitMinor=34" in link_flags("1.34.4")


@pytest.mark.parametrize(
    ("said", "enough"),
    [
        ('{"clientVersion": {"gitVersion": "v1.34.4"}}', True),
        ('{"clientVersion": {"gitVersion":"v1.27.0-distribution"}}', True),
        ('{"clientVersion": {"gitVersion": "v1.20.2"}}', False),
        ("", False),
    ],
)
def test_an_old_kubectl_is_passed_over(said: str, enough: bool) -> None:
    assert has_kustomize_5(said) is enough


def test_what_was_built_is_kept(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "program").touch()

    for _ in range(2):
        assert (kept(tmp_path / "cache" / "tool-1", make) / "program").exists()
    assert len(made) == 1


def test_a_build_that_failed_leaves_nothing_that_looks_complete(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise NotRun("no network")

    with pytest.raises(NotRun):
        kept(tmp_path / "tool-1", fail)
    assert [path.name for path in tmp_path.iterdir()] == ["tool-1.lock"]
