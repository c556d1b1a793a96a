"""Hop 3b: a due turn is claimed, decided, asked and stored. One turn's way, from top to bottom."""

from collections.abc import Sequence
from functools import partial

import structlog
from sqlalchemy import Connection

from assistant import record
from assistant.credentials import Credentials
from assistant.decide import Ask, Result, after_asking, before_asking
from assistant.items import TurnItem, read
from assistant.model import Model
from assistant.prompt import DEFAULT_MODEL, request, safety_identifier
from assistant.read_answer import Answer, Failure
from common.events import AssistantConfig, TenantConfig
from common.kafka.compacted import CompactedView
from common.outbox import OutboxRow
from common.sealed import Unsealable
from common.service.clock import Clock
from common.work import Claim, Handled, Hint, Outcome

log = structlog.get_logger()


class Turns:
    """What the runner calls; see common.work.contract.WorkHandler."""

    def __init__(
        self,
        tenants: CompactedView[TenantConfig],
        assistants: CompactedView[AssistantConfig],
        model: Model,
        credentials: Credentials,
        clock: Clock,
        deadline: float,
    ) -> None:
        self._tenants, self._assistants = tenants, assistants
        self._model, self._credentials = model, credentials
        self._clock, self._deadline = clock, deadline

    def load(self, connection: Connection, claims: Sequence[Claim]) -> list[TurnItem]:
        return read(connection, [claim.id for claim in claims], self._has_budget)

    async def handle(self, claim: Claim, item: TurnItem) -> Outcome[Result]:
        tenant = self._tenants.get(item.conversation.phone_number_id)
        assistant = self._assistants.get(tenant.assistant_id) if tenant else None
        tries = claim.attempts - item.superseded
        decided = before_asking(item, tries, tenant, assistant, self._clock.now())
        if not isinstance(decided, Ask):
            return decided
        answer = await self._ask(item, decided)
        if isinstance(answer, Failure):
            log.warning("model_failed", tenant_id=claim.tenant_id, reason=answer.reason)
        return after_asking(answer, tries, decided.tenant)

    def store(
        self, connection: Connection, settled: Sequence[Handled[TurnItem, Result]]
    ) -> tuple[list[OutboxRow], list[Hint]]:
        return record.store(connection, settled, self._clock)

    def _has_budget(self, phone_number_id: str) -> bool:
        tenant = self._tenants.get(phone_number_id)
        return tenant is not None and tenant.settings.daily_token_budget is not None

    async def _ask(self, item: TurnItem, decided: Ask) -> Answer | Failure:
        """A model that was taken away is replaced by the default one, once."""
        try:
            api_key = self._credentials.api_key(decided.tenant)
        except Unsealable:
            return Failure("key_unsealable")
        body = request(item, decided.tenant, decided.assistant, self._clock.now())
        body["safety_identifier"] = safety_identifier(
            self._credentials.default_key, decided.tenant.tenant_id, item.conversation.contact_id
        )
        ask = partial(self._model.ask, api_key, deadline=self._deadline)
        answer = await ask(body)
        if isinstance(answer, Failure) and answer.reason.endswith(":model_not_found"):
            log.warning("model_replaced", tenant_id=decided.tenant.tenant_id, model=body["model"])
            return await ask({**body, "model": DEFAULT_MODEL})
        return answer
