"""The recorded end of a message: its id is the same from whichever service it comes."""

from tests.support.builders import CONTACT, NOON, NUMBER, TRACE

from common.events import OutcomeRecorded
from common.events.messages import OutcomeName


def outcome(
    name: OutcomeName,
    reason: str | None = None,
    tenant_id: int = 1,
    corrected_by: str | None = None,
) -> OutcomeRecorded:
    return OutcomeRecorded.of(
        tenant_id=tenant_id,
        phone_number_id=NUMBER,
        contact_id=CONTACT,
        wamid="wamid.in.1",
        outcome=name,
        reason=reason,
        trace_id=TRACE,
        occurred_at=NOON,
        corrected_by=corrected_by,
    )


def test_the_id_depends_on_tenant_and_message_alone() -> None:
    assert outcome("answered").event_id == outcome("failed", "131047").event_id
    assert outcome("answered").event_id != outcome("answered", tenant_id=2).event_id


def test_the_recipe_of_the_id_is_part_of_the_contract() -> None:
    """Records of earlier versions are compared by it."""
    assert outcome("answered").event_id == "dca41268-b18c-5e87-8343-694528a2544c"


def test_a_correction_has_an_id_of_its_cause_and_names_the_outcome_that_it_corrects() -> None:
    first = outcome("answered")
    correction = outcome("failed", "131042", corrected_by="delivery-1:failed")
    assert correction == outcome("failed", "131042", corrected_by="delivery-1:failed")
    other = outcome("answered", corrected_by="delivery-1:delivered")
    assert len({first.event_id, correction.event_id, other.event_id}) == 3
    assert (first.corrects, correction.corrects) == (None, first.event_id)
