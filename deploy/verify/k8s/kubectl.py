"""kubectl, speaking to our own server and to no other: it never reads the user's kubeconfig."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from devkit.check_result import Failed


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Kubectl:
    """`home` holds its configuration and caches."""

    program: Path
    home: Path

    def aim(self, server: str, token: str, certificate: Path) -> None:
        """Whom it speaks to."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "here",
                    "cluster": {"server": server, "certificate-authority": str(certificate)},
                }
            ],
            "users": [{"name": "check", "user": {"token": token}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "check"}}],
            "current-context": "here",
        }
        self._config.write_text(json.dumps(config))

    def tried(self, *arguments: str, stdin: str = "") -> Done:
        done = subprocess.run(
            [self.program, f"--kubeconfig={self._config}", *arguments],
            input=stdin,
            env={"HOME": str(self.home), "PATH": os.defpath},
            capture_output=True,
            text=True,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def run(self, *arguments: str, stdin: str = "") -> Done:
        """Raises Failed with the server's words, also when it only warns."""
        done = self.tried(*arguments, stdin=stdin)
        if done.code or warnings_in(done.err):
            raise Failed(f"kubectl {' '.join(arguments)}: {done.err.strip()}")
        return done

    @property
    def _config(self) -> Path:
        return self.home / "kubeconfig"


def warnings_in(errors: str) -> list[str]:
    """What a restricted namespace would refuse is only a warning when a Deployment is applied."""
    return [line for line in errors.splitlines() if line.startswith("Warning:")]
