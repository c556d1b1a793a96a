"""While a person has a conversation: nobody is talked over, nothing missed is forgotten."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.assistant import (
    RunningAssistant,
    a_client,
    incoming,
    ordered,
    running_assistant,
)
from tests.support.kafka import Broker
from tests.support.postgres import NewDatabase

from assistant.prompt import BY_A_PERSON
from assistant.texts import notice
from common.events import OutgoingMedia

pytestmark = pytest.mark.integration
OVER = "update conversation set taken_over_until = now() - interval '1 s'"
UNTIL = "select extract(epoch from taken_over_until - now()) / 60 from conversation"


async def talked_to(assistant: RunningAssistant) -> None:
    """There is a conversation with one answer, which a person has taken over."""
    await assistant.receive(incoming("hola"))
    await assistant.wait_until_settled()
    await assistant.order(ordered("take_over"))


async def ends(assistant: RunningAssistant) -> list[tuple[str, str, str | None]]:
    outcomes = await assistant.outcomes()
    return sorted((outcome.wamid, outcome.outcome, outcome.reason) for outcome in outcomes)


def inputs(body: dict[str, Any]) -> list[str]:
    """What the model read, without the line about the moment."""
    return [item["content"] for item in body["input"] if item["role"] != "developer"]


async def minutes_left(assistant: RunningAssistant) -> float:
    [[minutes]] = await assistant.rows(UNTIL)
    return round(float(minutes))


async def make_due(assistant: RunningAssistant) -> None:
    """The handover's time is over, and so is the wait of the turn."""
    await assistant.wait_until_put_off()
    await assistant.execute(OVER)
    await assistant.execute("update turn set due_at = now() where finished_at is null")


async def test_what_was_missed_is_answered_once_when_the_time_is_over(
    assistant: RunningAssistant,
) -> None:
    await talked_to(assistant)
    for text in ("una", "dos"):
        await assistant.receive(incoming(text))
        await assistant.wait_until_put_off()
    assert len(assistant.model.bodies) == 1
    await make_due(assistant)
    _, missed = await assistant.replies()
    assert (missed.text, missed.answers) == ("echo dos", ("wamid.ann.una", "wamid.ann.dos"))
    assert inputs(assistant.model.bodies[-1]) == ["hola", "echo hola", "una", "dos"]
    assert await assistant.changes() == [("handed_over", "operator"), ("resumed", "timeout")]
    assert [tuple(row) for row in await assistant.rows("select taken_over_until from conversation")
    ] == [(None,)]  # fmt: skip


async def test_the_first_message_after_a_handover_notes_its_end(
    assistant: RunningAssistant,
) -> None:
    await talked_to(assistant)
    await assistant.execute(OVER)
    await assistant.receive(incoming("otra"))
    await assistant.wait_until_settled()
    await assistant.receive(incoming("y otra"))
    assert len(await assistant.replies()) == 3
    assert await assistant.changes() == [("handed_over", "operator"), ("resumed", "timeout")]


async def test_a_turn_that_waits_is_looked_at_when_it_is_due_and_not_before(
    assistant: RunningAssistant,
) -> None:
    await talked_to(assistant)
    await assistant.receive(incoming("una"))
    await assistant.wait_until_put_off()
    [[wait]] = await assistant.rows(
        "select extract(epoch from due_at - now()) / 60 from turn where finished_at is null"
    )
    assert 58 < wait <= 60
    await assistant.order(ordered("resume"))
    await assistant.wait_until_settled()


async def test_an_endless_handover_waits_no_longer_than_an_answer_can_be_sent(
    assistant: RunningAssistant,
) -> None:
    await talked_to(assistant)
    await assistant.order(ordered("take_over", minutes=0))
    await assistant.receive(incoming("una"))
    await assistant.wait_until_put_off()
    [[hours]] = await assistant.rows(
        "select extract(epoch from due_at - now()) / 3600 from turn where finished_at is null"
    )
    assert 22.9 < hours < 23.1
    await assistant.execute("update message set sent_at = now() - interval '23 h 1 s'")
    await assistant.execute("update turn set due_at = now() where finished_at is null")
    assert await ends(assistant) == [("wamid.ann.una", "handed_over", "taken_over")]


async def test_an_operator_resumes_and_what_was_missed_is_answered(
    assistant: RunningAssistant,
) -> None:
    await talked_to(assistant)
    await assistant.receive(incoming("una"))
    await assistant.wait_until_put_off()
    await assistant.order(ordered("resume"))
    _, missed = await assistant.replies()
    assert missed.answers == ("wamid.ann.una",)
    assert await assistant.changes() == [("handed_over", "operator"), ("resumed", "operator")]


async def test_the_contact_resumes_with_a_word_and_gets_notice_and_answer(
    assistant: RunningAssistant,
) -> None:
    await talked_to(assistant)
    await assistant.receive(incoming("¿cuánto?"))
    await assistant.wait_until_put_off()
    await assistant.receive(incoming("ALTA"))
    _, both = await assistant.replies()
    assert both.answers == ("wamid.ann.¿cuánto?", "wamid.ann.ALTA")
    assert both.text.startswith(notice("opt_in", "es"))
    assert await assistant.changes() == [("handed_over", "operator"), ("resumed", "contact")]


async def test_stop_counts_during_a_handover_at_once(assistant: RunningAssistant) -> None:
    await talked_to(assistant)
    await assistant.receive(incoming("una"))
    await assistant.wait_until_put_off()
    await assistant.receive(incoming("STOP"))
    _, confirmed = await assistant.replies()
    assert (confirmed.kind, confirmed.text) == ("notice", notice("opt_out", "es"))
    assert await assistant.changes() == [("handed_over", "operator"), ("opted_out", "contact")]


@pytest.mark.parametrize(("what", "reason"), [("echo", "echo"), ("say", "operator")])
async def test_a_persons_words_end_what_waits_and_are_known_to_the_model(
    assistant: RunningAssistant, what: str, reason: str
) -> None:
    await talked_to(assistant)
    await assistant.receive(incoming("¿cuánto?"))
    await assistant.wait_until_put_off()
    await assistant.order(ordered(what, text="Doce euros."))
    assert await ends(assistant) == [("wamid.ann.¿cuánto?", "handed_over", reason)]
    await assistant.order(ordered("resume"))
    await assistant.receive(incoming("¿y hoy?"))
    await assistant.wait_until_settled()
    person = f"{BY_A_PERSON} Doce euros."
    expected = ["hola", "echo hola", "¿cuánto?", person, "¿y hoy?"]
    assert inputs(assistant.model.bodies[-1]) == expected
    assert len(assistant.model.bodies) == 2, "what a person answered, the model does not"


async def test_words_without_a_question_are_history_too(assistant: RunningAssistant) -> None:
    await talked_to(assistant)
    await assistant.order(ordered("say", text="Soy Marta."), ordered("say", text="¿Le ayudo?"))
    await assistant.order(ordered("resume"))
    await assistant.receive(incoming("sí"))
    await assistant.wait_until_settled()
    said = [f"{BY_A_PERSON} Soy Marta.", f"{BY_A_PERSON} ¿Le ayudo?"]
    assert inputs(assistant.model.bodies[-1]) == ["hola", "echo hola", *said, "sí"]


async def test_say_is_sent_as_a_persons_and_only_once(assistant: RunningAssistant) -> None:
    await assistant.receive(incoming("hola", wa_id="34600"))
    await assistant.wait_until_settled()
    command = ordered("say", text="*Soy* Marta.")
    await assistant.order(command, command)
    await assistant.order(command)
    _, said = await assistant.replies()
    assert (said.kind, said.what, said.text) == ("notice", "person", "*Soy* Marta.")
    assert (said.wa_id, said.answers) == ("34600", ("wamid.ann.hola",))
    kinds = await assistant.rows("select kind from message where role = 'a' order by id")
    assert [row[0] for row in kinds] == ["answer", "person"]
    assert await assistant.changes() == [("handed_over", "operator")]


async def test_a_persons_file_is_sent_and_history_knows_it(assistant: RunningAssistant) -> None:
    await talked_to(assistant)
    photo = OutgoingMedia(id="7", kind="image", mime_type="image/png", filename="a.png")
    menu = photo.model_copy(update={"kind": "document", "filename": "m.pdf", "caption": "Hoy"})
    await assistant.order(ordered("say", media=photo), ordered("say", media=menu))
    await assistant.order(ordered("resume"))
    await assistant.receive(incoming("sí"))
    await assistant.wait_until_settled()
    seen = [f"{BY_A_PERSON} [photo]", f'{BY_A_PERSON} [document "m.pdf"] Hoy']
    assert inputs(assistant.model.bodies[-1]) == ["hola", "echo hola", *seen, "sí"]
    _, first, second, _ = await assistant.replies()
    assert (first.text, first.media) == ("[photo]", photo)
    assert (second.text, second.media) == ("Hoy", menu)


async def test_say_restarts_the_time_and_the_contact_does_not(assistant: RunningAssistant) -> None:
    await talked_to(assistant)
    await assistant.order(ordered("take_over", minutes=10))
    await assistant.receive(incoming("una"))
    await assistant.wait_until_put_off()
    assert await minutes_left(assistant) == 10
    await assistant.order(ordered("say", text="Voy."))
    assert await minutes_left(assistant) == 60
    await assistant.wait_until_settled()


@pytest.mark.parametrize(
    ("age", "lasts"), [(timedelta(0), True), (timedelta(minutes=45), True),
                       (timedelta(hours=2), False)]
)  # fmt: skip
async def test_an_echo_takes_over_from_when_it_was_written_without_a_notice(
    assistant: RunningAssistant, age: timedelta, lasts: bool
) -> None:
    await assistant.receive(incoming("hola"))
    await assistant.wait_until_settled()
    await assistant.order(ordered("echo", text="Voy.", sent_at=datetime.now(UTC) - age))
    assert await assistant.changes() == ([("handed_over", "echo")] if lasts else [])
    assert len(await assistant.replies()) == 1
    if lasts:
        assert await minutes_left(assistant) == 60 - age.total_seconds() // 60


async def test_who_is_written_to_first_from_the_phone_is_not_talked_over(
    assistant: RunningAssistant,
) -> None:
    await assistant.order(ordered("echo", text="Su pan está listo.", wa_id="34600"))
    await assistant.receive(incoming("voy"))
    await assistant.wait_until_put_off()
    await assistant.order(ordered("resume"))
    [reply] = await assistant.replies()
    assert reply.wa_id == "34600"
    assert inputs(assistant.model.bodies[0]) == [f"{BY_A_PERSON} Su pan está listo.", "voy"]


async def test_a_message_written_after_the_echo_still_waits_for_an_answer(
    assistant: RunningAssistant,
) -> None:
    """The two come by different topics, in any order."""
    await talked_to(assistant)
    now = datetime.now(UTC)
    await assistant.receive(incoming("antes", sent_at=now - timedelta(seconds=9)))
    await assistant.receive(incoming("después", sent_at=now))
    await assistant.wait_until_put_off()
    await assistant.order(ordered("echo", text="Voy.", sent_at=now - timedelta(seconds=5)))
    await assistant.wait_until_put_off()
    await assistant.order(ordered("resume"))
    _, missed = await assistant.replies()
    assert missed.answers == ("wamid.ann.después",)
    assert await ends(assistant) == [("wamid.ann.antes", "handed_over", "echo")]
    assert inputs(assistant.model.bodies[-1])[-3:] == ["antes", f"{BY_A_PERSON} Voy.", "después"]


@pytest.mark.parametrize("what", ["echo", "say"])
async def test_what_is_being_answered_when_a_person_writes_is_not_sent(
    assistant: RunningAssistant, what: str
) -> None:
    gate = assistant.model.close()
    await assistant.receive(incoming("hola"))
    await assistant.wait_for_calls(1)
    await assistant.order(ordered(what, text="Ya le digo yo."))
    gate.set()
    reason = "echo" if what == "echo" else "operator"
    assert await ends(assistant) == [("wamid.ann.hola", "handed_over", reason)]
    assert [reply.what for reply in await assistant.replies()] == ["person"] * (what == "say")
    bodies = await assistant.rows("select body from message where role = 'a'")
    assert [row[0] for row in bodies] == ["Ya le digo yo."]


async def test_what_is_being_answered_when_a_person_takes_over_waits_for_them(
    assistant: RunningAssistant,
) -> None:
    gate = assistant.model.close()
    await assistant.receive(incoming("hola"))
    await assistant.wait_for_calls(1)
    await assistant.order(ordered("take_over"))
    gate.set()
    await assistant.wait_until_put_off()
    assert await assistant.rows("select from message where role = 'a'") == []
    await assistant.order(ordered("resume"))
    [reply] = await assistant.replies()
    assert (reply.text, len(assistant.model.bodies)) == ("echo hola", 2)
    assert await ends(assistant) == []


async def test_a_person_and_the_model_never_both_answer(
    kafka: Broker, new_database: NewDatabase
) -> None:
    """Echoes race with answers that are just being stored, at every point of their way."""
    url = new_database(("assistant", "assistant"))
    contacts = [f"c{number}" for number in range(60)]
    async with running_assistant(url, kafka.bootstrap) as assistant:
        for start in range(0, 60, 10):
            some = contacts[start : start + 10]
            echoes = [ordered("echo", contact, text="Voy.") for contact in some]
            await asyncio.gather(
                assistant.receive(*(incoming("hola", contact) for contact in some)),
                assistant.order(*echoes),
            )
        await assistant.execute("update conversation set taken_over_until = null")
        await assistant.execute("update turn set due_at = now() where finished_at is null")
        replies, outcomes = await assistant.replies(), await assistant.outcomes()
    answered = [wamid for reply in replies for wamid in reply.answers]
    handed_over = [outcome.wamid for outcome in outcomes]
    every = sorted(f"wamid.{contact}.hola" for contact in contacts)
    assert sorted(answered + handed_over) == every, "each message has exactly one end"


async def test_a_handover_uses_up_no_tries_of_the_model(assistant: RunningAssistant) -> None:
    await talked_to(assistant)
    for number in range(6):
        await assistant.receive(incoming(str(number)))
        await assistant.wait_until_put_off()
    await assistant.execute("update turn set opened_at = now() - interval '1 h'")
    await assistant.order(ordered("resume"))
    await assistant.wait_until_settled()
    is_new = "first_claimed_at > now() - interval '1 min' as is_new"
    last = f"select attempts - put_off - superseded as tries, {is_new} from turn order by id desc"
    assert tuple((await assistant.rows(last))[0]) == (1, True)


async def test_commands_that_cannot_be_done_say_so_and_change_nothing(
    assistant: RunningAssistant,
) -> None:
    await assistant.order(ordered("say", text="Hola"))
    assert await assistant.rows("select from conversation") == []
    await assistant.receive(incoming("STOP"))
    await assistant.wait_until_settled()
    await assistant.order(ordered("say", text="Hola"), ordered("resume"))
    refused = [("refused", "operator")]
    assert await assistant.changes() == [*refused, ("opted_out", "contact"), *refused * 2]
    assert len(await assistant.replies()) == 1


async def test_an_operator_opts_a_contact_out_and_in(assistant: RunningAssistant) -> None:
    await talked_to(assistant)
    await assistant.receive(incoming("una"))
    await assistant.wait_until_put_off()
    await assistant.order(ordered("opt_out"))
    assert await ends(assistant) == [("wamid.ann.una", "suppressed", "opted_out")]
    await assistant.order(ordered("opt_in"), ordered("resume"))
    await assistant.receive(incoming("dos"))
    assert [reply.text for reply in await assistant.replies()] == ["echo hola", "echo dos"]


async def test_two_clients_with_the_same_contact_are_handed_over_apart(
    kafka: Broker, new_database: NewDatabase
) -> None:
    url = new_database(("assistant", "assistant"))
    async with running_assistant(url, kafka.bootstrap, a_client(1), a_client(2)) as assistant:
        await assistant.receive(incoming("hola", tenant=1), incoming("hola", tenant=2))
        await assistant.wait_until_settled()
        await assistant.order(ordered("take_over", tenant=1))
        await assistant.receive(incoming("otra", tenant=2))
        assert [reply.tenant_id for reply in await assistant.replies()][2:] == [2]
