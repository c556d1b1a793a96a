"""`make advisories`: known flaws in what uv.lock names, by uv's own audit against OSV (osv.dev).

The result is one line of JSON. Exit codes: 0 none is known, 1 some are, 3 not run.
"""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

from deploy.supply_chain.uv_program import find_uv

from common.service.no_words import refuse_words
from devkit.check_result import Failed, NotRun, print_result, show_progress

NONE_KNOWN, SOME_KNOWN = 0, 1
PREVIEW = ("--preview-features", "audit-command", "--preview-features", "json-output")
# What uv says when the service is not reached, or answers with an error of its own.
UNREACHABLE = ("error sending request", "dns error", "timed out", "HTTP status")


def audit(root: Path, service_url: str | None = None) -> dict[str, Any]:
    """Everything in uv.lock, what only tests use too. Raises NotRun, Failed."""
    argv = [str(find_uv(root)), "audit", "--frozen", "--output-format", "json", *PREVIEW]
    argv += ["--service-url", service_url] if service_url else []
    done = subprocess.run(argv, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode not in (NONE_KNOWN, SOME_KNOWN):
        words = " ".join(done.stderr.split())[-600:]
        if any(sign in words for sign in UNREACHABLE):
            raise NotRun(f"the advisories of osv.dev cannot be had: {words}")
        raise Failed(words)
    found = json.loads(done.stdout)
    if done.returncode == SOME_KNOWN:
        show_progress(json.dumps(found, indent=2))
    return {"ok": done.returncode == NONE_KNOWN, **found.get("summary", {})}


if __name__ == "__main__":
    refuse_words(__doc__)
    sys.exit(print_result(partial(audit, Path.cwd())))
