"""The API's document is frozen: a change shows in review, and programs can rely on it."""

import json
from pathlib import Path

from tenant_admin.api.document import openapi

FROZEN = Path(__file__).with_name("tenant-admin.json")


def test_the_api_of_tenant_admin_is_the_frozen_one() -> None:
    """After a wanted change: see the README of tenant-admin."""
    assert openapi() == json.loads(FROZEN.read_text(encoding="utf-8"))
