"""`python -m deploy.verify.k8s`: deploy/k8s/verify. The result on one line of JSON.

Exit codes: 0 held, 1 failed, 3 not run.
"""

import sys
from argparse import ArgumentParser
from functools import partial
from pathlib import Path

from deploy.verify.k8s.verify_overlays import verify

from devkit.check_result import print_result, show_progress

OVERLAYS = Path("deploy/k8s/overlays")

if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=OVERLAYS)
    folder = parser.parse_args().folder
    if not folder.is_dir():
        parser.error(f"{folder} is no folder")
    sys.exit(print_result(partial(verify, folder.absolute(), show_progress)))
