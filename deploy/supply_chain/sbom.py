"""`make sbom`: what is in each image of ours, from uv.lock, as CycloneDX 1.5 in build/sbom.

Python packages only: what Debian's packages bring, a scanner of images sees. Each image has its own
list in /app/sbom.json.
"""

import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

from deploy.supply_chain.uv_program import find_uv

from common.service.no_words import refuse_words
from devkit.check_result import Failed, print_result

IMAGES = ("ingress", "router", "assistant", "sender", "tenant-admin", "devkit")
# The words that the Dockerfile uses too.
EXPORT = (
    *("export", "--quiet", "--frozen", "--no-dev", "--format", "cyclonedx1.5"),
    *("--preview-features", "sbom-export"),
)


def write_list(root: Path, image: str, file: Path) -> None:
    """Raises NotRun, Failed."""
    argv = [str(find_uv(root)), *EXPORT, "--package", image, "--output-file", str(file)]
    done = subprocess.run(argv, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{image}: {' '.join(done.stderr.split())}")


def write_all(root: Path, folder: Path) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    for image in IMAGES:
        write_list(root, image, folder / f"{image}.cdx.json")
    return {"ok": True, "folder": str(folder), "images": IMAGES}


if __name__ == "__main__":
    refuse_words(__doc__)
    sys.exit(print_result(partial(write_all, Path.cwd(), Path("build/sbom"))))
