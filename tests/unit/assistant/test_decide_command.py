"""What people of the business can do with a conversation."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.support.builders import CONTACT, NOON, a_command

from assistant.conversation_changes import ConversationChange
from assistant.decide_command import CommandedConversation, CommandEffect, decide_command
from common.events import OutgoingMedia, TenantSettings

OPEN = CommandedConversation(
    id=7,
    address=CONTACT,
    wa_id="34600",
    opted_out=False,
    is_endless=False,
    taken_over_until=None,
    turn_id=3,
    words_turn_id=3,
    last_wamid="wamid.1",
    last_inbound_at=NOON - timedelta(hours=1),
)
MINUTE = timedelta(minutes=1)
TAKEN = replace(OPEN, taken_over_until=NOON + 90 * MINUTE)


def decided(what: str, conversation: CommandedConversation | None = OPEN, **of: Any) -> Any:
    settings = of.pop("settings", {})
    command = a_command(what, **of)
    return decide_command(command, conversation, TenantSettings(**settings), NOON)


def change(what: str, by: str = "operator", **of: Any) -> tuple[ConversationChange, ...]:
    return (ConversationChange(what, by, **of),)


@pytest.mark.parametrize(
    ("what", "conversation", "changes"),
    [
        ("take_over", OPEN, change("handed_over", until=NOON + 60 * MINUTE)),
        ("take_over", TAKEN, change("handed_over", until=NOON + 60 * MINUTE)),
        ("resume", TAKEN, change("resumed")),
        ("resume", replace(OPEN, is_endless=True), change("resumed")),
        ("opt_out", OPEN, change("opted_out")),
        ("opt_in", OPEN, change("opted_in")),
    ],
)
def test_a_command_changes_the_conversation(
    what: str, conversation: CommandedConversation, changes: tuple[ConversationChange, ...]
) -> None:
    assert decided(what, conversation) == CommandEffect(changes)


@pytest.mark.parametrize(
    ("what", "conversation", "reason"),
    [
        ("resume", None, "unknown_conversation"),
        ("say", None, "unknown_conversation"),
        ("resume", OPEN, "not_handed_over"),
        ("resume", replace(OPEN, taken_over_until=NOON), "not_handed_over"),
        ("say", replace(OPEN, opted_out=True), "opted_out"),
        ("say", replace(OPEN, last_inbound_at=NOON - timedelta(hours=23.1)), "window_closed"),
        ("say", replace(OPEN, last_inbound_at=None), "window_closed"),
    ],
)
def test_a_command_that_cannot_be_done_is_refused_with_its_reason(
    what: str, conversation: CommandedConversation | None, reason: str
) -> None:
    refused = CommandEffect(change("refused", reason=reason), looks_again=False)
    assert decided(what, conversation, text="Hola") == refused


def test_with_a_template_a_person_may_write_to_who_wrote_days_ago() -> None:
    settings = {"window_template": "we_answered"}
    days_ago = replace(OPEN, last_inbound_at=NOON - timedelta(days=9))
    assert decided("say", days_ago, text="Hola", settings=settings).is_sent
    never = decided("say", replace(OPEN, last_inbound_at=None), text="Hola", settings=settings)
    assert never.changes == change("refused", reason="window_closed")
    photo = OutgoingMedia(id="1", kind="image", mime_type="image/png", filename="photo.png")
    file = decided("say", days_ago, media=photo, settings=settings)
    assert file.changes == change("refused", reason="window_closed")


@pytest.mark.parametrize(
    ("minutes", "until"), [(5, NOON + 5 * MINUTE), (0, None), (None, NOON + 30 * MINUTE)]
)
def test_a_take_over_lasts_as_long_as_it_says_or_as_the_client_has_it(
    minutes: int | None, until: Any
) -> None:
    settings = {"handover_minutes": 30}
    result = decided("take_over", minutes=minutes, settings=settings)
    assert result.changes == change("handed_over", until=until)


@pytest.mark.parametrize(("what", "by"), [("say", "operator"), ("echo", "echo")])
def test_what_a_person_writes_takes_the_conversation_over_and_only_say_is_sent(
    what: str, by: str
) -> None:
    result = decided(what, text="Voy.")
    assert result.changes == change("handed_over", by, until=NOON + 60 * MINUTE)
    assert (result.words, result.words_at, result.is_sent) == ("Voy.", NOON, what == "say")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "image"}, "[photo]"),
        ({"kind": "image", "caption": "Su mesa"}, "[photo] Su mesa"),
        ({"kind": "document", "caption": "Hoy"}, '[document "menu (1).pdf"] Hoy'),
    ],
)
def test_of_a_file_the_history_keeps_a_description_and_the_caption(
    fields: dict[str, Any], words: str
) -> None:
    media = OutgoingMedia(id="1", mime_type="image/png", filename="menu [1].pdf", **fields)
    result = decided("say", media=media)
    assert (result.words, result.is_sent) == (words, True)


@pytest.mark.parametrize(
    ("conversation", "until"),
    [(TAKEN, NOON + 90 * MINUTE), (replace(OPEN, is_endless=True), None)],
)
def test_what_a_person_writes_makes_no_handover_shorter(
    conversation: CommandedConversation, until: Any
) -> None:
    assert decided("say", conversation, text="Voy.").changes[0].until == until


def test_an_echo_counts_from_when_it_was_written() -> None:
    result = decided("echo", text="Voy.", sent_at=NOON - 20 * MINUTE)
    assert result.changes == change("handed_over", "echo", until=NOON + 40 * MINUTE)
    ahead = decided("echo", text="Voy.", sent_at=NOON + 20 * MINUTE)
    assert ahead.changes[0].until == NOON + 60 * MINUTE, "no clock of others extends it"


def test_an_echo_that_comes_hours_later_is_only_remembered() -> None:
    written = NOON - timedelta(hours=3)
    result = decided("echo", text="Voy.", sent_at=written)
    assert (result.changes, result.words, result.words_at) == ((), "Voy.", written)
