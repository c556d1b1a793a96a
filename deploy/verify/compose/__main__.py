"""`python -m deploy.verify.compose`: deploy/compose/verify. The verdict on one line of JSON.

Exit codes: 0 held, 1 failed, 3 not run.
"""

import sys
from functools import partial
from pathlib import Path

from deploy.verify.compose.settings import ContainerSettings
from deploy.verify.compose.verify import verify

from devkit.verdict import pronounce

if __name__ == "__main__":
    sys.exit(pronounce(partial(verify, Path.cwd(), ContainerSettings())))
