"""Images by digest, packages by hash, a list of what is in each image, known flaws looked up."""

import json
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.supply_chain.advisories import audit
from deploy.supply_chain.pin_images import FILES, HUB, pin, references, where
from deploy.supply_chain.sbom import EXPORT, IMAGES, write_list
from deploy.supply_chain.uv_program import find_uv
from deploy.verify.compose.base_images import python_image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tests.support.compose import ROOT, services
from tests.support.kustomize import OVERLAYS
from tests.support.loopback import serve

from devkit.check_result import NotRun
from devkit.stack.ports import free_ports

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
LOCK = tomllib.loads((ROOT / "uv.lock").read_text())
LOCKED = {(one["name"], one["version"]): one for one in LOCK["package"] if "version" in one}
DIGEST = "sha256:" + "0123456789abcdef" * 4
FLAW = "GHSA-of-a-test"


@pytest.fixture(scope="module", autouse=True)
def uv() -> None:
    try:
        find_uv(ROOT)
    except NotRun as reason:
        pytest.skip(f"NOT RUN: {reason}")


# ---- images -------------------------------------------------------------------------------------


def test_l8_no_image_of_others_is_overlooked() -> None:
    used = {one["image"] for one in services().values()} | {python_image(DOCKERFILE)}
    for path in (OVERLAYS / "dev").glob("*.yaml"):
        used |= set(re.findall(r"^\s*image: (\S+:\S+)$", path.read_text(), re.MULTILINE))
    others = {image.partition("@")[0] for image in used if not image.startswith("conserje/")}
    assert references(ROOT).keys() == others


def test_l8_images_of_others_are_pinned() -> None:
    pinned = references(ROOT)
    if missing := [tagged for tagged, digest in pinned.items() if digest is None]:
        assert len(missing) == len(pinned), f"some are, these are not: {missing}"
        pytest.skip(f"NOT RUN: no digest of {', '.join(missing)}: make pin-images")


@pytest.mark.parametrize(
    ("tagged", "place"),
    [
        ("postgres:18", (HUB, "library/postgres", "18")),
        ("apache/kafka:4.4.0", (HUB, "apache/kafka", "4.4.0")),
        ("ghcr.io/a/b:1", ("https://ghcr.io", "a/b", "1")),
    ],
)
def test_the_place_of_an_image(tagged: str, place: tuple[str, str, str]) -> None:
    assert where(tagged) == place


@contextmanager
def registry(digest: str) -> Iterator[str]:
    """host:port of one that hands out a token, as Docker Hub does, and names this digest."""

    def manifest(request: Request) -> Response:
        if request.headers.get("Authorization") != "Bearer of-a-reader":
            realm = f'Bearer realm="{request.base_url}token",service="here",scope="pull"'
            return Response(status_code=401, headers={"WWW-Authenticate": realm})
        assert "image.index" in request.headers["Accept"]
        return Response(headers={"Docker-Content-Digest": digest})

    def token(request: Request) -> Response:
        assert dict(request.query_params) == {"service": "here", "scope": "pull"}
        return JSONResponse({"token": "of-a-reader"})

    path = "/v2/{name:path}/manifests/{tag}"
    with serve(Starlette(routes=[Route(path, manifest), Route("/token", token)])) as url:
        yield url.removeprefix("http://")


def files_of(root: Path, place: str) -> list[Path]:
    """Those of this project, with their images in another registry."""
    made = []
    for pattern in FILES:
        for source in ROOT.glob(pattern):
            path = root / source.relative_to(ROOT)
            path.parent.mkdir(parents=True, exist_ok=True)
            text = source.read_text()
            for tagged in references(ROOT):
                text = re.sub(
                    rf"{re.escape(tagged)}(@\S+)?$", f"{place}/{tagged}", text, flags=re.M
                )
            path.write_text(text)
            made.append(path)
    return made


def test_l8_digests_are_written_beside_the_tags_and_renewed(tmp_path: Path) -> None:
    with registry(DIGEST) as place:
        files_of(tmp_path, place)
        assert set(references(tmp_path).values()) == {None}
        assert pin(tmp_path)["changed"]
        assert set(references(tmp_path).values()) == {DIGEST}
        assert pin(tmp_path)["changed"] == [], "the same again"
    compose = yaml.safe_load((tmp_path / "docker-compose.yml").read_text())
    assert compose["services"]["postgres"]["image"] == f"{place}/postgres:18@{DIGEST}"
    assert (
        compose["services"]["ingress"]["image"] == "${IMAGES:-conserje}/ingress:${VERSION:-local}"
    )
    assert python_image(tmp_path / "deploy" / "Dockerfile").endswith(f"@{DIGEST}")


@pytest.mark.parametrize("wrong", ["", "sha256:short", "md5:0123"])
def test_l8_what_is_no_digest_is_not_written(wrong: str, tmp_path: Path) -> None:
    with registry(wrong) as place:
        made = files_of(tmp_path, place)
        before = [path.read_text() for path in made]
        with pytest.raises(NotRun, match="nothing is written"):
            pin(tmp_path)
        assert [path.read_text() for path in made] == before


def test_l8_without_a_registry_nothing_is_written_and_it_says_so(tmp_path: Path) -> None:
    made = files_of(tmp_path, f"127.0.0.1:{free_ports(1)[0]}")
    before = [path.read_text() for path in made]
    with pytest.raises(NotRun, match="nothing is written"):
        pin(tmp_path)
    assert [path.read_text() for path in made] == before


# ---- packages -----------------------------------------------------------------------------------


def test_l8_every_package_is_locked_with_hashes() -> None:
    for (name, version), package in LOCKED.items():
        if "registry" in package["source"]:
            files = [*package.get("wheels", ()), *filter(None, [package.get("sdist")])]
            assert files, name
            assert all(file["hash"].startswith("sha256:") for file in files), (name, version)


def test_l8_images_take_packages_by_hash_only() -> None:
    text = DOCKERFILE.read_text()
    assert re.findall(r"pip install [^;\n]*", text) == [
        "pip install --quiet --no-cache-dir --root-user-action=ignore --require-hashes -r uv.txt"
    ]
    assert re.findall(r"uv sync [^;\n]*", text) == [
        'uv sync --quiet --frozen --no-dev --no-install-workspace --package "$SERVICE"'
    ]
    assert "!deploy/uv.txt" in (ROOT / ".dockerignore").read_text().splitlines()
    lines = (ROOT / "deploy" / "uv.txt").read_text().splitlines()
    asked = [line for line in lines if line and not line.startswith(("#", " "))]
    assert [line.partition("==")[0] for line in asked] == ["uv"]


@pytest.mark.parametrize("image", IMAGES)
def test_l8_each_image_has_a_list_of_what_is_in_it(image: str, tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    write_list(ROOT, image, file)
    listed = json.loads(file.read_text())
    assert (listed["bomFormat"], listed["specVersion"]) == ("CycloneDX", "1.5")
    found = {(one["name"], one["version"]): one for one in listed["components"]}
    outside = {key: one for key, one in found.items() if "registry" in LOCKED[key]["source"]}
    for key, one in outside.items():
        assert one["purl"] == f"pkg:pypi/{key[0]}@{key[1]}"
        assert [link for link in one["externalReferences"] if link.get("hashes")], key
    names = {name for name, _ in found}
    assert direct(image) <= names
    assert "pytest" not in names


def direct(image: str) -> set[str]:
    """The dependencies that its own pyproject.toml names."""
    folder = ROOT / ("libs" if image == "devkit" else "services") / image
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    names = (re.match(r"[A-Za-z0-9._-]+", one) for one in project["dependencies"])
    return {name[0].lower() for name in names if name}


def test_l8_the_dockerfile_makes_the_same_list() -> None:
    text = " ".join(DOCKERFILE.read_text().replace("\\\n", " ").split())
    assert f'uv {" ".join(EXPORT)} --package "$SERVICE" --output-file /app/sbom.json' in text
    assert "COPY --from=build /app/sbom.json /app/sbom.json" in text


# ---- known flaws --------------------------------------------------------------------------------


@contextmanager
def advisories(*flawed: str, status: int = 200) -> Iterator[str]:
    """OSV's API (https://google.github.io/osv.dev/api/) with one flaw of these packages."""

    async def query(request: Request) -> Response:
        asked = (await request.json())["queries"]
        known = {"vulns": [{"id": FLAW, "modified": "2026-01-01T00:00:00Z"}]}
        names = [one["package"]["name"] for one in asked]
        results = [known if name in flawed else {} for name in names]
        return JSONResponse({"results": results}, status)

    def details(request: Request) -> Response:
        return JSONResponse({"id": FLAW, "modified": "2026-01-01T00:00:00Z", **affected(flawed)})

    routes = [
        Route("/v1/querybatch", query, methods=["POST"]),
        Route("/v1/vulns/{id}", details),
    ]
    with serve(Starlette(routes=routes)) as url:
        yield f"{url}/"


def affected(names: tuple[str, ...]) -> dict[str, Any]:
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99"}]}]
    packages = [
        {"package": {"name": name, "ecosystem": "PyPI"}, "ranges": ranges} for name in names
    ]
    return {"summary": "a flaw", "affected": packages}


def test_l8_no_known_flaw_is_a_pass_over_the_whole_lock() -> None:
    with advisories() as url:
        result = audit(ROOT, url)
    assert result["ok"] is True
    assert result["audited_packages"] > 100


def test_l8_a_known_flaw_is_a_failure_that_names_it(capfd: pytest.CaptureFixture[str]) -> None:
    with advisories("aiohttp") as url:
        result = audit(ROOT, url)
    assert result["ok"] is False
    assert FLAW in capfd.readouterr().err


def test_l8_without_the_data_it_says_not_run() -> None:
    with pytest.raises(NotRun, match=r"osv\.dev cannot be had"):
        audit(ROOT, f"http://127.0.0.1:{free_ports(1)[0]}/")


def test_l8_a_service_that_is_out_of_order_is_no_pass() -> None:
    with advisories(status=503) as url, pytest.raises(NotRun, match=r"osv\.dev cannot be had"):
        audit(ROOT, url)
