"""`python -m deploy.verify.k8s`: deploy/k8s/verify. The result on one line of JSON.

Exit codes: 0 held, 1 failed, 3 not run.
"""

import sys
from functools import partial
from pathlib import Path

from deploy.verify.k8s.verify_overlays import verify

from devkit.check_result import print_result, show_progress

OVERLAYS = Path("deploy/k8s/overlays")

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else OVERLAYS
    sys.exit(print_result(partial(verify, folder.absolute(), show_progress)))
