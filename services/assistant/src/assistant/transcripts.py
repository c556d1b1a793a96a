"""The words of recordings, stored as soon as they are known: each was paid for."""

from common.postgres.database import Database
from common.postgres.prepared import Prepared

# From now on the message is a text: whatever reads it again fetches and pays nothing.
KEEP_TRANSCRIPT = Prepared("""
update message set body = %(body)s::text, media = null where id = %(id)s::bigint
""")


class Transcripts:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, message_id: int, body: str) -> None:
        """One round trip."""
        statement = (KEEP_TRANSCRIPT, {"id": message_id, "body": body})
        await self._database.transaction(
            lambda connection: connection.execute_together([statement], commit=True)
        )
