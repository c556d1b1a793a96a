"""Anything a server sends becomes an answer or a failure, never an exception."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.openai.choices_tool import Offer, Option
from assistant.openai.response import (
    LONGEST_TEXT,
    ModelAnswer,
    ModelFailure,
    Usage,
    read_response,
)


def a_message(*parts: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": list(parts)} | fields


def a_response(*parts: Any, **fields: Any) -> dict[str, Any]:
    output = [a_message(*parts)]
    return {"status": "completed", "model": "gpt-6-luna", "output": output} | fields


def text(content: str) -> dict[str, str]:
    return {"type": "output_text", "text": content}


def a_call(name: str, arguments: Any = '{"reason": "wants a refund"}') -> dict[str, Any]:
    return {"type": "function_call", "name": name, "call_id": "c1", "arguments": arguments}


REFUSAL = {"type": "refusal", "refusal": "I'm sorry, I can't assist."}
CUT = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
    "output_tokens": 20,
    "output_tokens_details": {"reasoning_tokens": 8},
}
NO_DETAILS = {"input_tokens_details": None, "output_tokens_details": None}
BILLED = Usage("gpt-6-luna", 100, 60, 20, cache_write_tokens=30, reasoning_tokens=8)
COMMENTARY = a_message(text("Voy a comprobar la carta…"), phase="commentary")
FINAL = a_message(text("El menú cuesta 12 €."), phase="final_answer")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (a_response(text(" hola\n")), "hola"),
        (a_response(text("a"), text("b")), "a\nb"),
        (a_response(text("a"), {"type": "novelty", "text": 3}), "a"),
        (a_response(text("a"), None, "x", 4), "a"),
        (a_response(text("a\0b\ud800")), "ab?"),
        ({"output": [{"type": "reasoning"}, a_message(text("a"))]}, "a"),
        (a_response(text("a"), status=None), "a"),
        (a_response(text("Abrimos. Cerramos a l"), **CUT), "Abrimos."),
        (a_response(text("Abrimos. Cer"), status="incomplete"), "Abrimos."),
        (a_response(text("Sí. N"), incomplete_details={"reason": "max_messages"}), "Sí."),
        (a_response(text("<think>caro</think>Hola")), "Hola"),
        (a_response(output=[COMMENTARY, FINAL]), "El menú cuesta 12 €."),
        (a_response(output=[COMMENTARY]), "Voy a comprobar la carta…"),
        (a_response(output=[a_call("search"), a_message(text("Hola"))]), "Hola"),
        (a_response(text("Sí. " * LONGEST_TEXT)), ("Sí. " * LONGEST_TEXT)[:LONGEST_TEXT].strip()),
    ],
)
def test_the_answers_text_is_found_and_made_fit_to_send(
    body: dict[str, Any], expected: str
) -> None:
    answer = read_response(body)
    assert isinstance(answer, ModelAnswer)
    assert answer.text == expected


UNREADABLE = ModelFailure("unreadable", "transient")


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        ("<html>busy</html>", UNREADABLE),
        (None, UNREADABLE),
        ([], UNREADABLE),
        ({}, UNREADABLE),
        ({"output": "text"}, UNREADABLE),
        (a_response(), ModelFailure("empty")),
        (a_response(text(" \0\n")), ModelFailure("empty")),
        (a_response(text("\u200b\u200e\u2060")), ModelFailure("empty")),
        (a_response(text("<think>Cuánto cuesta")), ModelFailure("empty")),
        (a_response(text(7)), ModelFailure("empty")),  # type: ignore[arg-type]
        (a_response(output=[], **CUT), ModelFailure("incomplete:max_output_tokens")),
        (a_response(REFUSAL), ModelFailure("refusal")),
        (a_response(text("Cla"), REFUSAL), ModelFailure("refusal")),
        (a_response(text("hola"), status="in_progress"), ModelFailure("status:in_progress")),
        (a_response(text("hola"), status="queued"), ModelFailure("status:queued")),
        (a_response(text("hola"), status="cancelled"), ModelFailure("status:cancelled")),
        (a_response(text("hola"), status="a\0b"), ModelFailure("status:unknown")),
        (
            a_response(text("Sí."), incomplete_details={"reason": "content_filter"}),
            ModelFailure("incomplete:content_filter"),
        ),
    ],
)
def test_what_is_no_answer_is_a_failure_with_its_reason(
    body: object, failure: ModelFailure
) -> None:
    read = read_response(body)
    assert isinstance(read, ModelFailure)
    assert (read.reason, read.kind) == (failure.reason, failure.kind)


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        ("server_error", "failed:server_error", "transient"),
        ("rate_limit_exceeded", "failed:rate_limit_exceeded", "rate_limit"),
        ("invalid_prompt", "failed:invalid_prompt", "final"),
        ("a\0b", "failed:unknown", "final"),
        (None, "failed:unknown", "final"),
    ],
)
def test_a_failed_response_fails_with_its_code(code: str | None, reason: str, kind: str) -> None:
    read = read_response(a_response(text("hola"), status="failed", error={"code": code}))
    assert isinstance(read, ModelFailure)
    assert (read.reason, read.kind) == (reason, kind)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (USAGE, BILLED),
        (None, Usage("gpt-6-luna")),
        (USAGE | NO_DETAILS, Usage("gpt-6-luna", 100, 0, 20)),
        (USAGE | {"input_tokens": "9", "output_tokens": -1}, Usage("gpt-6-luna", 0, 60, 0, 30, 8)),
        (USAGE | {"input_tokens": 2**40}, Usage("gpt-6-luna", 2**31 - 1, 60, 20, 30, 8)),
    ],
)
def test_usage_may_be_missing_or_absurd(usage: object, expected: Usage) -> None:
    answer = read_response(a_response(text("a"), usage=usage))
    assert isinstance(answer, ModelAnswer)
    assert answer.usage == expected


@pytest.mark.parametrize(
    "body", [a_response(REFUSAL), a_response(), a_response(**CUT), a_response(status="failed")]
)
def test_a_failure_tells_what_was_billed_for_it(body: dict[str, Any]) -> None:
    assert read_response(body | {"usage": USAGE}).usage == BILLED


KEYS = st.sampled_from(
    ("status", "output", "type", "content", "text", "refusal", "error", "code", "usage", "model")
) | st.sampled_from(
    ("incomplete_details", "reason", "input_tokens", "input_tokens_details", "output_tokens")
)
WORDS = st.sampled_from(["failed", "message", "output_text", "refusal", "completed"]) | st.text()
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | WORDS
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(), inner),
    max_leaves=15,
)


@settings(deadline=None)
@given(JSON)
def test_any_json_is_read_and_can_be_stored(body: object) -> None:
    read = read_response(body)
    if isinstance(read, ModelAnswer):
        assert read.text.encode()
        assert "\0" not in read.text
        assert 0 <= read.usage.input_tokens < 2**31
    else:
        assert read.reason.isprintable()


@pytest.mark.parametrize(
    ("output", "said", "reason"),
    [
        ([a_call("hand_over")], "", "wants a refund"),
        ([a_call("hand_over")] * 1000, "", "wants a refund"),
        ([a_call("search"), a_call("hand_over")], "", "wants a refund"),
        ([a_message(text("Un momento.")), a_call("hand_over")], "Un momento.", "wants a refund"),
        ([a_message(text("\u200b")), a_call("hand_over")], "", "wants a refund"),
        ([a_call("hand_over", '{"reason": "wants a ref')], "", ""),
        ([a_call("hand_over", {"reason": "x"})], "", ""),
        ([a_call("hand_over", '{"reason": 3}')], "", ""),
        ([a_call("hand_over", None)], "", ""),
    ],
)
def test_a_model_may_hand_the_conversation_to_a_person(
    output: list[Any], said: str, reason: str
) -> None:
    answer = read_response(a_response(output=output, usage=USAGE))
    assert answer == ModelAnswer(said, BILLED, handover=reason)


def test_calls_of_tools_that_the_model_does_not_have_are_no_answer() -> None:
    endless = [a_call("search")] * 1000
    assert read_response(a_response(output=endless, usage=USAGE)) == ModelFailure(
        "empty", usage=BILLED
    )


OFFER = (
    '{"text": "¿Cuál?", "options":'
    ' [{"title": "Corte", "description": "20 €"}, {"title": " A\\nB "}]}'
)
ONE_OPTION = '{"text": "x", "options": [{"title": "a"}, {"title": "a"}]}'
OFFERED = Offer("¿Cuál?", (Option("Corte", "20 €"), Option("A B", None)))


@pytest.mark.parametrize(
    ("output", "said", "offer"),
    [
        ([a_call("offer_choices", OFFER)], "", OFFERED),
        ([a_message(text("Claro.")), a_call("offer_choices", OFFER)], "Claro.", OFFERED),
        ([a_message(text("Claro.")), a_call("offer_choices", OFFER[:40])], "Claro.", None),
        ([a_message(text("Claro.")), a_call("offer_choices", '{"options": 3}')], "Claro.", None),
        (
            [
                a_message(text("Claro.")),
                a_call(
                    "offer_choices", '{"text": "x", "options": [{"title": "a"}, {"title": "a"}]}'
                ),
            ],
            "Claro.",
            None,
        ),
    ],
)
def test_a_model_may_offer_a_choice(output: list[Any], said: str, offer: Offer | None) -> None:
    answer = read_response(a_response(output=output, usage=USAGE))
    assert answer == ModelAnswer(said, BILLED, offer=offer)


@pytest.mark.parametrize("arguments", [OFFER[:40], '{"text": "", "options": []}', None, {}])
def test_an_offer_that_says_nothing_is_no_answer(arguments: Any) -> None:
    body = a_response(output=[a_call("offer_choices", arguments)], usage=USAGE)
    assert read_response(body) == ModelFailure("empty", usage=BILLED)
