"""The part of the key rings that each service may have: `python -m ops.service_rings`.

It writes RINGS_FOLDER/SERVICE/key_ring from KEY_RING_FILE, which has every private key.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from common.key_ring_file import read_rings, ring_file
from common.key_rings import FIELDS, KeyRings, SecretField
from common.private_file import replace_file
from common.service.no_words import refuse_words
from common.service.settings import GuardedSettings, load

# Who opens which: the assistant fetches contacts' files with the client's token.
OPENED_BY: Mapping[str, Sequence[SecretField]] = {
    "assistant": FIELDS,
    "sender": ("access_token",),
    "tenant-admin": (),
}


class ServiceRingSettings(GuardedSettings):
    """admin_opens_tokens: tenant-admin too, so that it can upload files with a client's token."""

    key_ring_file: Annotated[Path, ring_file(opens=FIELDS)]
    rings_folder: Path
    admin_opens_tokens: bool = False


def rings_for(service: str, rings: KeyRings, admin_opens_tokens: bool = False) -> KeyRings:
    """What a service opens whole, what tenant-admin only seals as public halves."""
    if rings.is_of_before:
        return rings
    if service != "tenant-admin":
        return KeyRings(**{field: rings.ring(field) for field in OPENED_BY[service]})
    public = {field: ring.public() for field, ring in rings.given().items()}
    if admin_opens_tokens:
        public["access_token"] = rings.ring("access_token")
    return KeyRings(**public)


def main() -> None:
    refuse_words(__doc__)
    settings = load(ServiceRingSettings)
    rings = read_rings(settings.key_ring_file)
    for service in OPENED_BY:
        folder = settings.rings_folder / service
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = rings_for(service, rings, settings.admin_opens_tokens).text()
        replace_file(folder / "key_ring", text, 0o600)
    sys.stdout.write(f"key rings written for {', '.join(OPENED_BY)}\n")


if __name__ == "__main__":
    main()
