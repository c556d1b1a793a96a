"""`make pin-images`: writes the digest of every image that is not ours beside its tag.

A tag may be moved by whoever owns it, a digest names the bytes. A tag that has one already is asked
for again, so this is also how they are renewed. What is written came from the registry: without one
nothing changes, and it says NOT RUN (exit code 3).
https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
"""

import re
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from common.service.no_words import refuse_words
from devkit.check_result import NotRun, print_result

FILES = ("docker-compose.yml", "deploy/Dockerfile", "deploy/k8s/overlays/dev/*.yaml")
REFERENCE = re.compile(
    r"^(?P<before>\s*image: |ARG PYTHON=)(?P<tagged>[a-z0-9][\w./:-]*:[\w.-]+)"
    r"(?P<digest>@sha256:[0-9a-f]{64})?$",
    re.MULTILINE,
)
DIGEST = re.compile("sha256:[0-9a-f]{64}")
HUB = "https://registry-1.docker.io"
# An index first: the same digest then serves every kind of machine.
ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


def files(root: Path) -> list[Path]:
    return [path for pattern in FILES for path in sorted(root.glob(pattern))]


def references(root: Path) -> dict[str, str | None]:
    """Every image that is not ours, by name and tag, with the digest that it is pinned to."""
    found: dict[str, str | None] = {}
    for path in files(root):
        for one in REFERENCE.finditer(path.read_text(encoding="utf-8")):
            found[one["tagged"]] = one["digest"] and one["digest"].removeprefix("@")
    return found


def where(tagged: str) -> tuple[str, str, str]:
    """Registry, repository and tag; Docker Hub's are short: `postgres` is library/postgres."""
    name, _, tag = tagged.rpartition(":")
    first, _, rest = name.partition("/")
    if rest and ("." in first or ":" in first):
        plain = first.startswith(("127.0.0.1", "localhost"))
        return f"{'http' if plain else 'https'}://{first}", rest, tag
    return HUB, name if rest else f"library/{name}", tag


def digest_of(http: httpx.Client, tagged: str) -> str:
    """What the registry has under this tag now. Raises httpx.HTTPError, ValueError."""
    registry, repository, tag = where(tagged)
    url, headers = f"{registry}/v2/{repository}/manifests/{tag}", {"Accept": ACCEPT}
    answer = http.head(url, headers=headers)
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        token = pull_token(http, answer.headers.get("WWW-Authenticate", ""))
        answer = http.head(url, headers=headers | {"Authorization": f"Bearer {token}"})
    answer.raise_for_status()
    digest = str(answer.headers.get("Docker-Content-Digest", ""))
    if not DIGEST.fullmatch(digest):
        raise ValueError(f"{registry} names no digest of {tagged}")
    return digest


def pull_token(http: httpx.Client, challenge: str) -> str:
    """Anybody's, for reading: https://distribution.github.io/distribution/spec/auth/token/"""
    asked = dict(CHALLENGE.findall(challenge))
    answer = http.get(asked.pop("realm", ""), params=asked)
    answer.raise_for_status()
    return str(answer.json()["token"])


def write(root: Path, digests: dict[str, str]) -> list[str]:
    """The files that changed."""
    changed = []
    for path in files(root):
        before = path.read_text(encoding="utf-8")
        after = REFERENCE.sub(
            lambda one: f"{one['before']}{one['tagged']}@{digests[one['tagged']]}", before
        )
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed.append(str(path.relative_to(root)))
    return changed


def ask(tags: Iterable[str]) -> dict[str, str]:
    """Raises NotRun: all of them or none."""
    try:
        with httpx.Client(timeout=30, follow_redirects=True) as http:
            return {tagged: digest_of(http, tagged) for tagged in tags}
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError) as error:
        raise NotRun(f"no digest to be had, nothing is written: {error}") from None


def pin(root: Path) -> dict[str, Any]:
    digests = ask(references(root))
    return {"ok": True, "changed": write(root, digests), "images": digests}


if __name__ == "__main__":
    refuse_words(__doc__)
    sys.exit(print_result(partial(pin, Path.cwd())))
