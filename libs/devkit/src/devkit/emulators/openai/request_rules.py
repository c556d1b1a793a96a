"""What Conserje promises about each request, beyond what the API asks for."""

import re

from devkit.emulators.openai.refusals import Refused
from devkit.emulators.openai.validate import Request

HASHED = re.compile(r"[0-9a-f]{64}")


def check_request_rules(request: Request) -> None:
    """Raises Refused with code house_rule. Nothing stored there, instructions sent each time,
    end users only as a hash."""
    if request.store:
        raise broken("store", "store must be false")
    if not request.instructions.strip():
        raise broken("instructions", "instructions must be sent with every request")
    if not HASHED.fullmatch(request.raw.get("safety_identifier") or ""):
        raise broken("safety_identifier", "safety_identifier must be a hash of 64 hex digits")


def broken(param: str, rule: str) -> Refused:
    return Refused("house_rule", param, rule=rule)
