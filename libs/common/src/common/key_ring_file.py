"""The type of a setting that names a file of key rings: a wrong file is found at the start."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import AfterValidator, SecretStr, ValidationError, ValidationInfo

from common.key_rings import FIELDS, KeyRings, SecretField
from common.service.weak_settings import ALLOW, may_be_weak


def ring_file(
    opens: Sequence[SecretField] = (), seals: Sequence[SecretField] = ()
) -> AfterValidator:
    """Refuses a file that cannot be read, lacks a field's ring, or cannot open what it has to."""

    def check(path: Path, info: ValidationInfo) -> Path:
        refuse_rings(read_rings(path), str(path), opens, seals, info)
        return path

    return AfterValidator(check)


def refuse_weak_rings(text: SecretStr, info: ValidationInfo) -> SecretStr:
    """Of a setting that holds the rings themselves, with all that opens."""
    refuse_rings(parse_rings(text.get_secret_value(), "it"), "it", FIELDS, FIELDS, info)
    return text


def refuse_rings(
    rings: KeyRings,
    source: str,
    opens: Sequence[SecretField],
    seals: Sequence[SecretField],
    info: ValidationInfo,
) -> None:
    given = rings.given()
    for field in (*opens, *seals):
        if field not in given:
            raise ValueError(f"{source} has no key ring of {field}")
    for field in opens:
        if not given[field].opens:
            raise ValueError(f"of {field} {source} has public keys, which open nothing")
    if any(ring.guessable for ring in given.values()) and not may_be_weak(info):
        raise ValueError(
            f"{source} has a key that everybody knows or guesses; `rings new` of manage_clients.py"
            f" makes others, {ALLOW}"
        )


def read_rings(path: Path) -> KeyRings:
    """Raises ValueError, without a key in its text."""
    try:
        return parse_rings(path.read_bytes(), str(path))
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None


def parse_rings(text: str | bytes, source: str) -> KeyRings:
    """Raises ValueError, without a key in its text."""
    try:
        return KeyRings.model_validate_json(text)
    except ValidationError as error:
        reason = error.errors(include_input=False, include_url=False)[0]["msg"]
        raise ValueError(f"{source} is no key ring: {reason}") from None
