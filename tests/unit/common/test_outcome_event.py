"""The recorded end of a message: its id is the same from whichever service it comes."""

from tests.support.builders import CONTACT, NOON, NUMBER, TRACE

from common.events import OutcomeRecorded
from common.events.messages import OutcomeName


def outcome(name: OutcomeName, reason: str | None = None, tenant_id: int = 1) -> OutcomeRecorded:
    return OutcomeRecorded.of(
        tenant_id=tenant_id,
        phone_number_id=NUMBER,
        contact_id=CONTACT,
        wamid="wamid.in.1",
        outcome=name,
        reason=reason,
        trace_id=TRACE,
        occurred_at=NOON,
    )


def test_the_id_depends_on_tenant_and_message_alone() -> None:
    assert outcome("answered").event_id == outcome("failed", "131047").event_id
    assert outcome("answered").event_id != outcome("answered", tenant_id=2).event_id


def test_the_recipe_of_the_id_is_part_of_the_contract() -> None:
    """Records of earlier versions are compared by it."""
    assert outcome("answered").event_id == "dca41268-b18c-5e87-8343-694528a2544c"
