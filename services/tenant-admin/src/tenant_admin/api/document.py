"""`python -m tenant_admin.api.document`: prints the API's OpenAPI document."""

import json
import sys
from typing import Any, cast

from common.service.no_words import refuse_words
from tenant_admin.api.app import create_app, document
from tenant_admin.api.dependencies import Services


def openapi() -> dict[str, Any]:
    """No route runs, so no services are needed."""
    return document(create_app(cast(Services, None)))


def main() -> None:
    refuse_words(__doc__)
    # Not orjson: it indents by 2 only, and the frozen file by 1.
    sys.stdout.write(json.dumps(openapi(), indent=1, ensure_ascii=False, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
