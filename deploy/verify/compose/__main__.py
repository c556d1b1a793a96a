"""`python -m deploy.verify.compose`: deploy/compose/verify. The result on one line of JSON.

Exit codes: 0 held, 1 failed, 3 not run.
"""

import sys
from functools import partial
from pathlib import Path

from deploy.verify.compose.settings import ContainerSettings
from deploy.verify.compose.verify_compose import verify

from common.service.no_words import refuse_words
from devkit.check_result import print_result

if __name__ == "__main__":
    refuse_words(__doc__)
    sys.exit(print_result(partial(verify, Path.cwd(), ContainerSettings())))
