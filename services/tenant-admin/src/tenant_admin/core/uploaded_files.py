"""Files that go to WhatsApp before the command that sends them; here nothing of them is kept."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn

from sqlalchemy import Connection

from common.events import OutgoingMedia
from common.tenant_secrets import NoSecret, TenantSecrets
from tenant_admin.core.changes import ChangeContext
from tenant_admin.core.client_secrets import usable_rings
from tenant_admin.core.clients import config_event, load_client
from tenant_admin.core.problems import refuse
from tenant_admin.core.sendable_files import SendableFile
from tenant_admin.whatsapp.upload_media import (
    MediaUploads,
    UploadCause,
    UploadFailure,
    UploadNumber,
)

# By the cause: HTTP status, field, what is wrong, how to mend it.
REFUSALS: Mapping[UploadCause, tuple[int, str, str, str]] = {
    "token": (
        502,
        "access_token",
        "WhatsApp refused the token",
        "store a token that is valid for this number: the client's, or WHATSAPP_ACCESS_TOKEN",
    ),
    "file": (
        502,
        "file",
        "WhatsApp refused the file",
        "send a smaller file or another type; the code is in Meta's list of errors",
    ),
    "away": (503, "file", "WhatsApp did not take it now", "repeat it in a minute"),
}


class UploadedFile(NamedTuple):
    """A file that is at WhatsApp, to be sent. hash: of its bytes: uploaded again it has another id,
    and is the same."""

    media: OutgoingMedia
    hash: str


def upload_number(
    connection: Connection,
    context: ChangeContext,
    ring_path: Path | None,
    default: str | None,
    client_id: int,
) -> UploadNumber:
    """The client's number with its own token, else the installation's (default). Refused: 404, and
    503 without a token that can be opened."""
    tenant = config_event(load_client(connection, client_id), context)
    ring = usable_rings(ring_path).access_token if tenant.access_token else None
    if ring and not ring.opens:
        fix = "set ADMIN_OPENS_TOKENS=true (OPERATIONS.md, section 5)"
        refuse(503, "access_token", "the client's own may not be read here", fix)
    try:
        token = TenantSecrets("access_token", ring, default).secret_of(tenant)
    except NoSecret:
        fix = "store the client's, or set WHATSAPP_ACCESS_TOKEN"
        refuse(503, "access_token", "there is none that can be used", fix)
    return UploadNumber(tenant.phone_number_id, token)


async def upload_file(
    uploads: MediaUploads, number: UploadNumber, file: SendableFile, caption: str | None
) -> UploadedFile:
    """Refused: 502 by Meta, 503 when it did not answer."""
    media_id = await uploads.upload(number, file.filename, file.content, file.mime_type)
    if isinstance(media_id, UploadFailure):
        refuse_upload(media_id)
    media = OutgoingMedia(
        id=media_id,
        kind=file.kind,
        mime_type=file.mime_type,
        filename=file.filename,
        caption=caption,
    )
    return UploadedFile(media, hashlib.sha256(file.content).hexdigest())


def refuse_upload(failure: UploadFailure) -> NoReturn:
    status, field, message, fix = REFUSALS[failure.cause]
    refuse(status, field, f"{message} ({failure.reason}); nothing was sent", fix)
