"""Turns that are not answered by the model: every message still gets its one outcome."""

from datetime import timedelta

import pytest
from tests.support.assistant import (
    ASSISTANT,
    RunningAssistant,
    ScriptedModel,
    a_client,
    incoming,
    running_assistant,
)
from tests.support.kafka import Broker
from tests.support.postgres import NewDatabase

from assistant.openai.model_server import NO_KEY
from assistant.openai.response import ModelAnswer, ModelFailure, Usage
from assistant.texts import notice
from common.events import TenantConfig
from common.openai_models import DEFAULT_MODEL
from common.work import WorkState

pytestmark = pytest.mark.integration
HUMAN = a_client(settings={"handoff_words": ("humano",), "language": "en"})
WAITING = f"state = {WorkState.WAITING.value}"
# As if it had been awaited long enough.
GONE = "update turn set first_claimed_at = now() - interval '2 minutes'"


async def ends(assistant: RunningAssistant) -> list[tuple[str, str, str | None]]:
    outcomes = await assistant.outcomes()
    return sorted((outcome.wamid, outcome.outcome, outcome.reason) for outcome in outcomes)


@pytest.mark.parametrize(
    ("client", "age", "end"),
    [
        (a_client(active=False), 0, ("suppressed", "inactive")),
        (a_client(), 24, ("suppressed", "too_old")),
        (a_client(2, phone_number_id="number-1"), 0, ("suppressed", "number_moved")),
    ],
)
async def test_what_must_not_be_answered_ends_suppressed(
    assistant: RunningAssistant, client: TenantConfig, age: int, end: tuple[str, str]
) -> None:
    assistant.tenants.rows["number-1"] = client
    message = incoming("hola")
    old = message.model_copy(update={"sent_at": message.sent_at - timedelta(hours=age)})
    await assistant.receive(old)
    if end[1] == "number_moved":
        await assistant.eventually("select attempts from turn", lambda rows: rows[0][0] > 0)
        await assistant.execute(GONE)
    assert await ends(assistant) == [("wamid.ann.hola", *end)]
    assert assistant.model.bodies == []
    assert await assistant.replies() == []


@pytest.mark.parametrize(
    ("flag", "end"),
    [
        ("opted_out = true", ("suppressed", "opted_out")),
        ("taken_over_until = now() + interval '1 h'", ("handed_over", "taken_over")),
    ],
)
async def test_no_answer_leaves_once_the_conversation_is_not_ours_any_more(
    assistant: RunningAssistant, flag: str, end: tuple[str, str]
) -> None:
    gate = assistant.model.close()
    await assistant.receive(incoming("hola"))
    await assistant.wait_for_calls(1)
    await assistant.execute(f"update conversation set {flag}")
    gate.set()
    assert await ends(assistant) == [("wamid.ann.hola", *end)]
    assert await assistant.replies() == []
    assert await assistant.rows("select from message where role = 'a'") == []


async def test_a_conversation_comes_back_when_the_take_over_ends(
    assistant: RunningAssistant,
) -> None:
    await assistant.receive(incoming("uno"))
    await assistant.wait_until_settled()
    await assistant.execute("update conversation set taken_over_until = now() - interval '1 s'")
    await assistant.receive(incoming("dos"))
    assert [reply.text for reply in await assistant.replies()] == ["echo uno", "echo dos"]


async def test_stop_is_confirmed_once_then_silence_until_start(
    assistant: RunningAssistant,
) -> None:
    for text in ("BAJA", "hola", "baja", "ALTA", "buenas"):
        await assistant.receive(incoming(text))
        await assistant.wait_until_settled()
    replies = await assistant.replies()
    assert [(reply.kind, reply.answers) for reply in replies] == [
        ("notice", ("wamid.ann.BAJA",)),
        ("notice", ("wamid.ann.ALTA",)),
        ("answer", ("wamid.ann.buenas",)),
    ]
    silent = ("suppressed", "opted_out")
    assert await ends(assistant) == [("wamid.ann.baja", *silent), ("wamid.ann.hola", *silent)]


async def test_a_word_hands_the_conversation_to_a_person(
    kafka: Broker, new_database: NewDatabase
) -> None:
    url = new_database(("assistant", "assistant"))
    async with running_assistant(url, kafka.settings, HUMAN) as assistant:
        await assistant.receive(incoming("¡Humano!"))
        [notice] = await assistant.replies()
        assert (notice.kind, notice.answers) == ("notice", ("wamid.ann.¡Humano!",))
        assert await assistant.changes() == [("handed_over", "contact")]


@pytest.mark.parametrize(
    ("minutes", "until"), [(30, "now() + interval '30 min'"), (0, "'infinity'")]
)
async def test_a_handover_ends_after_the_clients_minutes_or_never(
    kafka: Broker, new_database: NewDatabase, minutes: int, until: str
) -> None:
    url = new_database(("assistant", "assistant"))
    client = a_client(settings={"handover_minutes": minutes})
    async with running_assistant(url, kafka.settings, client) as assistant:
        await assistant.receive(incoming("persona"))
        await assistant.wait_until_settled()
        early = f"taken_over_until <= {until} and taken_over_until > now() + interval '29 min'"
        assert [row[0] for row in await assistant.rows(f"select {early} from conversation")] == [
            True
        ]


async def test_who_comes_back_with_a_question_gets_one_reply_to_both(
    kafka: Broker, new_database: NewDatabase
) -> None:
    url = new_database(("assistant", "assistant"))
    client = a_client(settings={"language": "en"})
    async with running_assistant(url, kafka.settings, client) as assistant:
        await assistant.receive(incoming("STOP"))
        await assistant.wait_until_settled()
        await assistant.receive(incoming("START"), incoming("When?"))
        await assistant.wait_until_settled()
        await assistant.receive(incoming("And where?"))
        _, both, next_one = await assistant.replies()
        assert both.answers == ("wamid.ann.START", "wamid.ann.When?")
        assert (both.kind, both.text) == ("answer", f"{notice('opt_in', 'en')}\n\necho When?")
        assert next_one.text == "echo And where?"


async def test_three_failures_lead_to_the_fallback(assistant: RunningAssistant) -> None:
    assistant.model.script = [ModelFailure("http_500", "transient")] * 3
    await assistant.receive(incoming("hola"))
    await assistant.wait_for_calls(1)
    for tries in (1, 2):
        waiting = f"select 1 from turn where attempts = {tries} and {WAITING}"
        await assistant.eventually(waiting, bool)
        await assistant.execute("update turn set due_at = now()")
    [reply] = await assistant.replies()
    assert (reply.kind, reply.text) == ("fallback", a_client().settings.fallback_text)
    assert len(assistant.model.bodies) == 3
    assert [row[0] for row in await assistant.rows("select reason from turn")] == [
        "fallback:http_500"
    ]


async def test_an_empty_account_leads_to_the_fallback_at_once(assistant: RunningAssistant) -> None:
    assistant.model.script = [ModelFailure("billing:insufficient_quota", "account")]
    await assistant.receive(incoming("hola"))
    [reply] = await assistant.replies()
    assert (reply.kind, len(assistant.model.bodies)) == ("fallback", 1)


async def test_the_fallback_comes_once_in_ten_minutes_and_is_no_history(
    assistant: RunningAssistant,
) -> None:
    failure = ModelFailure("billing:insufficient_quota")
    assistant.model.script = [failure, failure, failure]
    for text in ("una", "dos"):
        await assistant.receive(incoming(text))
        await assistant.wait_until_settled()
    assert await ends(assistant) == [("wamid.ann.dos", "failed", failure.reason)]
    await assistant.execute("update conversation set fallback_at = now() - interval '10 minutes'")
    await assistant.receive(incoming("tres"))
    replies = await assistant.replies()
    assert [(reply.kind, reply.failure, reply.answers) for reply in replies] == [
        ("fallback", failure.reason, ("wamid.ann.una",)),
        ("fallback", failure.reason, ("wamid.ann.tres",)),
    ]
    await assistant.receive(incoming("cuatro"))
    await assistant.wait_until_settled()
    assert [item["content"] for item in assistant.model.bodies[-1]["input"][1:]] == ["cuatro"]


async def test_the_servers_retry_after_is_honoured(assistant: RunningAssistant) -> None:
    assistant.model.script = [ModelFailure("http_429:slow_down", "rate_limit", 30.0)]
    await assistant.receive(incoming("hola"))
    await assistant.eventually(
        f"select 1 from turn where attempts = 1 and {WAITING}"
        " and due_at between now() + interval '30 s' and now() + interval '60 s'",
        bool,
    )
    await assistant.receive(incoming("hola", contact="bob"))
    waits = f"select 1 from turn where {WAITING} and reason = 'put_off:rate_limit'"
    await assistant.eventually(waits, bool)
    assert len(assistant.model.bodies) == 1


@pytest.mark.parametrize(("age", "again"), [(60, True), (121, False)])
async def test_a_rate_limit_is_waited_out_for_two_minutes_from_the_first_claim(
    assistant: RunningAssistant, age: int, again: bool
) -> None:
    """However long the turn had waited to be claimed."""
    assistant.model.script = [ModelFailure("http_429:slow_down", "rate_limit")] * 2
    await assistant.receive(incoming("hola"))
    await assistant.eventually(f"select 1 from turn where attempts = 1 and {WAITING}", bool)
    await assistant.execute(
        "update turn set opened_at = now() - interval '1 h', due_at = now(), attempts = 2,"
        f" first_claimed_at = now() - interval '{age} s'"
    )
    if again:
        await assistant.wait_for_calls(2)
        await assistant.execute(f"update turn set due_at = now() where {WAITING}")
    [reply] = await assistant.replies()
    assert reply.kind == ("answer" if again else "fallback")


@pytest.mark.parametrize(
    ("quiet_ms", "first"), [(0, "= opened_at"), (300, ">= opened_at + interval '0.3 s'")]
)
async def test_a_turn_keeps_the_time_of_its_first_claim(
    assistant: RunningAssistant, quiet_ms: int, first: str
) -> None:
    """It was claimed while it was stored, or when it was due."""
    assistant.tenants.rows["number-1"] = a_client(settings={"quiet_window_ms": quiet_ms})
    assistant.model.script = [ModelFailure("http_500", "transient")] * 3
    await assistant.receive(incoming("hola"))
    await assistant.wait_until_settled()
    is_first = f"first_claimed_at {first} as is_first"
    before = "first_claimed_at < finished_at - interval '1 s' as is_kept"
    [turn] = await assistant.rows(f"select attempts, {is_first}, {before} from turn")
    assert tuple(turn) == (3, True, True)


async def test_a_refusal_is_not_said_and_is_billed(assistant: RunningAssistant) -> None:
    assistant.model.script = [ModelFailure("refusal", usage=Usage("m", 10, 0, 5))]
    await assistant.receive(incoming("hola"))
    [reply] = await assistant.replies()
    assert (reply.kind, reply.text) == ("fallback", a_client().settings.fallback_text)
    assert [tuple(row) for row in await assistant.rows("select input_tokens from usage")] == [(10,)]


async def test_a_superseded_turn_keeps_its_tries(assistant: RunningAssistant) -> None:
    gate = assistant.model.close()
    for number in (1, 2, 3):
        await assistant.receive(incoming(str(number)))
        await assistant.wait_for_calls(number)
    assistant.model.script = [ModelFailure("http_500", "transient")]
    await assistant.receive(incoming("4"))
    await assistant.wait_for_calls(4)
    gate.set()
    [reply] = await assistant.replies()
    assert (reply.kind, len(reply.answers)) == ("answer", 4)


async def test_a_model_that_was_taken_away_is_replaced(assistant: RunningAssistant) -> None:
    assistant.model.script = [
        ModelFailure("http_404:model_not_found", code="model_not_found"),
        lambda body: ModelAnswer(body["model"], Usage("m")),
    ]
    await assistant.receive(incoming("hola"))
    [reply] = await assistant.replies()
    assert (reply.kind, reply.text) == ("answer", DEFAULT_MODEL)


async def test_a_sealed_key_that_cannot_be_opened_is_not_replaced_by_ours(
    assistant: RunningAssistant,
) -> None:
    assistant.tenants.rows["number-1"] = a_client(openai_api_key="v1.sealed")
    await assistant.receive(incoming("hola"))
    [reply] = await assistant.replies()
    assert (reply.kind, assistant.model.keys) == ("fallback", [])


async def test_a_clients_own_server_never_gets_our_key(assistant: RunningAssistant) -> None:
    own = {"openai_base_url": "https://models.example.com/v1"}
    assistant.tenants.rows["number-1"] = a_client(settings=own)
    await assistant.receive(incoming("hola"))
    [reply] = await assistant.replies()
    assert (reply.kind, assistant.model.keys) == ("answer", [NO_KEY])


async def test_an_assistant_published_after_the_message_answers_it(
    kafka: Broker, new_database: NewDatabase
) -> None:
    url = new_database(("assistant", "assistant"))
    async with running_assistant(url, kafka.settings, assistants={}) as assistant:
        await assistant.receive(incoming("hola"))
        await assistant.eventually("select reason from turn", lambda rows: rows[0][0] is not None)
        assistant.assistants.rows[ASSISTANT.assistant_id] = ASSISTANT
        [reply] = await assistant.replies()
        assert reply.text == "echo hola"


async def test_a_client_known_to_the_router_first_is_answered(assistant: RunningAssistant) -> None:
    await assistant.receive(incoming("hola", tenant=2))
    await assistant.eventually("select reason from turn", lambda rows: rows[0][0] is not None)
    assistant.tenants.rows["number-2"] = a_client(2)
    [reply] = await assistant.replies()
    assert (reply.tenant_id, reply.text) == (2, "echo hola")


async def test_a_bug_in_a_turn_ends_with_the_fallback_and_disturbs_no_other(
    kafka: Broker, new_database: NewDatabase
) -> None:
    def broken(body: object) -> ModelAnswer:
        raise ZeroDivisionError

    url = new_database(("assistant", "assistant"))
    model = ScriptedModel(script=[broken])
    async with running_assistant(url, kafka.settings, model=model) as assistant:
        await assistant.receive(incoming("hola"))
        await assistant.eventually("select reason from turn", lambda rows: rows[0][0] is not None)
        await assistant.execute("update turn set failures = 4, due_at = now() + interval '1 min'")
        await assistant.receive(incoming("hola", contact="bob"))
        await assistant.eventually("select 1 from message where role = 'a'", bool)
        model.script = [broken]
        await assistant.execute(f"update turn set due_at = now() where {WAITING}")
        replies = [
            (reply.contact_id, reply.kind, reply.failure) for reply in await assistant.replies()
        ]
        assert replies == [
            ("bob", "answer", None),
            ("ann", "fallback", "always_fails:ZeroDivisionError"),
        ]
        assert await ends(assistant) == []  # the sender says them
